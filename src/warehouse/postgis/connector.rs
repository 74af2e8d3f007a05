//! Makes the connections of the client library encrypted ones.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use openssl::ssl::SslContext;
use postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use postgres_native_tls::MakeTlsConnector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_openssl::SslStream;

use super::unverified_tls;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How connections are encrypted, if the server offers it.
#[derive(Clone)]
pub enum Connector {
    /// By the TLS library, which verifies the certificate as it is told.
    Library(MakeTlsConnector),
    /// With any certificate.
    Unverified(SslContext),
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Connect;
    type Error = Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, Error> {
        Ok(match self {
            Connector::Library(library) => {
                Connect::Library(MakeTlsConnect::<S>::make_tls_connect(library, host)?)
            }
            Connector::Unverified(context) => {
                Connect::Unverified { context: context.clone(), host: host.to_owned() }
            }
        })
    }
}

/// Encrypts one connection.
pub enum Connect {
    Library(postgres_native_tls::TlsConnector),
    Unverified { context: SslContext, host: String },
}

impl<S> TlsConnect<S> for Connect
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted<S>, Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        match self {
            Connect::Library(library) => {
                let connected = library.connect(stream);
                Box::pin(async { Ok(Encrypted::Library(connected.await?)) })
            }
            Connect::Unverified { context, host } => {
                let connected = unverified_tls::connect(context, host, stream);
                Box::pin(async { Ok(Encrypted::Unverified(connected.await?)) })
            }
        }
    }
}

/// An encrypted connection.
pub enum Encrypted<S> {
    Library(postgres_native_tls::TlsStream<S>),
    Unverified(SslStream<S>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Encrypted::Library(stream) => Pin::new(stream).poll_read(context, buffer),
            Encrypted::Unverified(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Encrypted::Library(stream) => Pin::new(stream).poll_write(context, bytes),
            Encrypted::Unverified(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Encrypted::Library(stream) => Pin::new(stream).poll_flush(context),
            Encrypted::Unverified(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Encrypted::Library(stream) => Pin::new(stream).poll_shutdown(context),
            Encrypted::Unverified(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Encrypted::Library(stream) => stream.channel_binding(),
            Encrypted::Unverified(stream) => unverified_tls::channel_binding(stream.ssl()),
        }
    }
}
