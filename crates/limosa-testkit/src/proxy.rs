//! A TCP proxy that misbehaves on demand.
//!
//! It listens on a free loopback port and forwards to a server. What it does to a connection is said
//! by a list of [`Fault`]s, changed at any time: cut after a number of bytes, close one half, swallow
//! bytes without a word (as a firewall that forgot the connection), delay, refuse. Nothing here knows a protocol.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What the proxy does to connections. Byte counts are per connection and direction, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Ends both halves of both sides when this many bytes have passed in this direction; the bytes up to there arrive.
    CutAfter(Direction, u64),
    /// Ends this direction in order when this many bytes have passed; the other goes on.
    CloseAfter(Direction, u64),
    /// Takes bytes and passes none on when this many have passed, and keeps the connection open: no end, no reset.
    StallAfter(Direction, u64),
    /// Holds every piece back for a time.
    Delay(Direction, Duration),
    /// Cuts every connection when this many bytes have passed in this direction over all connections
    /// since the proxy began; see [`Counts`]. New connections are refused from then on.
    CutAllAfter(Direction, u64),
    /// Closes new connections at once, without a byte. Those that are open go on.
    Refuse,
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken, those refused included.
    pub connections: u64,
    /// Connections refused.
    pub refused: u64,
    /// Connections that a fault has cut.
    pub cut: u64,
    /// Bytes passed on to the server.
    pub to_server: u64,
    /// Bytes passed on to the client.
    pub to_client: u64,
    /// How often a client spoke after its server had: round trips, and one more a connection.
    pub turns: u64,
}

#[derive(Default)]
struct Shared {
    faults: Mutex<Vec<Fault>>,
    changed: Condvar,
    ended: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
    connections: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    turns: AtomicU64,
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults
            .lock()
            .expect("nobody panics while holding the faults")
    }

    fn count(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    fn refuses(&self) -> bool {
        self.faults().iter().any(|f| match *f {
            Fault::Refuse => true,
            Fault::CutAllAfter(d, limit) => self.count(d).load(Ordering::SeqCst) >= limit,
            _ => false,
        })
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.sockets
            .lock()
            .expect("nobody panics while holding the sockets")
    }
}

/// A proxy in front of one server. It ends, with all its connections, when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("counts", &self.counts())
            .finish()
    }
}

impl Proxy {
    /// Begins to forward to a port of 127.0.0.1, without faults.
    ///
    /// # Errors
    /// If no port is free.
    pub fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&shared);
        let listener = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || accept(&listener, port, &inner))?;
        Ok(Self {
            address,
            shared,
            listener: Some(listener),
        })
    }

    /// The port on 127.0.0.1 at which it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The same URL with this proxy's address in place of the server's.
    ///
    /// # Panics
    /// If `url` is none.
    pub fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).expect("a URL");
        url.set_host(Some("127.0.0.1"))
            .and_then(|()| {
                url.set_port(Some(self.port()))
                    .map_err(|()| url::ParseError::InvalidPort)
            })
            .expect("the URL has a host");
        url.into()
    }

    /// Sets the faults, for new connections and for those that are open.
    pub fn set(&self, faults: &[Fault]) {
        *self.shared.faults() = faults.to_vec();
        self.shared.changed.notify_all();
    }

    /// Takes all faults away. What a stall has held back is passed on.
    pub fn heal(&self) {
        self.set(&[]);
    }

    /// Cuts every open connection now.
    pub fn cut(&self) {
        for socket in self.shared.sockets().drain(..) {
            socket.shutdown(Shutdown::Both).ok();
        }
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        let s = &self.shared;
        Counts {
            connections: s.connections.load(Ordering::SeqCst),
            refused: s.refused.load(Ordering::SeqCst),
            cut: s.cut.load(Ordering::SeqCst),
            to_server: s.to_server.load(Ordering::SeqCst),
            to_client: s.to_client.load(Ordering::SeqCst),
            turns: s.turns.load(Ordering::SeqCst),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        // Wakes the listener.
        TcpStream::connect(self.address).ok();
        if let Some(listener) = self.listener.take() {
            listener.join().ok();
        }
        self.cut();
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if shared.refuses() {
            shared.refused.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        // A server that is down shows as a connection that is closed at once.
        if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
            client.set_nodelay(true).ok();
            server.set_nodelay(true).ok();
            let spoke = Arc::new(AtomicBool::new(true));
            forward(&client, &server, Direction::ToServer, shared, &spoke);
            forward(&server, &client, Direction::ToClient, shared, &spoke);
            shared.sockets().extend([client, server]);
        }
    }
}

/// `server_spoke` is shared by both directions of a connection.
fn forward(
    from: &TcpStream,
    to: &TcpStream,
    direction: Direction,
    shared: &Arc<Shared>,
    server_spoke: &Arc<AtomicBool>,
) {
    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
        return;
    };
    let shared = Arc::clone(shared);
    let server_spoke = Arc::clone(server_spoke);
    // Ends with either socket, at the latest when the proxy is dropped.
    std::thread::spawn(move || {
        let whole = pump(&from, &to, direction, &shared, &server_spoke).unwrap_or(false);
        if whole {
            to.shutdown(Shutdown::Write).ok();
        } else {
            from.shutdown(Shutdown::Both).ok();
            to.shutdown(Shutdown::Both).ok();
        }
    });
}

/// Passes bytes on until an end. `true` if this direction ended in order and the other may go on.
fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    direction: Direction,
    shared: &Shared,
    server_spoke: &AtomicBool,
) -> io::Result<bool> {
    let count = shared.count(direction);
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0u64;
    loop {
        let n = match from.read(&mut buffer)? {
            0 => return Ok(true),
            n => n,
        };
        let by_server = direction == Direction::ToClient;
        if server_spoke.swap(by_server, Ordering::SeqCst) && !by_server {
            shared.turns.fetch_add(1, Ordering::SeqCst);
        }
        let mut rest = &buffer[..n];
        while !rest.is_empty() {
            let (piece, then) = next(shared, direction, passed, rest.len());
            if shared.ended.load(Ordering::SeqCst) {
                return Ok(false);
            }
            to.write_all(&rest[..piece])?;
            passed += piece as u64;
            count.fetch_add(piece as u64, Ordering::SeqCst);
            rest = &rest[piece..];
            match then {
                Then::GoOn => {}
                Then::Cut => {
                    shared.cut.fetch_add(1, Ordering::SeqCst);
                    return Ok(false);
                }
                Then::CutAll => {
                    shared.cut.fetch_add(1, Ordering::SeqCst);
                    for socket in shared.sockets().drain(..) {
                        socket.shutdown(Shutdown::Both).ok();
                    }
                    return Ok(false);
                }
                Then::Close => {
                    // Whatever else comes this way is read and dropped, so that its sender does not see a reset.
                    to.shutdown(Shutdown::Write)?;
                    while from.read(&mut buffer)? > 0 {}
                    return Ok(true);
                }
            }
        }
    }
}

enum Then {
    GoOn,
    Cut,
    CutAll,
    Close,
}

/// How many of the `ready` bytes may pass now, and what comes then. Waits out delays and stalls.
fn next(shared: &Shared, direction: Direction, passed: u64, ready: usize) -> (usize, Then) {
    let mut faults = shared.faults();
    let mut delayed = false;
    loop {
        let mut piece = ready as u64;
        let mut then = Then::GoOn;
        let mut stalled = false;
        let mut delay = None;
        for fault in faults.iter() {
            let room = |limit: u64| limit.saturating_sub(passed);
            match *fault {
                Fault::CutAfter(d, limit) if d == direction && room(limit) <= piece => {
                    (piece, then) = (room(limit), Then::Cut);
                }
                Fault::CloseAfter(d, limit) if d == direction && room(limit) <= piece => {
                    (piece, then) = (room(limit), Then::Close);
                }
                Fault::CutAllAfter(d, limit) if d == direction => {
                    let room = limit.saturating_sub(shared.count(d).load(Ordering::SeqCst));
                    if room <= piece {
                        (piece, then) = (room, Then::CutAll);
                    }
                }
                Fault::StallAfter(d, limit) if d == direction => {
                    if room(limit) == 0 {
                        stalled = true;
                    } else if room(limit) < piece {
                        (piece, then) = (room(limit), Then::GoOn);
                    }
                }
                Fault::Delay(d, time) if d == direction && !delayed => delay = Some(time),
                _ => {}
            }
        }
        if shared.ended.load(Ordering::SeqCst) {
            return (0, Then::Cut);
        }
        if stalled {
            faults = shared
                .changed
                .wait(faults)
                .expect("nobody panics while holding the faults");
        } else if let Some(time) = delay {
            delayed = true;
            drop(faults);
            std::thread::sleep(time);
            faults = shared.faults();
        } else {
            return (piece as usize, then);
        }
    }
}
