//! Proving who we are: `mysql_native_password` and `caching_sha2_password`, with switching between them.
//!
//! A password goes out in clear only over TLS or a local socket, and encrypted with a key that the
//! server hands over only if the address says `get-server-public-key=true`: without TLS anybody in
//! between could hand over a key of his own.

use super::packet::error_packet;
use crate::connect::Target;
use crate::wire::{Parts, Wire, malformed};
use limosa_core::error::{Error, ErrorKind, Result};
use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;

const NATIVE: &str = "mysql_native_password";
const SHA2: &str = "caching_sha2_password";

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

/// The plugin to begin with: the server's own if we know it, else the oldest, and the server will switch.
pub(crate) fn supported(plugin: &str) -> &'static str {
    if plugin == SHA2 { SHA2 } else { NATIVE }
}

/// The scrambled password.
pub(crate) fn first_answer(plugin: &str, nonce: &[u8; 20], password: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    match plugin {
        SHA2 => scramble_sha256(nonce, password).map_or(Vec::new(), |s| s.to_vec()),
        _ => scramble_native(nonce, password).map_or(Vec::new(), |s| s.to_vec()),
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Authentication, "authenticating", why)
}

/// What the server says after our first answer.
enum Step {
    Welcome,
    Switch(String, [u8; 20]),
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
            let mut nonce = [0; 20];
            let given = parts.rest;
            let n = given.len().min(20);
            nonce[..n].copy_from_slice(&given[..n]);
            Ok(Step::Switch(plugin, nonce))
        }
        Some((0xfe, _)) => Err(refused("the account has a password of before MySQL 4.1")),
        _ => Err(malformed("answer to the password")),
    }
}

/// Goes on until the server lets us in.
pub(crate) fn finish(
    wire: &mut Wire,
    target: &Target,
    plugin: &'static str,
    nonce: [u8; 20],
    private: bool,
) -> Result<()> {
    let (mut plugin, mut nonce) = (plugin, nonce);
    // A server can not keep us here: switch, key and verdict are at most a handful of packets.
    for _ in 0..8 {
        match step(wire.packet()?)? {
            Step::Welcome => return Ok(()),
            Step::Switch(name, fresh) => {
                plugin = match name.as_str() {
                    NATIVE => NATIVE,
                    SHA2 => SHA2,
                    other => {
                        return Err(refused(format!(
                            "the account uses the plugin {other}, which is not supported"
                        ))
                        .hint(
                            "use an account with caching_sha2_password or mysql_native_password",
                        ));
                    }
                };
                nonce = fresh;
                wire.send(&first_answer(plugin, &nonce, target.password()))?;
            }
            Step::More(data) => match (plugin, data.as_slice()) {
                (SHA2, [3]) => {}
                (SHA2, [4]) => full_sha2(wire, target, &nonce, private)?,
                _ => return Err(malformed("answer to the password")),
            },
        }
    }
    Err(malformed("authentication: no end"))
}

/// The password itself, because the server has it not in its cache.
fn full_sha2(wire: &mut Wire, target: &Target, nonce: &[u8; 20], private: bool) -> Result<()> {
    let mut clear = target.password().to_vec();
    clear.push(0);
    if private {
        return wire.send(&clear);
    }
    if !target.get_server_public_key {
        return Err(refused(
            "caching_sha2_password needs TLS or a local socket for the first connection of an account",
        )
        .hint("enable TLS, or set get-server-public-key=true if nobody stands between here and the server"));
    }
    wire.send(&[2])?;
    let key = match step(wire.packet()?)? {
        Step::More(key) if key.len() < 16_384 => key,
        _ => return Err(malformed("public key")),
    };
    for (i, b) in clear.iter_mut().enumerate() {
        *b ^= nonce[i % 20];
    }
    // The library panics on keys that are none.
    let sealed = std::panic::catch_unwind(|| mysql_common::crypto::encrypt(&clear, &key))
        .ok()
        .and_then(|r| r.ok())
        .ok_or_else(|| malformed("public key"))?;
    wire.send(&sealed)
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
        assert_eq!(greeting.plugin, SHA2);
        assert_eq!(greeting.nonce[8..], [8; 12]);
        for n in 0..packet.len() - SHA2.len() - 2 {
            assert!(Greeting::read(&packet[..n]).is_none(), "{n}");
        }
    }
}
