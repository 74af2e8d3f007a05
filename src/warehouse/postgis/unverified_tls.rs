//! TLS without a look at the certificate of the server, for the modes `prefer` and `require`. The connector of
//! the TLS library reads all certificates that the operating system trusts before it ignores them, which takes
//! longer than a query.

use std::net::IpAddr;
use std::pin::Pin;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{
    Ssl, SslContext, SslMethod, SslMode, SslOptions, SslRef, SslVerifyMode, SslVersion,
};
use postgres::tls::ChannelBinding;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_openssl::SslStream;

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

/// Encrypts one connection. The server may need its name, `host`, to choose a certificate.
///
/// # Errors
/// A handshake that fails.
pub async fn connect<S>(context: SslContext, host: String, stream: S) -> Result<SslStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ssl = Ssl::new(&context)?;
    if host.parse::<IpAddr>().is_err() {
        ssl.set_hostname(&host)?;
    }
    let mut encrypted = SslStream::new(ssl, stream)?;
    Pin::new(&mut encrypted).connect().await?;
    Ok(encrypted)
}

/// The hash of the certificate (`tls-server-end-point`, RFC 5929), by which a password exchange notices that
/// somebody is in between.
pub fn channel_binding(connection: &SslRef) -> ChannelBinding {
    let hash = || {
        let certificate = connection.peer_certificate()?;
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
