//! What single packets of an answer say.

use super::fault;
use crate::wire::{Parts, malformed};
use limosa_core::error::Error;

/// What the server said at the end of a statement without rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) affected: u64,
    pub(crate) warnings: u16,
}

/// One column of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResultColumn {
    /// The type on the wire.
    pub(crate) kind: u8,
    /// Whether numbers are unsigned.
    pub(crate) unsigned: bool,
}

pub(super) fn ends(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

pub(super) fn ok_packet(packet: &[u8]) -> Option<(Done, u16)> {
    let mut parts = Parts::new(packet.get(1..)?);
    let affected = parts.length()?;
    parts.length()?;
    let status = parts.u16()?;
    let warnings = parts.u16()?;
    Some((Done { affected, warnings }, status))
}

pub(super) fn column_packet(packet: &[u8]) -> Option<ResultColumn> {
    let mut parts = Parts::new(packet);
    for _ in 0..6 {
        parts.string()?;
    }
    parts.length()?;
    parts.take(6)?;
    let kind = parts.u8()?;
    let flags = parts.u16()?;
    Some(ResultColumn {
        kind,
        unsigned: flags & 0x20 != 0,
    })
}

/// An error packet as an [`Error`].
pub(crate) fn error_packet(doing: &str, packet: &[u8]) -> Error {
    let mut parts = Parts::new(packet.get(1..).unwrap_or_default());
    let Some(code) = parts.u16() else {
        return malformed("error");
    };
    let text = match parts.rest {
        [b'#', rest @ ..] => rest.get(5..).unwrap_or_default(),
        rest => rest,
    };
    fault::server(doing, code, &String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use limosa_core::error::ErrorKind;

    #[test]
    fn cut_packets_are_errors_and_never_panics() {
        let ok = [0, 1, 0, 2, 0, 3, 0];
        for n in 0..ok.len() {
            assert!(ok_packet(&ok[..n]).is_none());
        }
        assert_eq!(
            ok_packet(&ok).map(|(d, s)| (d.affected, d.warnings, s)),
            Some((1, 3, 2))
        );
        assert_eq!(error_packet("x", &[0xff]).kind(), ErrorKind::Protocol);
        assert_eq!(
            error_packet("x", &[0xff, 0xbd, 4, b'#', b'4']).kind(),
            ErrorKind::Contention
        );
        assert!(column_packet(&[1, 2, 3]).is_none());
    }
}
