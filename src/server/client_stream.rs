//! The byte stream to a client, with a deadline for a client that reads nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connection_activity::Activity;

/// A client that waits for its response has to take this many bytes, or what is left, within the
/// timeout. Fewer could keep a response alive for days.
const MIN_PROGRESS_BYTES: usize = 16 << 10;

/// A stream whose writes fail once the client has taken too little for too long.
pub struct ClientStream<S> {
    stream: S,
    activity: Arc<Activity>,
    timeout: Duration,
    /// Set while bytes wait for the client.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes sent since the deadline was set.
    progress: usize,
}

impl<S> ClientStream<S> {
    pub fn new(stream: S, activity: Arc<Activity>, timeout: Duration) -> Self {
        ClientStream { stream, activity, timeout, deadline: None, progress: 0 }
    }

    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => {
                self.activity.sent();
                self.progress += bytes;
                if self.progress >= MIN_PROGRESS_BYTES {
                    self.deadline = None;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.activity.stalled();
                let deadline = match &mut self.deadline {
                    Some(deadline) => deadline,
                    none => {
                        self.progress = 0;
                        none.insert(Box::pin(sleep(self.timeout)))
                    }
                };
                if deadline.as_mut().poll(context).is_ready() {
                    let error = "the client has read nothing for too long";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, error)));
                }
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when nothing waits for the client any more.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.deadline = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(200);

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn write_to_a_client_that_reads_nothing_fails() {
        run(async {
            let (server, _client) = duplex(1 << 10);
            let activity = Arc::new(Activity::new());
            activity.request_began();
            let mut stream = ClientStream::new(server, Arc::clone(&activity), TIMEOUT);
            let error = stream.write_all(&[0; 1 << 12]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(activity.waiting().is_some());
        });
    }

    #[test]
    fn write_to_a_client_that_reads_a_byte_now_and_then_fails() {
        run(async {
            let (server, mut client) = duplex(1 << 10);
            let mut stream = ClientStream::new(server, Arc::new(Activity::new()), TIMEOUT);
            let trickle = async {
                while client.read_u8().await.is_ok() {
                    tokio::time::sleep(TIMEOUT / 20).await;
                }
            };
            let bytes = vec![0; 1 << 20];
            let write = async {
                let written = stream.write_all(&bytes).await;
                drop(stream);
                written
            };
            let (written, ()) = tokio::join!(write, trickle);
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn client_that_keeps_reading_gets_everything() {
        run(async {
            let timeout = Duration::from_secs(1);
            let (server, mut client) = duplex(MIN_PROGRESS_BYTES);
            let mut stream = ClientStream::new(server, Arc::new(Activity::new()), timeout);
            let bytes = vec![7; 12 * MIN_PROGRESS_BYTES];
            let write = async {
                // the pauses together are longer than the timeout, each is shorter
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
                drop(stream);
            };
            let read = async {
                let (mut got, mut chunk) = (Vec::new(), vec![0; MIN_PROGRESS_BYTES]);
                loop {
                    let read = client.read(&mut chunk).await.unwrap();
                    if read == 0 {
                        return got;
                    }
                    got.extend_from_slice(&chunk[..read]);
                    tokio::time::sleep(timeout / 10).await;
                }
            };
            let ((), got) = tokio::join!(write, read);
            assert!(got == bytes);
        });
    }
}
