//! The socket under a connection: TCP or a local socket, with TLS or without.

use super::tls;
use crate::connect::{Place, Settings, SslMode};
use limosa_core::{Error, ErrorKind, Result};
use rustls::{ClientConnection, StreamOwned};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// An open socket.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(buf),
            #[cfg(unix)]
            Stream::Unix(s) => s.read(buf),
            Stream::Tls(s) => s.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write(buf),
            #[cfg(unix)]
            Stream::Unix(s) => s.write(buf),
            Stream::Tls(s) => s.write(buf),
        }
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write_vectored(bufs),
            #[cfg(unix)]
            Stream::Unix(s) => s.write_vectored(bufs),
            Stream::Tls(s) => s.write_vectored(bufs),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.flush(),
            #[cfg(unix)]
            Stream::Unix(s) => s.flush(),
            Stream::Tls(s) => s.flush(),
        }
    }
}

impl Stream {
    /// Sets or takes away the limit on one read and one write.
    pub(crate) fn limit(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s
                .set_read_timeout(limit)
                .and_then(|()| s.set_write_timeout(limit)),
            #[cfg(unix)]
            Stream::Unix(s) => s
                .set_read_timeout(limit)
                .and_then(|()| s.set_write_timeout(limit)),
            Stream::Tls(s) => s
                .sock
                .set_read_timeout(limit)
                .and_then(|()| s.sock.set_write_timeout(limit)),
        }
    }

    /// Whether the peer has sent something that was not read yet. `false` with TLS, where the
    /// socket can not tell.
    pub(crate) fn readable(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            // MSG_PEEK | MSG_DONTWAIT
            const FLAGS: i32 = 0x02 | 0x40;
            let mut one = [std::mem::MaybeUninit::uninit(); 1];
            let socket = match self {
                Stream::Tcp(s) => SockRef::from(s),
                Stream::Unix(s) => SockRef::from(s),
                Stream::Tls(_) => return false,
            };
            socket.recv_with_flags(&mut one, FLAGS).is_ok()
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Whether others on the way can not read along.
    pub(crate) fn private(&self) -> bool {
        !matches!(self, Stream::Tcp(_))
    }

    /// The hash of the server's certificate for channel binding.
    pub(crate) fn end_point(&self) -> Option<Vec<u8>> {
        match self {
            Stream::Tls(s) => tls::end_point(s.conn.peer_certificates()?.first()?),
            _ => None,
        }
    }

    /// Says how the connection is protected.
    pub(crate) fn security(&self, mode: SslMode) -> String {
        match self {
            Stream::Tcp(_) => "none".into(),
            #[cfg(unix)]
            Stream::Unix(_) => "none (local socket)".into(),
            Stream::Tls(s) => {
                let version = match s.conn.protocol_version() {
                    Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                    Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                    _ => "TLS",
                };
                let verified = match mode {
                    SslMode::VerifyFull => "verified",
                    SslMode::VerifyCa => "certificate verified, host name not",
                    _ => "server not verified",
                };
                format!("{version}, {verified}")
            }
        }
    }
}

fn failed(place: &Place, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Connection, "connecting", why.to_string()).on(place.to_string())
}

/// Opens the socket; with `encrypted`, asks for TLS. `Ok(None)`: the server has no TLS.
pub(crate) fn open(settings: &Settings, place: &Place, encrypted: bool) -> Result<Option<Stream>> {
    let limit = settings.connect_timeout;
    match place {
        #[cfg(unix)]
        Place::Unix(folder, port) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let socket = UnixStream::connect(&path).map_err(|e| failed(place, e))?;
            let stream = Stream::Unix(socket);
            stream.limit(Some(limit)).map_err(|e| failed(place, e))?;
            Ok(Some(stream))
        }
        #[cfg(not(unix))]
        Place::Unix(..) => Err(failed(place, "local sockets are not supported here")),
        Place::Tcp(host, port) => {
            let mut last = None;
            let addresses = (host.as_str(), *port)
                .to_socket_addrs()
                .map_err(|e| failed(place, e))?;
            for address in addresses {
                match TcpStream::connect_timeout(&address, limit) {
                    Ok(socket) => {
                        tune(&socket);
                        let stream = Stream::Tcp(socket);
                        stream.limit(Some(limit)).map_err(|e| failed(place, e))?;
                        return if encrypted {
                            encrypt(settings, place, host, stream)
                        } else {
                            Ok(Some(stream))
                        };
                    }
                    Err(e) => last = Some(e),
                }
            }
            Err(match last {
                Some(e) => failed(place, e),
                None => failed(place, "the name has no address"),
            })
        }
    }
}

/// A peer that vanished is noticed within about a minute, whether we wait for it or write to it.
fn tune(socket: &TcpStream) {
    let s = SockRef::from(socket);
    let alive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    // A system that refuses these still works, only slower to notice.
    let _ = s.set_tcp_keepalive(&alive);
    let _ = s.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = s.set_tcp_user_timeout(Some(Duration::from_secs(60)));
}

fn encrypt(
    settings: &Settings,
    place: &Place,
    host: &str,
    stream: Stream,
) -> Result<Option<Stream>> {
    let Stream::Tcp(mut socket) = stream else {
        return Ok(None);
    };
    // SSLRequest. The answer is one byte, read alone, so that nothing sent in clear can pass for
    // part of the protected stream.
    socket
        .write_all(&[0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F])
        .map_err(|e| failed(place, e))?;
    let mut answer = [0];
    socket
        .read_exact(&mut answer)
        .map_err(|e| failed(place, e))?;
    match answer[0] {
        b'S' => {}
        b'N' => return Ok(None),
        _ => {
            return Err(failed(
                place,
                "the server answers the request for TLS with an error",
            ));
        }
    }
    let config = tls::config(settings)?;
    let name = rustls_pki_types::ServerName::try_from(host.to_string())
        .map_err(|_| failed(place, "the host name can not be used with TLS"))?;
    let refused = |e: String| {
        Error::new(ErrorKind::Authentication, "agreeing on TLS", e).on(place.to_string())
    };
    let mut conn = ClientConnection::new(config, name).map_err(|e| refused(e.to_string()))?;
    while conn.is_handshaking() {
        conn.complete_io(&mut socket)
            .map_err(|e| refused(e.to_string()))?;
    }
    Ok(Some(Stream::Tls(Box::new(StreamOwned::new(conn, socket)))))
}
