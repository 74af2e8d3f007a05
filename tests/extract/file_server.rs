//! A web server on loopback with configurable faults.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What happens to the next request for a file instead of a correct answer.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The connection breaks after this number of bytes.
    Cut(usize),
    /// Nothing is sent after this number of bytes, but the connection stays open.
    Stall(usize),
    /// This status without a body.
    Status(u16),
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, (String, Vec<u8>)>,
    faults: VecDeque<Fault>,
    no_ranges: bool,
    /// Number of bytes that are announced but not sent.
    too_long: usize,
    sent: u64,
}

/// A server of files that have an ETag each.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || drop(answer(client, &state)));
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn file(&self, path: &str, tag: &str, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.files.insert(path.to_owned(), (tag.to_owned(), bytes.to_vec()));
    }

    pub fn faults(&self, faults: &[Fault]) {
        self.state.lock().unwrap().faults = faults.iter().copied().collect();
    }

    pub fn without_ranges(&self) {
        self.state.lock().unwrap().no_ranges = true;
    }

    pub fn announce_more(&self, bytes: usize) {
        self.state.lock().unwrap().too_long = bytes;
    }

    /// Bytes of files that were sent since the last call.
    pub fn sent(&self) -> u64 {
        std::mem::take(&mut self.state.lock().unwrap().sent)
    }
}

fn answer(mut client: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap().to_owned();
    let mut range = String::new();
    for line in lines {
        let line = line?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = value.trim().to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    let (fault, found, no_ranges, too_long) = {
        let mut state = state.lock().unwrap();
        // the probe for the size is not a download
        let fault = if range == "bytes=0-0" { None } else { state.faults.pop_front() };
        (fault, state.files.get(&path).cloned(), state.no_ranges, state.too_long)
    };
    if let Some(Fault::Status(status)) = fault {
        return write!(
            client,
            "HTTP/1.1 {status} Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let Some((tag, bytes)) = found else {
        return write!(
            client,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    };
    let bounds = range.strip_prefix("bytes=").filter(|_| !no_ranges).map(|bounds| {
        let (from, to) = bounds.split_once('-').unwrap();
        let to = to.parse().map_or(bytes.len(), |to: usize| (to + 1).min(bytes.len()));
        (from.parse::<usize>().unwrap(), to)
    });
    let total = bytes.len() + too_long;
    let (from, to) = bounds.unwrap_or((0, bytes.len()));
    let status = match bounds {
        Some(_) => {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}", to.max(1) - 1)
        }
        None => "200 OK".to_owned(),
    };
    let length = to - from + if to == bytes.len() { too_long } else { 0 };
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"{tag}\"\r\nConnection: close\r\n\r\n"
    )?;
    let most = match fault {
        Some(Fault::Cut(most) | Fault::Stall(most)) => most.min(to - from),
        _ => to - from,
    };
    client.write_all(&bytes[from..from + most])?;
    client.flush()?;
    if range != "bytes=0-0" {
        state.lock().unwrap().sent += most as u64;
    }
    if let Some(Fault::Stall(_)) = fault {
        // until the client disconnects
        let _ = client.read(&mut [0]);
    }
    Ok(())
}
