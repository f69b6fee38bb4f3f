//! Channel binding: what a password exchange is tied to, so that nobody in between can pass it on.

use crate::der::element;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha384, Sha512};

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
