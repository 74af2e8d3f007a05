//! A proxy that breaks connections.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::s3_server::RUNTIME;

/// Forwards bytes to a server and breaks connections after a number of bytes of the answer.
pub struct Proxy {
    pub port: u16,
    left: Arc<AtomicI64>,
    cuts: Arc<AtomicU64>,
    then: Arc<Mutex<Option<(u64, Then)>>>,
}

/// An action to run once.
type Then = Box<dyn FnOnce() + Send>;

impl Proxy {
    pub fn to(server: u16, times: i64, after: usize) -> Proxy {
        Proxy::every(1, server, times, after)
    }

    /// Like [`Proxy::to`], but breaks only every `nth` connection.
    pub fn every(nth: u64, server: u16, times: i64, after: usize) -> Proxy {
        let number = AtomicU64::new(0);
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (left, cuts) = (Arc::new(AtomicI64::new(times)), Arc::new(AtomicU64::new(0)));
        let then: Arc<Mutex<Option<(u64, Then)>>> = Arc::default();
        let (passed, due) = (Arc::new(AtomicU64::new(0)), Arc::clone(&then));
        let proxy = Proxy { port, left: Arc::clone(&left), cuts: Arc::clone(&cuts), then };
        RUNTIME.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (left, cuts) = (Arc::clone(&left), Arc::clone(&cuts));
                let (passed, due) = (Arc::clone(&passed), Arc::clone(&due));
                let spared = !number.fetch_add(1, Ordering::Relaxed).is_multiple_of(nth);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                        return;
                    };
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let up = tokio::spawn(async move {
                        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                    });
                    let mut room = if spared { usize::MAX } else { after };
                    let mut some = vec![0; 1 << 12];
                    while let Ok(bytes @ 1..) = from_server.read(&mut some).await {
                        if bytes > room && left.fetch_sub(1, Ordering::Relaxed) > 0 {
                            let _ = to_client.write_all(&some[..room]).await;
                            cuts.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        room = room.saturating_sub(bytes);
                        let so_far = passed.fetch_add(bytes as u64, Ordering::Relaxed);
                        let now = due.lock().unwrap().take_if(|(after, _)| so_far > *after);
                        if let Some((_, then)) = now {
                            then();
                        }
                        if to_client.write_all(&some[..bytes]).await.is_err() {
                            break;
                        }
                    }
                    up.abort();
                });
            }
        });
        proxy
    }

    /// Number of broken connections.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Runs an action once, after this number of bytes has been forwarded on all connections.
    pub fn when(&self, passed: u64, then: impl FnOnce() + Send + 'static) {
        *self.then.lock().unwrap() = Some((passed, Box::new(then)));
    }

    /// Breaks this number of further connections.
    pub fn cut(&self, times: i64) {
        self.left.store(times, Ordering::Relaxed);
    }
}
