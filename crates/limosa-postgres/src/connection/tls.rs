//! TLS by rustls with ring: who is trusted, and what the password exchange is bound to.

use crate::connect::{Settings, SslMode, private};
use limosa_core::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::path::Path;
use std::sync::Arc;

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Configuration, "preparing TLS", why.to_string())
}

/// Makes the client configuration that `settings` ask for.
pub(crate) fn config(settings: &Settings) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    // As libpq: a root that is there makes `require` check the chain.
    let root_there = settings
        .ssl_root
        .as_deref()
        .is_some_and(|r| r == "system" || Path::new(r).exists());
    let mode = match settings.ssl_mode {
        SslMode::Require if root_there => SslMode::VerifyCa,
        mode => mode,
    };
    let verifier: Arc<dyn ServerCertVerifier> = if mode >= SslMode::VerifyCa {
        let roots = Arc::new(roots(settings)?);
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(wrong)?;
        if mode == SslMode::VerifyFull {
            inner
        } else {
            Arc::new(AnyName(inner))
        }
    } else {
        Arc::new(AnyServer(Arc::clone(&provider)))
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&settings.ssl_cert, &settings.ssl_key) {
        (Some(cert), Some(key)) => {
            private(key)?;
            let chain = CertificateDer::pem_file_iter(cert)
                .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
                .map_err(|e| wrong(e).on(cert.display().to_string()))?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|e| wrong(e).on(key.display().to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(wrong)?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Arc::new(config))
}

fn roots(settings: &Settings) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match settings.ssl_root.as_deref() {
        None | Some("system") => {
            for cert in rustls_native_certs::load_native_certs().certs {
                // Roots that rustls can not read are of no use to it.
                let _ = store.add(cert);
            }
            if store.is_empty() {
                return Err(wrong("the system has no root certificates")
                    .hint("Name one: sslrootcert=/path/to/ca.crt"));
            }
        }
        Some(file) => {
            let certs = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
                .map_err(|e| wrong(e).on(file.to_string()))?;
            for cert in certs {
                store.add(cert).map_err(|e| wrong(e).on(file.to_string()))?;
            }
        }
    }
    Ok(store)
}

/// Checks the chain, not the name (`verify-ca`).
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        match self
            .0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
        {
            // The name is looked at after the chain.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Checks only that the server owns the certificate that it shows (`allow`, `prefer`, `require`).
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// `tls-server-end-point` of RFC 5929: the certificate's hash, by the hash of its own signature, with
/// SHA-256 in place of MD5 and SHA-1. `None` where the signature names no hash (Ed25519, RSA-PSS).
pub(crate) fn end_point(cert: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let der = cert.as_ref();
    let outer = element(der, 0x30)?.0;
    let after_body = element(outer, 0x30)?.1;
    let algorithm = element(after_body, 0x30)?.0;
    let id = element(algorithm, 0x06)?.0;
    const RSA: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
    const ECDSA: [u8; 6] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04];
    let sha256 = || Some(Sha256::digest(der).to_vec());
    let sha384 = || Some(Sha384::digest(der).to_vec());
    let sha512 = || Some(Sha512::digest(der).to_vec());
    if let Some(rest) = id.strip_prefix(&RSA) {
        return match rest {
            [4 | 5 | 11] => sha256(),
            [12] => sha384(),
            [13] => sha512(),
            _ => None,
        };
    }
    match id.strip_prefix(&ECDSA)? {
        [1] | [3, 2] => sha256(),
        [3, 3] => sha384(),
        [3, 4] => sha512(),
        _ => None,
    }
}

/// Splits one DER element of the given tag off: its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&t, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if t != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7F);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let length = rest[..count]
            .iter()
            .fold(0usize, |n, b| n << 8 | usize::from(*b));
        (length, &rest[count..])
    };
    (length <= rest.len()).then(|| rest.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_certificates_have_no_end_point() {
        for der in [
            &b""[..],
            b"\x30",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x03\x30\x01\x00",
        ] {
            assert_eq!(end_point(&CertificateDer::from(der.to_vec())), None);
        }
    }
}
