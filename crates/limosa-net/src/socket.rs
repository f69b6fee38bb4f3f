//! The stream under a connection: TCP or a local socket, with TLS or without.

use crate::binding::end_point;
use crate::tls::{Tls, Trust};
use limosa_core::{Error, ErrorKind, Result};
use rustls::{ClientConnection, StreamOwned};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An open stream.
pub enum Stream {
    /// TCP, in clear.
    Tcp(TcpStream),
    /// A local socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Given up in the middle of agreeing on TLS.
    Closed,
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(buffer),
            #[cfg(unix)]
            Stream::Unix(s) => s.read(buffer),
            Stream::Tls(s) => s.read(buffer),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write(bytes),
            #[cfg(unix)]
            Stream::Unix(s) => s.write(bytes),
            Stream::Tls(s) => s.write(bytes),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    #[inline]
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write_vectored(parts),
            #[cfg(unix)]
            Stream::Unix(s) => s.write_vectored(parts),
            Stream::Tls(s) => s.write_vectored(parts),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.flush(),
            #[cfg(unix)]
            Stream::Unix(s) => s.flush(),
            Stream::Tls(s) => s.flush(),
            Stream::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

fn failed(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Connection, "connecting", why.to_string())
}

/// A peer that vanished is noticed within two minutes, whether we wait for it or write to it.
fn tune(socket: &TcpStream) {
    let s = SockRef::from(socket);
    let alive = TcpKeepalive::new().with_time(Duration::from_secs(30));
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let alive = alive.with_interval(Duration::from_secs(10)).with_retries(9);
    // A system that refuses these still works, only slower to notice.
    let _ = s.set_tcp_keepalive(&alive);
    let _ = s.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = s.set_tcp_user_timeout(Some(Duration::from_secs(120)));
}

impl Stream {
    /// Connects by TCP to the first address of `host` that answers; `limit` holds for each address, and
    /// afterwards for each read and write, until [`Stream::limit`] says otherwise.
    ///
    /// # Errors
    /// `Connection`, with the host and port.
    pub fn tcp(host: &str, port: u16, limit: Duration) -> Result<Self> {
        let place = || match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|e| failed(e).on(place()))?;
        let mut last = failed("the name has no address").on(place());
        for address in addresses {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(socket) => {
                    tune(&socket);
                    let stream = Stream::Tcp(socket);
                    stream
                        .limit(Some(limit))
                        .map_err(|e| failed(e).on(place()))?;
                    return Ok(stream);
                }
                Err(e) => last = failed(e).on(place()),
            }
        }
        Err(last)
    }

    /// Connects to a local socket; see [`Stream::tcp`].
    ///
    /// # Errors
    /// `Connection`, with the path; `Unsupported` where there are none.
    pub fn local(path: &Path, limit: Duration) -> Result<Self> {
        #[cfg(unix)]
        {
            let here = |e: io::Error| failed(e).on(path.display().to_string());
            let stream = Stream::Unix(UnixStream::connect(path).map_err(here)?);
            stream.limit(Some(limit)).map_err(here)?;
            Ok(stream)
        }
        #[cfg(not(unix))]
        {
            let _ = limit;
            let why = "this system has no local sockets";
            Err(Error::new(ErrorKind::Unsupported, "connecting", why)
                .on(path.display().to_string()))
        }
    }

    /// Puts TLS over a TCP stream. Nothing may have been read ahead of it.
    ///
    /// # Errors
    /// What [`Tls`] says of its files; `Authentication` if one side does not want the other; `Connection`.
    pub fn encrypt(&mut self, tls: &Tls, host: &str) -> Result<()> {
        let mut client = tls.client(host)?;
        let Stream::Tcp(mut socket) = std::mem::replace(self, Stream::Closed) else {
            let why = "TLS is for TCP alone";
            return Err(Error::new(ErrorKind::Internal, "agreeing on TLS", why));
        };
        while client.is_handshaking() {
            client.complete_io(&mut socket).map_err(|e| {
                let kind = match of_tls(&e) {
                    Some(_) => ErrorKind::Authentication,
                    None => ErrorKind::Connection,
                };
                Error::new(kind, "agreeing on TLS", e.to_string())
            })?;
        }
        *self = Stream::Tls(Box::new(StreamOwned::new(client, socket)));
        Ok(())
    }

    /// Sets or takes away the limit on one read and one write.
    ///
    /// # Errors
    /// The system's.
    pub fn limit(&self, limit: Option<Duration>) -> io::Result<()> {
        let tcp = match self {
            Stream::Tcp(s) => s,
            Stream::Tls(s) => &s.sock,
            #[cfg(unix)]
            Stream::Unix(s) => {
                s.set_read_timeout(limit)?;
                return s.set_write_timeout(limit);
            }
            Stream::Closed => return Ok(()),
        };
        tcp.set_read_timeout(limit)?;
        tcp.set_write_timeout(limit)
    }

    /// Whether the peer has sent something that was not read yet. `false` with TLS, where the
    /// socket can not tell.
    pub fn readable(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            // MSG_PEEK | MSG_DONTWAIT
            const FLAGS: i32 = 0x02 | 0x40;
            let mut one = [std::mem::MaybeUninit::uninit(); 1];
            let socket = match self {
                Stream::Tcp(s) => SockRef::from(s),
                Stream::Unix(s) => SockRef::from(s),
                Stream::Tls(_) | Stream::Closed => return false,
            };
            socket.recv_with_flags(&mut one, FLAGS).is_ok()
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Whether no byte waits to be read, nor the end of the stream; with TLS, no byte of the protected stream.
    pub fn silent(&self) -> bool {
        let socket = match self {
            Stream::Tcp(s) => SockRef::from(s),
            #[cfg(unix)]
            Stream::Unix(s) => SockRef::from(s),
            Stream::Tls(s) => SockRef::from(&s.sock),
            Stream::Closed => return false,
        };
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let quiet = socket.set_nonblocking(true).is_ok()
            && matches!(socket.peek(&mut byte), Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        socket.set_nonblocking(false).is_ok() && quiet
    }

    /// Whether others on the way can not read along.
    pub fn private(&self) -> bool {
        !matches!(self, Stream::Tcp(_) | Stream::Closed)
    }

    /// The hash of the server's certificate for channel binding; `None` where there is none to bind to.
    pub fn end_point(&self) -> Option<Vec<u8>> {
        match self {
            Stream::Tls(s) => end_point(s.conn.peer_certificates()?.first()?),
            _ => None,
        }
    }

    /// Says how the connection is protected.
    pub fn security(&self, trust: Trust) -> String {
        match self {
            Stream::Tcp(_) | Stream::Closed => "none".into(),
            #[cfg(unix)]
            Stream::Unix(_) => "none (local socket)".into(),
            Stream::Tls(s) => {
                let version = match s.conn.protocol_version() {
                    Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                    Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                    _ => "TLS",
                };
                let checked = match trust {
                    Trust::Name => "verified",
                    Trust::Chain => "certificate verified, host name not",
                    Trust::Anybody => "server not verified",
                };
                format!("{version}, {checked}")
            }
        }
    }
}

/// The kind of an error of reading or writing. A server that wants another certificate than ours says so only
/// after it was agreed on TLS 1.3: the next attempt would end alike. A connection that is lost may be back.
pub fn kind(error: &io::Error) -> ErrorKind {
    use rustls::AlertDescription as Alert;
    match of_tls(error) {
        Some(rustls::Error::AlertReceived(
            Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::HandshakeFailure
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate,
        )) => ErrorKind::Authentication,
        _ => ErrorKind::Connection,
    }
}

fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
