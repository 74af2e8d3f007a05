//! TLS without a look at the certificate of the server, for the modes `prefer` and `require`. The connector of
//! the TLS library reads all certificates that the operating system trusts before it ignores them, which takes
//! longer than a query.

use std::future::{Future, poll_fn};
use std::io;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslMode, SslOptions, SslStream, SslVerifyMode,
    SslVersion,
};
use postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The ciphers that the TLS library offers in the other modes.
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!MD5:!3DES:!DES:!RC4:!IDEA:!SEED:!aDSS:!SRP:!PSK";

/// The settings of connections, which accept every certificate.
///
/// # Errors
/// Versions that the library lacks.
pub fn context(oldest: SslVersion, newest: Option<SslVersion>) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_options(SslOptions::ALL | SslOptions::NO_COMPRESSION);
    context.set_mode(
        SslMode::AUTO_RETRY | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::ENABLE_PARTIAL_WRITE,
    );
    context.set_cipher_list(CIPHERS)?;
    context.set_min_proto_version(Some(oldest))?;
    context.set_max_proto_version(newest)?;
    context.set_verify(SslVerifyMode::NONE);
    // one system call for a header and what follows it
    context.set_read_ahead(true);
    Ok(context.build())
}

/// Encrypts one connection.
pub struct Connect {
    context: SslContext,
    /// The name of the server, which it may need to choose a certificate.
    host: String,
}

impl Connect {
    pub fn new(context: &SslContext, host: &str) -> Self {
        Connect { context: context.clone(), host: host.to_owned() }
    }

    async fn handshake<S>(self, stream: S) -> Result<Encrypted<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut ssl = Ssl::new(&self.context)?;
        if self.host.parse::<IpAddr>().is_err() {
            ssl.set_hostname(&self.host)?;
        }
        let stream = Polled { stream, waker: Waker::noop().clone() };
        let mut encrypted = Encrypted(SslStream::new(ssl, stream)?);
        poll_fn(|context| match encrypted.on_behalf_of(context).connect() {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) if is_waiting(&error) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        })
        .await?;
        Ok(encrypted)
    }
}

impl<S> TlsConnect<S> for Connect
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted<S>, Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(self.handshake(stream))
    }
}

/// An encrypted connection.
pub struct Encrypted<S>(SslStream<Polled<S>>);

impl<S> Encrypted<S> {
    /// The stream, which wakes the task of `context` when it can continue.
    fn on_behalf_of(&mut self, context: &Context<'_>) -> &mut SslStream<Polled<S>> {
        self.0.get_mut().waker.clone_from(context.waker());
        &mut self.0
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.on_behalf_of(context).read(buffer.initialize_unfilled());
        pending_if_blocked(read.map(|count| buffer.advance(count)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        pending_if_blocked(self.on_behalf_of(context).write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pending_if_blocked(self.on_behalf_of(context).flush())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.on_behalf_of(context).shutdown() {
            Ok(_) => {}
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => {}
            Err(error) if is_waiting(&error) => return Poll::Pending,
            Err(error) => {
                return Poll::Ready(Err(error.into_io_error().unwrap_or_else(io::Error::other)));
            }
        }
        Pin::new(&mut self.0.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    /// The hash of the certificate (`tls-server-end-point`, RFC 5929), by which a password exchange notices that
    /// somebody is in between.
    fn channel_binding(&self) -> ChannelBinding {
        let hash = || {
            let certificate = self.0.ssl().peer_certificate()?;
            let signature = certificate.signature_algorithm().object().nid();
            let digest = match signature.signature_algorithms()?.digest {
                Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
                digest => MessageDigest::from_nid(digest)?,
            };
            certificate.digest(digest).ok()
        };
        match hash() {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.to_vec()),
            None => ChannelBinding::none(),
        }
    }
}

fn is_waiting(error: &openssl::ssl::Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

fn pending_if_blocked<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// An asynchronous stream for a library that reads and writes without blocking.
struct Polled<S> {
    stream: S,
    /// Of the task that waits for the stream.
    waker: Waker,
}

impl<S: Unpin> Polled<S> {
    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        match poll(Pin::new(&mut self.stream), &mut Context::from_waker(&self.waker)) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncRead + Unpin> Read for Polled<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        self.poll(|stream, context| stream.poll_read(context, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Polled<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.poll(|stream, context| stream.poll_write(context, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.poll(|stream, context| stream.poll_flush(context))
    }
}
