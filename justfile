# The verbs of this repository. `just` lists them; each is one line that also works without `just`.

_list:
    @just --list

# Install the servers that the tests start.
setup:
    ./setup

# Run the tests, or those that the arguments choose.
test *arguments:
    ./test {{arguments}}

# Run the conformance suite of the engines.
conformance *arguments:
    ./test -p limosa-testkit --test conformance {{arguments}}

# Format.
fmt:
    cargo fmt --all

# Judge the code.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Build the documentation and open it.
docs:
    cargo doc --workspace --no-deps --open

# Look at the snapshots that changed, one by one.
snapshots:
    cargo insta review

# Ask whether a dependency has a known hole. Needs the network.
advisories:
    cargo deny check advisories

# Licences, sources and banned crates.
deny:
    cargo deny check bans licenses sources

# Everything that must hold before a change is taken.
ci:
    bash .ci/run

# Build the binary that is shipped.
release:
    cargo build --release --locked -p limosa
