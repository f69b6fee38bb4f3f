//! TLS for a connection: what is checked follows from the mode, and what was agreed can be printed.

use crate::connect::{SslMode, Target};
use limosa_core::error::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::Arc;

fn failed(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Authentication,
        "agreeing on TLS",
        why.to_string(),
    )
}

fn file(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::File,
        "reading a certificate or key",
        why.to_string(),
    )
    .on(path.display().to_string())
}

/// Checks what the mode asks for: nothing, the chain, or the chain and the name.
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
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn roots(target: &Target) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match &target.ssl_ca {
        Some(path) => {
            for cert in CertificateDer::pem_file_iter(path).map_err(|e| file(path, e))? {
                let cert = cert.map_err(|e| file(path, e))?;
                store.add(cert).map_err(|e| file(path, e))?;
            }
            if store.is_empty() {
                return Err(file(path, "no certificate in it"));
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(failed("the system has no certificate authorities")
                    .hint("name one with ssl-ca"));
            }
        }
    }
    Ok(store)
}

/// Makes the client side of a TLS connection.
pub(crate) fn client(target: &Target) -> Result<rustls::ClientConnection> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = match target.ssl_mode {
        SslMode::VerifyCa | SslMode::VerifyIdentity => Some(
            WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots(target)?),
                Arc::clone(&provider),
            )
            .build()
            .map_err(failed)?,
        ),
        _ => None,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier {
            chain,
            name: target.ssl_mode == SslMode::VerifyIdentity,
            provider,
        }));
    let config = match (&target.ssl_cert, &target.ssl_key) {
        (Some(cert), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(cert)
                .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
                .map_err(|e| file(cert, e))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| file(key, e))?;
            builder.with_client_auth_cert(chain, key).map_err(failed)?
        }
        _ => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| failed("the host is no name that a certificate could bear"))?;
    rustls::ClientConnection::new(Arc::new(config), name).map_err(failed)
}

/// Says in words what was agreed.
pub(crate) fn described(connection: &rustls::ClientConnection, mode: SslMode) -> String {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let checked = match mode {
        SslMode::VerifyIdentity => "verified",
        SslMode::VerifyCa => "authority verified, host name not",
        _ => "server not verified",
    };
    format!("{version}, {checked}")
}
