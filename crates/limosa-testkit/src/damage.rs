//! Servers that lie: what a real server sent is recorded, damaged, and played to a client again.

mod walk;

pub use walk::damaged_answers_are_errors;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server sent, connection by connection.
pub type Recording = Vec<Vec<u8>>;

/// Gives `client` a port behind which the server at `port` answers, and records the answers.
///
/// # Panics
/// If the server can not be reached.
pub fn record(port: u16, client: impl FnOnce(u16)) -> Recording {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("bound").port();
    let said: Arc<Mutex<Recording>> = Arc::default();
    let kept = Arc::clone(&said);
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let accept = thread::spawn(move || {
        let mut copies = Vec::new();
        for client in listener.incoming().map_while(Result::ok) {
            if seen.load(Ordering::SeqCst) {
                break;
            }
            let server = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
            let at = {
                let mut kept = kept.lock().expect("no panic while it is held");
                kept.push(Vec::new());
                kept.len() - 1
            };
            let kept = Arc::clone(&kept);
            let (from, to) = (client.try_clone(), server.try_clone());
            copies.push(thread::spawn(move || {
                copy(
                    from.expect("a second handle"),
                    to.expect("a second handle"),
                    |_| {},
                );
            }));
            copies.push(thread::spawn(move || {
                copy(server, client, |bytes| {
                    let mut kept = kept.lock().expect("no panic while it is held");
                    kept[at].extend_from_slice(bytes);
                });
            }));
        }
        for copy in copies {
            copy.join().expect("a copy ends");
        }
    });
    client(own);
    ended.store(true, Ordering::SeqCst);
    drop(TcpStream::connect(("127.0.0.1", own)));
    accept.join().expect("it ends with its clients");
    std::mem::take(&mut said.lock().expect("no panic while it is held"))
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        see(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Gives `client` a port behind which a recording is played, one connection after the other, whatever is asked.
/// Each connection is closed at the recording's end; a connection that was not recorded is closed at once.
pub fn play<T>(recording: Recording, client: impl FnOnce(u16) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let server = thread::spawn(move || {
        let mut parts = recording.into_iter();
        for client in listener.incoming().map_while(Result::ok) {
            if seen.load(Ordering::SeqCst) {
                return;
            }
            let part = parts.next().unwrap_or_default();
            thread::spawn(move || say(client, &part));
        }
    });
    let result = client(address.port());
    ended.store(true, Ordering::SeqCst);
    drop(TcpStream::connect(address));
    server.join().expect("it ends");
    result
}

/// Says everything, and hears the client out, so that nothing is lost to a reset.
fn say(mut client: TcpStream, bytes: &[u8]) {
    let Ok(mut other) = client.try_clone() else {
        return;
    };
    let hearing = thread::spawn(move || io::copy(&mut other, &mut io::sink()));
    let _ = client.write_all(bytes);
    let _ = client.shutdown(Shutdown::Write);
    let _ = hearing.join();
}

/// One damage to a recording: where, what, and how much, as numbers of any size.
#[derive(Clone, Copy, Debug)]
pub struct Damage {
    /// The connection.
    pub part: u32,
    /// The byte.
    pub at: u32,
    /// What is done.
    pub kind: u8,
    /// With what.
    pub value: u32,
}

impl Damage {
    /// Does it.
    pub fn apply(self, recording: &mut Recording) {
        let parts: Vec<usize> = (0..recording.len())
            .filter(|i| !recording[*i].is_empty())
            .collect();
        if parts.is_empty() {
            return;
        }
        let bytes = &mut recording[parts[self.part as usize % parts.len()]];
        // Half of the damage is done where the client knows least: at the beginning.
        let within = match self.at % 2 {
            0 => bytes.len(),
            _ => bytes.len().min(600),
        };
        let at = (self.at / 2) as usize % within;
        let length = (self.value as usize % 64).min(bytes.len() - at);
        match self.kind % 7 {
            0 => bytes.truncate(at),
            1 => bytes[at] = self.value as u8,
            2 => bytes[at] ^= 1 << (self.value % 8),
            // Numbers that are too large, of four bytes.
            3 => {
                const WRONG: [u32; 6] = [0, 3, 0x00ff_ffff, 0x7fff_ffff, 0xffff_fffe, u32::MAX];
                let wrong = WRONG[self.value as usize % WRONG.len()].to_be_bytes();
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&wrong[..end - at]);
            }
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let twice = bytes[at..at + length].to_vec();
                bytes.splice(at..at, twice);
            }
            _ => {
                let mut noise = self.value | 1;
                for b in &mut bytes[at..at + length] {
                    // xorshift
                    noise ^= noise << 13;
                    noise ^= noise >> 17;
                    noise ^= noise << 5;
                    *b = noise as u8;
                }
            }
        }
    }
}

/// The most memory that this process has had, in bytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
