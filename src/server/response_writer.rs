//! The writer of a query's response. A small response is buffered completely, so that it can be
//! cached and errors get a status code. A larger one is streamed through a short queue: memory stays
//! constant, a slow client slows the query down, and a disconnected client ends it. It is compressed
//! on the thread of the query, which keeps that work off the threads that serve all other requests.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 1 << 16;
/// Chunks in the queue.
const QUEUE_CHUNKS: usize = 4;
/// While other requests wait for a query to end, a client that reads nothing for this long counts as
/// disconnected.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a response begins.
pub enum ResponseStart<E> {
    /// The complete response, with its number of rows.
    Complete { bytes: Vec<u8>, rows: u64 },
    /// It exceeds the buffer and is streamed.
    Streaming { body: Body, gzip: bool },
    /// It failed before anything was sent.
    Failed(E),
}

/// Options of a [`ResponseWriter`].
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// Larger responses are streamed.
    pub max_buffered_bytes: usize,
    /// Streamed responses are compressed.
    pub gzip: bool,
    /// A client that reads nothing for this long counts as disconnected.
    pub stall_timeout: Duration,
    /// The number of requests that wait for a query to end. While there are any, a client counts as
    /// disconnected sooner.
    pub waiting: Arc<AtomicUsize>,
}

enum Chunk {
    Bytes(Bytes),
    /// The end of a complete response.
    End,
}

enum State<E> {
    Buffered(Vec<u8>, oneshot::Sender<ResponseStart<E>>),
    Plain(Channel),
    Gzip(Box<GzEncoder<Channel>>),
    Done,
}

/// A writer that can be cloned, because the output formats take ownership of theirs.
pub struct ResponseWriter<E> {
    state: Arc<Mutex<State<E>>>,
    options: StreamOptions,
}

impl<E> Clone for ResponseWriter<E> {
    fn clone(&self) -> Self {
        ResponseWriter { state: Arc::clone(&self.state), options: self.options.clone() }
    }
}

impl<E: Send> ResponseWriter<E> {
    /// The writer, and the receiver of the start of its response.
    pub fn new(options: StreamOptions) -> (Self, oneshot::Receiver<ResponseStart<E>>) {
        let (sender, receiver) = oneshot::channel();
        let state = Arc::new(Mutex::new(State::Buffered(Vec::new(), sender)));
        (ResponseWriter { state, options }, receiver)
    }

    /// Ends the response: complete with that number of rows, or failed. Returns an error that can no
    /// longer be reported to the client.
    pub fn finish(self, outcome: Result<u64, E>) -> Option<E> {
        let state = std::mem::replace(&mut *self.lock(), State::Done);
        match (state, outcome) {
            (State::Buffered(bytes, sender), outcome) => {
                // the request may have been dropped
                let _ = sender.send(match outcome {
                    Ok(rows) => ResponseStart::Complete { bytes, rows },
                    Err(error) => ResponseStart::Failed(error),
                });
                None
            }
            (State::Plain(channel), Ok(_)) => {
                channel.end();
                None
            }
            (State::Gzip(encoder), Ok(_)) => {
                if let Ok(channel) = encoder.finish() {
                    channel.end();
                }
                None
            }
            // without its end the body is truncated
            (_, outcome) => outcome.err(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to stream, beginning with the buffered bytes.
    fn start_stream(
        &self,
        bytes: &[u8],
        sender: oneshot::Sender<ResponseStart<E>>,
    ) -> io::Result<State<E>> {
        let (chunks, queue) = mpsc::channel(QUEUE_CHUNKS);
        let options = self.options.clone();
        let channel = Channel { chunks, buffer: Vec::new(), options };
        let gzip = self.options.gzip;
        sender
            .send(ResponseStart::Streaming { body: body(queue), gzip })
            .map_err(|_| disconnected())?;
        Ok(if gzip {
            let mut encoder = GzEncoder::new(channel, Compression::fast());
            encoder.write_all(bytes)?;
            State::Gzip(Box::new(encoder))
        } else {
            let mut channel = channel;
            channel.write_all(bytes)?;
            State::Plain(channel)
        })
    }
}

impl<E: Send> Write for ResponseWriter<E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        match &mut *state {
            State::Buffered(buffer, _)
                if buffer.len() + bytes.len() <= self.options.max_buffered_bytes =>
            {
                buffer.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            State::Buffered(..) => {
                if let State::Buffered(mut buffer, sender) =
                    std::mem::replace(&mut *state, State::Done)
                {
                    buffer.extend_from_slice(bytes);
                    *state = self.start_stream(&buffer, sender)?;
                }
                Ok(bytes.len())
            }
            State::Plain(channel) => channel.write(bytes),
            State::Gzip(encoder) => encoder.write(bytes),
            State::Done => Err(disconnected()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The queue to the client. Blocks while it is full.
struct Channel {
    chunks: mpsc::Sender<Chunk>,
    buffer: Vec<u8>,
    options: StreamOptions,
}

impl Channel {
    fn send(&mut self, chunk: Chunk) -> io::Result<()> {
        Handle::current().block_on(async {
            let started = Instant::now();
            let timeout = self.options.stall_timeout;
            loop {
                match tokio::time::timeout(PATIENCE.min(timeout), self.chunks.reserve()).await {
                    Ok(Ok(place)) => {
                        place.send(chunk);
                        return Ok(());
                    }
                    Ok(Err(_)) => return Err(disconnected()),
                    Err(_) => {
                        let is_needed = self.options.waiting.load(Ordering::Relaxed) > 0;
                        if is_needed || started.elapsed() >= timeout {
                            return Err(disconnected());
                        }
                    }
                }
            }
        })
    }

    fn end(mut self) {
        // a disconnected client needs no end
        let _ = self.flush().and_then(|()| self.send(Chunk::End));
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.buffer);
        self.send(Chunk::Bytes(bytes.into()))
    }
}

fn disconnected() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client disconnected")
}

/// A truncated response must not look complete: its body ends with an error, which closes the
/// connection.
fn body(queue: mpsc::Receiver<Chunk>) -> Body {
    let chunks = stream::unfold(Some(queue), |queue| async {
        let mut queue = queue?;
        match queue.recv().await {
            Some(Chunk::Bytes(bytes)) => Some((Ok(bytes), Some(queue))),
            Some(Chunk::End) => None,
            None => Some((Err(io::Error::other("the response was truncated")), None)),
        }
    });
    Body::from_stream(chunks)
}
