//! How the stream under a connection is opened.

use crate::connect::{Place, Settings};
use limosa_core::{Error, ErrorKind, Result};
use limosa_net::Stream;
use std::io::{self, Read, Write};

/// A stream that was opened.
pub(crate) enum Opened {
    /// As it was asked for.
    As(Stream),
    /// TLS was asked for and the server has none. It goes on in clear on the same socket, if the caller wants that.
    Clear(Stream),
}

/// Opens the stream; with `encrypted`, asks for TLS.
pub(crate) fn open(settings: &Settings, place: &Place, encrypted: bool) -> Result<Opened> {
    let limit = settings.connect_timeout;
    let (host, mut stream) = match place {
        Place::Unix(folder, port) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            return Stream::local(&path, limit).map(Opened::As);
        }
        Place::Tcp {
            host,
            address,
            port,
        } => {
            let address = address.as_deref().unwrap_or(host);
            (host, Stream::tcp(address, *port, limit)?)
        }
    };
    if encrypted {
        if !settings.ssl_direct && !agreed(&mut stream).map_err(|e| e.on(place.to_string()))? {
            return Ok(Opened::Clear(stream));
        }
        let tls = settings.tls();
        stream
            .encrypt(&tls, host)
            .map_err(|e| e.on(place.to_string()))?;
    }
    Ok(Opened::As(stream))
}

/// Asks for TLS and reads the answer. It is one byte, read alone, so that nothing sent in clear can pass for
/// part of the protected stream.
fn agreed(stream: &mut Stream) -> Result<bool> {
    let failed = |e: io::Error| Error::new(ErrorKind::Connection, "agreeing on TLS", e.to_string());
    // SSLRequest.
    stream
        .write_all(&[0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F])
        .map_err(failed)?;
    let mut answer = [0];
    stream.read_exact(&mut answer).map_err(failed)?;
    match answer[0] {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(Error::new(
            ErrorKind::Connection,
            "agreeing on TLS",
            "the server answers the request for TLS with an error",
        )),
    }
}
