//! Where a query writes its answer. Small ones are collected whole, so that they can be kept and
//! errors have their status; larger ones flow through a short queue, so that memory does not grow
//! with them, a slow client slows the query down, and one that goes away ends it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Bytes that are handed on at a time.
const PIECE_BYTES: usize = 1 << 16;
/// Pieces on their way.
const QUEUE: usize = 4;

/// What an answer turned out to be.
pub enum Opened<E> {
    /// All of it, with its number of rows.
    Whole { bytes: Vec<u8>, rows: u64 },
    /// More than fits; it is being written.
    Flow { body: Body, gzip: bool },
    /// It ended before anything was sent.
    Failed(E),
}

/// How to write.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Answers beyond this size flow.
    pub whole_bytes: usize,
    /// Flowing answers are packed.
    pub gzip: bool,
    /// A client that takes nothing for so long has gone.
    pub stall: Duration,
}

enum Piece {
    Bytes(Bytes),
    /// Without it an answer is not complete.
    End,
}

enum State<E> {
    Whole(Vec<u8>, oneshot::Sender<Opened<E>>),
    Plain(Channel),
    Gzip(Box<GzEncoder<Channel>>),
    Done,
}

/// A writer that can be cloned, for the writers that keep theirs.
pub struct Sink<E> {
    state: Arc<Mutex<State<E>>>,
    manner: Manner,
}

impl<E> Clone for Sink<E> {
    fn clone(&self) -> Self {
        Sink { state: Arc::clone(&self.state), manner: self.manner.clone() }
    }
}

impl<E: Send> Sink<E> {
    /// The sink, and what tells how its answer begins.
    pub fn new(manner: Manner) -> (Self, oneshot::Receiver<Opened<E>>) {
        let (sender, receiver) = oneshot::channel();
        let state = Arc::new(Mutex::new(State::Whole(Vec::new(), sender)));
        (Sink { state, manner }, receiver)
    }

    /// Ends the answer: complete with so many rows, or broken. Gives the error back that the client
    /// cannot be told any more.
    pub fn end(self, outcome: Result<u64, E>) -> Option<E> {
        let state = std::mem::replace(&mut *self.lock(), State::Done);
        match (state, outcome) {
            (State::Whole(bytes, sender), outcome) => {
                // whoever asked may have gone
                let _ = sender.send(match outcome {
                    Ok(rows) => Opened::Whole { bytes, rows },
                    Err(error) => Opened::Failed(error),
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
            // without its end the body breaks off
            (_, outcome) => outcome.err(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From a whole answer to one that flows.
    fn flow(&self, bytes: &[u8], sender: oneshot::Sender<Opened<E>>) -> io::Result<State<E>> {
        let (pieces, queue) = mpsc::channel(QUEUE);
        let channel = Channel { pieces, buffer: Vec::new(), stall: self.manner.stall };
        let gzip = self.manner.gzip;
        sender.send(Opened::Flow { body: body(queue), gzip }).map_err(|_| gone())?;
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

impl<E: Send> Write for Sink<E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        match &mut *state {
            State::Whole(head, _) if head.len() + bytes.len() <= self.manner.whole_bytes => {
                head.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            State::Whole(..) => {
                if let State::Whole(mut head, sender) = std::mem::replace(&mut *state, State::Done)
                {
                    head.extend_from_slice(bytes);
                    *state = self.flow(&head, sender)?;
                }
                Ok(bytes.len())
            }
            State::Plain(channel) => channel.write(bytes),
            State::Gzip(encoder) => encoder.write(bytes),
            State::Done => Err(gone()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The queue to the client. Blocks while it is full.
struct Channel {
    pieces: mpsc::Sender<Piece>,
    buffer: Vec<u8>,
    stall: Duration,
}

impl Channel {
    fn send(&mut self, piece: Piece) -> io::Result<()> {
        let sent = self.pieces.send_timeout(piece, self.stall);
        Handle::current().block_on(sent).map_err(|_| gone())
    }

    fn end(mut self) {
        // a client that has gone needs no end
        let _ = self.flush().and_then(|()| self.send(Piece::End));
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.buffer);
        self.send(Piece::Bytes(bytes.into()))
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client went away")
}

/// An answer that breaks off must not look complete: its body ends with an error, and the
/// connection with it.
fn body(queue: mpsc::Receiver<Piece>) -> Body {
    let pieces = stream::unfold(Some(queue), |queue| async {
        let mut queue = queue?;
        match queue.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(queue))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the answer broke off")), None)),
        }
    });
    Body::from_stream(pieces)
}
