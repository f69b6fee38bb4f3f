//! The proxy passes bytes on, and does each of its faults.

use limosa_testkit::proxy::{Direction, Fault, Proxy};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A server that gives back what it gets, and ends when the client has.
fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut copy = stream.try_clone().unwrap();
                std::io::copy(&mut copy, &mut stream).ok();
                stream.shutdown(Shutdown::Write).ok();
            });
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

fn all(stream: &mut TcpStream) -> Vec<u8> {
    let mut out = Vec::new();
    // A reset after the last byte is an end, too.
    let _ = stream.read_to_end(&mut out);
    out
}

#[test]
fn without_faults_every_byte_passes_and_the_end_too() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| i as u8).collect();
    let (mut writer, data) = (stream.try_clone().unwrap(), sent.clone());
    let thread = std::thread::spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(all(&mut stream) == sent);
    thread.join().unwrap();
    let counts = proxy.counts();
    assert_eq!(counts.connections, 1);
    assert_eq!((counts.to_server, counts.to_client), (3_000_000, 3_000_000));
    assert_eq!((counts.cut, counts.refused), (0, 0));
}

#[test]
fn a_cut_comes_at_exactly_its_byte_in_either_direction() {
    let proxy = Proxy::to(echo()).unwrap();
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.set(&[Fault::CutAfter(direction, 7)]);
        let mut stream = connect(&proxy);
        stream.write_all(b"0123456789").unwrap();
        let back = all(&mut stream);
        assert!(b"0123456".starts_with(&back[..]), "{back:?}");
        if direction == Direction::ToClient {
            assert_eq!(back, b"0123456");
        }
    }
    assert_eq!(proxy.counts().cut, 2);
    assert_eq!(proxy.counts().to_server, 7 + 10);
}

#[test]
fn a_cut_at_zero_passes_nothing() {
    let proxy = Proxy::to(echo()).unwrap();
    proxy.set(&[Fault::CutAfter(Direction::ToServer, 0)]);
    let mut stream = connect(&proxy);
    stream.write_all(b"x").unwrap();
    assert_eq!(all(&mut stream), b"");
    assert_eq!(proxy.counts().to_server, 0);
}

#[test]
fn closing_one_half_leaves_the_other_open() {
    let proxy = Proxy::to(echo()).unwrap();
    proxy.set(&[Fault::CloseAfter(Direction::ToServer, 4)]);
    let mut stream = connect(&proxy);
    stream.write_all(b"abcdefgh").unwrap();
    // The server sees the end after four bytes, and its answer still arrives whole.
    assert_eq!(all(&mut stream), b"abcd");
    assert_eq!(proxy.counts().cut, 0);
}

#[test]
fn a_stall_says_nothing_and_ends_when_healed() {
    let proxy = Proxy::to(echo()).unwrap();
    proxy.set(&[Fault::StallAfter(Direction::ToClient, 3)]);
    let mut stream = connect(&proxy);
    stream.write_all(b"abcdef").unwrap();
    let mut three = [0; 3];
    stream.read_exact(&mut three).unwrap();
    assert_eq!(&three, b"abc");
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let error = stream.read(&mut three).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    proxy.heal();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.read_exact(&mut three).unwrap();
    assert_eq!(&three, b"def");
}

#[test]
fn a_delay_holds_bytes_back() {
    let proxy = Proxy::to(echo()).unwrap();
    proxy.set(&[Fault::Delay(
        Direction::ToServer,
        Duration::from_millis(200),
    )]);
    let mut stream = connect(&proxy);
    let begun = Instant::now();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn refusing_closes_new_connections_and_leaves_open_ones() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut open = connect(&proxy);
    open.write_all(b"x").unwrap();
    open.read_exact(&mut [0]).unwrap();
    proxy.set(&[Fault::Refuse]);
    assert_eq!(all(&mut connect(&proxy)), b"");
    open.write_all(b"y").unwrap();
    open.read_exact(&mut [0]).unwrap();
    proxy.heal();
    let mut again = connect(&proxy);
    again.write_all(b"z").unwrap();
    again.read_exact(&mut [0]).unwrap();
    assert_eq!(proxy.counts().refused, 1);
    assert_eq!(proxy.counts().connections, 3);
}

#[test]
fn cutting_now_ends_open_connections() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    proxy.cut();
    assert_eq!(all(&mut stream), b"");
}

#[test]
fn a_server_behind_the_proxy_answers_under_the_proxys_url() {
    let server = limosa_testkit::postgres();
    let url = server.database();
    let proxy = Proxy::to(server.port()).unwrap();
    let through = proxy.url(&url);
    assert_ne!(url, through);
    assert_eq!(
        limosa_testkit::query_psql(&through, "select current_database()"),
        url.rsplit('/').next().unwrap()
    );
    assert!(proxy.counts().to_client > 0);
}

#[test]
fn a_cut_of_all_counts_over_all_connections() {
    let proxy = Proxy::to(echo()).unwrap();
    let (mut a, mut b) = (connect(&proxy), connect(&proxy));
    for stream in [&mut a, &mut b] {
        stream.write_all(b"12345").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
    }
    proxy.set(&[Fault::CutAllAfter(Direction::ToServer, 13)]);
    a.write_all(b"67890").unwrap();
    let back = all(&mut a);
    assert!(b"678".starts_with(&back[..]), "{back:?}");
    assert_eq!(all(&mut b), b"");
    assert_eq!(proxy.counts().to_server, 13);
    assert_eq!(all(&mut connect(&proxy)), b"");
}
