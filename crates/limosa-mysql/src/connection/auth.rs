//! Proving who we are, in the ways of both products, with switching between them.
//!
//! A password goes out in clear only over TLS or a local socket, and encrypted with the server's RSA key only if
//! the address names that key, or says `get-server-public-key=true`: without TLS anybody in between could hand
//! over a key of his own.

use super::packet::error_packet;
use crate::connect::Target;
use crate::wire::{Parts, Wire, malformed};
use limosa_core::error::{Error, ErrorKind, Result};
use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::client_ed25519::ClientEd25519;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::auth::plugins::{ChallengeResponsePlugin, Context};
use std::path::Path;

/// A way to prove who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    /// SHA-1 of the password and the server's nonce. Every MariaDB, MySQL before 9.
    Native,
    /// SHA-256 of the same; where the server has the password not in its cache, the password itself.
    CachingSha2,
    /// The password itself.
    Sha256,
    /// A signature over the server's nonce. MariaDB.
    Ed25519,
    /// The password in clear, for servers that ask others about it (PAM, LDAP).
    Clear,
}

impl Plugin {
    const ALL: [Self; 5] = [
        Self::Native,
        Self::CachingSha2,
        Self::Sha256,
        Self::Ed25519,
        Self::Clear,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Sha256 => "sha256_password",
            Self::Ed25519 => "client_ed25519",
            Self::Clear => "mysql_clear_password",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// The server's first packet.
pub(crate) struct Greeting {
    pub(crate) version: String,
    pub(crate) id: u32,
    pub(crate) flags: u32,
    pub(crate) nonce: [u8; 20],
    pub(crate) plugin: String,
}

impl Greeting {
    /// Reads it; `None` if it is not of protocol 10 or ends too early.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let mut parts = Parts::new(packet);
        if parts.u8()? != 10 {
            return None;
        }
        let version = String::from_utf8_lossy(parts.zero_ended()).into_owned();
        let id = parts.u32()?;
        let mut nonce = [0; 20];
        nonce[..8].copy_from_slice(parts.take(8)?);
        parts.u8()?;
        let low = u32::from(parts.u16()?);
        parts.take(3)?;
        let high = u32::from(parts.u16()?);
        parts.take(11)?;
        nonce[8..].copy_from_slice(parts.take(12)?);
        parts.u8()?;
        let plugin = String::from_utf8_lossy(parts.zero_ended()).into_owned();
        Some(Self {
            version,
            id,
            flags: low | high << 16,
            nonce,
            plugin,
        })
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Authentication, "authenticating", why)
}

/// What the server says after an answer of ours.
enum Step {
    Welcome,
    /// Another plugin, and what it begins with.
    Switch(String, Vec<u8>),
    More(Vec<u8>),
}

fn step(packet: &[u8]) -> Result<Step> {
    match packet.split_first() {
        Some((0, _)) => Ok(Step::Welcome),
        Some((0xff, _)) => Err(error_packet("authenticating", packet)),
        Some((1, rest)) => Ok(Step::More(rest.to_vec())),
        Some((0xfe, rest)) if !rest.is_empty() => {
            let mut parts = Parts::new(rest);
            let plugin = String::from_utf8_lossy(parts.zero_ended()).into_owned();
            Ok(Step::Switch(plugin, parts.rest.to_vec()))
        }
        Some((0xfe, _)) => Err(refused("the account has a password of before MySQL 4.1")),
        _ => Err(malformed("answer to the password")),
    }
}

/// What a signature is made of; the plugin asks for no more.
struct Signed<'a> {
    password: &'a [u8],
    nonce: &'a [u8],
}

impl Context for Signed<'_> {
    fn pass(&self) -> &[u8] {
        self.password
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        false
    }

    fn scramble(&self) -> &[u8] {
        self.nonce
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

/// The server's key, from the file that the address names.
fn key_in(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let why = format!("server-public-key-path can not be read: {e}");
        Error::new(ErrorKind::File, "authenticating", why).on(path.display().to_string())
    })
}

/// The proof under way.
pub(super) struct Proof<'a> {
    target: &'a Target,
    plugin: Plugin,
    nonce: Vec<u8>,
    private: bool,
}

impl<'a> Proof<'a> {
    /// Begins with the server's own plugin if we know it, else with the oldest, and the server will switch.
    /// `private`: nobody can read along.
    pub(super) fn new(target: &'a Target, greeting: &Greeting, private: bool) -> Self {
        let plugin = match Plugin::named(&greeting.plugin) {
            // Nothing is sent in clear before the server asks for it.
            Some(Plugin::Clear) | None => Plugin::Native,
            Some(plugin) => plugin,
        };
        Self {
            target,
            plugin,
            nonce: greeting.nonce.to_vec(),
            private,
        }
    }

    /// The name of the plugin.
    pub(super) fn plugin(&self) -> &'static str {
        self.plugin.name()
    }

    /// What is sent at first.
    pub(super) fn first(&mut self) -> Result<Vec<u8>> {
        let password = self.target.password();
        if password.is_empty() {
            return Ok(match self.plugin {
                Plugin::Sha256 | Plugin::Clear => vec![0],
                Plugin::Ed25519 => self.signature()?,
                Plugin::Native | Plugin::CachingSha2 => Vec::new(),
            });
        }
        match self.plugin {
            Plugin::Native => {
                Ok(scramble_native(&self.nonce, password).map_or(Vec::new(), |s| s.to_vec()))
            }
            Plugin::CachingSha2 => {
                let nonce = self.nonce.first_chunk::<20>();
                let nonce = nonce.ok_or_else(|| malformed("nonce"))?;
                Ok(scramble_sha256(nonce, password).map_or(Vec::new(), |s| s.to_vec()))
            }
            Plugin::Ed25519 => self.signature(),
            Plugin::Clear if self.private => Ok(self.in_clear()),
            Plugin::Clear => Err(refused(
                "the account wants the password in clear over a connection that others can read",
            )
            .hint("set ssl-mode=VERIFY_IDENTITY, or connect by a local socket")),
            Plugin::Sha256 if self.private => Ok(self.in_clear()),
            Plugin::Sha256 => match &self.target.server_public_key {
                Some(path) => self.sealed(&key_in(path)?),
                // A request for the key.
                None => self.may_ask_for_the_key().map(|()| vec![1]),
            },
        }
    }

    /// Goes on until the server lets us in.
    pub(super) fn finish(mut self, wire: &mut Wire) -> Result<()> {
        // A server can not keep us here: switch, key and verdict are at most a handful of packets.
        for _ in 0..8 {
            match step(wire.packet()?)? {
                Step::Welcome => return Ok(()),
                Step::Switch(name, data) => {
                    self.plugin = Plugin::named(&name).ok_or_else(|| {
                        let known: Vec<&str> = Plugin::ALL.iter().map(|p| p.name()).collect();
                        refused(format!(
                            "the account uses the plugin {name:?}, which is not supported"
                        ))
                        .hint(format!("use an account with one of {}", known.join(", ")))
                    })?;
                    // Most end with a zero byte that is no part of the nonce.
                    self.nonce = match self.plugin {
                        Plugin::Ed25519 => data,
                        _ => data.get(..20).unwrap_or(&data).to_vec(),
                    };
                    let first = self.first()?;
                    wire.send(&first)?;
                }
                Step::More(data) => match (self.plugin, data.as_slice()) {
                    (Plugin::CachingSha2, [3]) => {}
                    (Plugin::CachingSha2, [4]) => self.full(wire)?,
                    (Plugin::Sha256, key) if !self.private && key.len() < 16_384 => {
                        let sealed = self.sealed(key)?;
                        wire.send(&sealed)?;
                    }
                    _ => return Err(malformed("answer to the password")),
                },
            }
        }
        Err(malformed("authentication: no end"))
    }

    /// The password itself, because the server has it not in its cache.
    fn full(&self, wire: &mut Wire) -> Result<()> {
        if self.private {
            return wire.send(&self.in_clear());
        }
        let key = match &self.target.server_public_key {
            Some(path) => key_in(path)?,
            None => {
                self.may_ask_for_the_key()?;
                wire.send(&[2])?;
                match step(wire.packet()?)? {
                    Step::More(key) if key.len() < 16_384 => key,
                    _ => return Err(malformed("public key")),
                }
            }
        };
        wire.send(&self.sealed(&key)?)
    }

    fn in_clear(&self) -> Vec<u8> {
        let mut clear = self.target.password().to_vec();
        clear.push(0);
        clear
    }

    fn may_ask_for_the_key(&self) -> Result<()> {
        if self.target.get_server_public_key {
            return Ok(());
        }
        Err(refused(format!(
            "{} needs TLS, a local socket or the server's public key here",
            self.plugin()
        ))
        .hint(
            "set ssl-mode=REQUIRED, or server-public-key-path=FILE, or get-server-public-key=true if nobody \
             stands between here and the server",
        ))
    }

    /// The password, mixed with the nonce and encrypted for the server.
    fn sealed(&self, key: &[u8]) -> Result<Vec<u8>> {
        let Some(nonce) = self.nonce.first_chunk::<20>() else {
            return Err(malformed("nonce"));
        };
        let mut mixed = self.in_clear();
        for (i, b) in mixed.iter_mut().enumerate() {
            *b ^= nonce[i % 20];
        }
        // The library panics on a key that is none, or is too short for the password.
        if !limosa_net::is_rsa_key(key) || mixed.len() > 80 {
            return Err(malformed("public key"));
        }
        mysql_common::crypto::encrypt(&mixed, key).map_err(|_| malformed("public key"))
    }

    fn signature(&self) -> Result<Vec<u8>> {
        let nonce = self.nonce.as_slice();
        let signed = Signed {
            password: self.target.password(),
            nonce,
        };
        ClientEd25519::default()
            .run(signed, nonce)
            .ok()
            .and_then(|r| Some(r.data()?.to_vec()))
            .ok_or_else(|| malformed("nonce"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_greeting_is_none() {
        let mut packet = vec![10];
        packet.extend_from_slice(b"9.7.0\0");
        packet.extend_from_slice(&[1, 0, 0, 0]);
        packet.extend_from_slice(&[7; 8]);
        packet.extend_from_slice(&[0, 0xff, 0xff, 45, 2, 0, 0xff, 0xff, 21]);
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(&[8; 12]);
        packet.push(0);
        packet.extend_from_slice(b"caching_sha2_password\0");
        let greeting = Greeting::read(&packet).expect("whole");
        assert_eq!(Plugin::named(&greeting.plugin), Some(Plugin::CachingSha2));
        assert_eq!(greeting.nonce[8..], [8; 12]);
        for n in 0..packet.len() - greeting.plugin.len() - 2 {
            assert!(Greeting::read(&packet[..n]).is_none(), "{n}");
        }
    }
}
