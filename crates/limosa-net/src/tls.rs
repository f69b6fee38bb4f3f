//! TLS by rustls with ring: who is trusted, and who we are.

use limosa_core::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// How far the server is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Not at all: who listens learns nothing, who stands in between learns everything.
    Anybody,
    /// Its certificate leads to a known authority.
    Chain,
    /// The same, and the certificate names the host.
    Name,
}

/// Whose signatures are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those of the authorities that this system knows.
    System,
    /// Those of the certificates in a PEM file.
    File(PathBuf),
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What an engine calls the files in its addresses; errors name them.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The authorities' certificates.
    pub root: &'static str,
    /// Our own certificate.
    pub cert: &'static str,
    /// Our own key.
    pub key: &'static str,
}

/// What a connection asks of TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// How far the server is checked.
    pub trust: Trust,
    /// Whom it is checked against.
    pub roots: Roots,
    /// Our certificate and its key, as PEM files.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The oldest version that is good enough.
    pub oldest: Version,
    /// The newest one that is offered.
    pub newest: Version,
    /// Whether the host's name is sent in clear at the beginning, for routers of connections.
    pub names_host: bool,
    /// The protocol that will be spoken inside, where servers ask for it.
    pub inside: Option<&'static [u8]>,
    /// What the files are called.
    pub names: Names,
}

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Configuration, "preparing TLS", why.to_string())
}

fn unread(name: &str, path: &Path, why: impl std::fmt::Display) -> Error {
    let why = format!("{name} can not be used: {why}");
    Error::new(ErrorKind::File, "preparing TLS", why).on(path.display().to_string())
}

/// The certificates in a PEM file; at least one.
fn certificates(name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|e| unread(name, path, e))?;
    if found.is_empty() {
        return Err(unread(name, path, "there is no certificate in it"));
    }
    Ok(found)
}

fn key(name: &str, path: &Path) -> Result<PrivateKeyDer<'static>> {
    crate::private(path)?;
    let bytes = std::fs::read(path).map_err(|e| unread(name, path, e))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|e| {
        // `BEGIN ENCRYPTED PRIVATE KEY`, or a header of the older form.
        if bytes.windows(9).any(|w| w == b"ENCRYPTED") {
            unread(name, path, "the key is encrypted").hint(
                "Keys with a password are not read. Write it in clear into a file that only you may read: \
                 openssl pkey -in KEY -out PLAIN && chmod 600 PLAIN",
            )
        } else {
            unread(name, path, e)
        }
    })
}

/// The authorities of this system, read once.
fn system() -> Result<Arc<RootCertStore>> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let store = SYSTEM.get_or_init(|| {
        let mut store = RootCertStore::empty();
        // Those that rustls can not read are of no use to it.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    });
    Ok(Arc::clone(store))
}

impl Tls {
    /// Makes the client side of a connection to `host`.
    ///
    /// # Errors
    /// `File` for a file that can not be used, `Configuration` for the rest.
    pub(crate) fn client(&self, host: &str) -> Result<ClientConnection> {
        let provider = Arc::new(ring::default_provider());
        let chain = match self.trust {
            Trust::Anybody => None,
            Trust::Chain | Trust::Name => Some(
                WebPkiServerVerifier::builder_with_provider(self.roots()?, Arc::clone(&provider))
                    .build()
                    .map_err(wrong)?,
            ),
        };
        let verifier = Verifier {
            chain,
            name: self.trust == Trust::Name,
            provider: Arc::clone(&provider),
        };
        let versions: Vec<&SupportedProtocolVersion> = [
            (Version::Tls13, &rustls::version::TLS13),
            (Version::Tls12, &rustls::version::TLS12),
        ]
        .into_iter()
        .filter(|(v, _)| (self.oldest..=self.newest).contains(v))
        .map(|(_, v)| v)
        .collect();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(wrong)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some((cert, secret)) => {
                let chain = certificates(self.names.cert, cert)?;
                let secret = key(self.names.key, secret)?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|e| unread(self.names.cert, cert, e))?
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.names_host;
        config.alpn_protocols = self.inside.iter().map(|p| p.to_vec()).collect();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| wrong("the host is no name that a certificate could bear"))?;
        ClientConnection::new(Arc::new(config), name).map_err(wrong)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>> {
        let name = self.names.root;
        let store = match &self.roots {
            Roots::System => system()?,
            Roots::File(path) => {
                let mut store = RootCertStore::empty();
                for cert in certificates(name, path)? {
                    store.add(cert).map_err(|e| unread(name, path, e))?;
                }
                Arc::new(store)
            }
        };
        if store.is_empty() {
            return Err(wrong("this system has no certificates of authorities")
                .hint(format!("Name a file with one: {name}=/path/to/ca.crt")));
        }
        Ok(store)
    }
}

/// Checks what was asked for. That the server owns the certificate that it shows is always checked.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            // The name is looked at after the chain.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn asked(roots: Roots, identity: Option<(PathBuf, PathBuf)>) -> Tls {
        Tls {
            trust: Trust::Name,
            roots,
            identity,
            oldest: Version::Tls12,
            newest: Version::Tls13,
            names_host: true,
            inside: None,
            names: Names {
                root: "the-root",
                cert: "the-cert",
                key: "the-key",
            },
        }
    }

    fn refusal(tls: &Tls) -> Error {
        tls.client("localhost").expect_err("it must not be taken")
    }

    #[test]
    fn a_file_that_is_none_is_named_with_its_option() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.pem");
        let missing = refusal(&asked(Roots::File(file.clone()), None));
        assert_eq!(missing.kind(), ErrorKind::File);
        assert!(missing.to_string().contains("the-root"), "{missing}");
        std::fs::write(&file, "no certificate").expect("writable");
        let empty = refusal(&asked(Roots::File(file), None)).to_string();
        assert!(empty.contains("there is no certificate in it"), "{empty}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_or_that_is_encrypted_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key.pem");
        let words =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
        std::fs::write(&file, words).expect("writable");
        let mode = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
        };
        mode(0o644);
        let open = key("the-key", &file).expect_err("others may read it");
        assert_eq!(open.kind(), ErrorKind::Configuration);
        mode(0o600);
        let locked = key("the-key", Path::new(&file)).expect_err("it is encrypted");
        assert!(locked.to_string().contains("the-key"), "{locked}");
        assert!(
            locked.remedy().is_some_and(|h| h.contains("openssl pkey")),
            "{locked:?}"
        );
    }
}
