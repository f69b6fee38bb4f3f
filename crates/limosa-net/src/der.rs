//! As much DER as is needed to look at certificates and keys before they are believed.

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

/// Splits one DER element of the given tag off: its content and what follows.
pub(crate) fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
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

/// Whether a PEM file holds an RSA public key (`BEGIN PUBLIC KEY`) of 1024 to 16384 bits.
pub fn is_rsa_key(pem: &[u8]) -> bool {
    SubjectPublicKeyInfoDer::from_pem_slice(pem)
        .ok()
        .and_then(|der| modulus(der.as_ref()))
        .is_some_and(|length| (128..=2048).contains(&length))
}

/// The bytes of the modulus of an RSA key; `None` for what is none.
fn modulus(der: &[u8]) -> Option<usize> {
    let (key, _) = element(der, 0x30)?;
    let (algorithm, rest) = element(key, 0x30)?;
    let (id, _) = element(algorithm, 0x06)?;
    if id != [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1] {
        return None;
    }
    let (bits, _) = element(rest, 0x03)?;
    let (unused, numbers) = bits.split_first()?;
    let (numbers, _) = element(numbers, 0x30)?;
    let (modulus, rest) = element(numbers, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    let modulus = &modulus[modulus.iter().take_while(|b| **b == 0).count()..];
    (*unused == 0 && exponent.iter().any(|b| *b != 0)).then_some(modulus.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDyoFJwPww4etVddDclbGituoDj
T0pgAFKhnEzC1Txs8zgUHjfiRa+JVgxbD0seduRUwMACqIdBx/YanLpYH5gVA2+W
2N85ETY5hfdO7FmxJNZ10j8oElGFXEv0485TY0R0xKJ7IGxKhqeejw4NR+CSrniY
TeTT7aSdEg3wRGdnAQIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn only_rsa_keys_are_keys() {
        assert!(is_rsa_key(KEY.as_bytes()));
        let body: String = KEY.lines().filter(|l| !l.starts_with('-')).collect();
        for cut in 0..body.len() / 4 {
            let cut = format!(
                "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                &body[..4 * cut]
            );
            assert!(!is_rsa_key(cut.as_bytes()), "{cut}");
        }
        for none in [&b""[..], b"x", &[0xff; 100]] {
            assert!(!is_rsa_key(none));
        }
    }
}
