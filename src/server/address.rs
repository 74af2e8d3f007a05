//! The address to listen on.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result, anyhow, bail};

use crate::config::Serve;
use crate::errors::UsageError;

/// The resolved `serve.bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub sockets: Vec<SocketAddr>,
    /// The host as written, in lower case, without brackets.
    pub host: String,
    /// Only this machine can connect to it.
    pub is_loopback: bool,
}

/// Resolves `serve.bind`.
///
/// # Errors
/// A name that cannot be resolved; [`UsageError`] for an address that other machines can connect to
/// while neither a token nor `--insecure` is set.
pub fn resolve(serve: &Serve, insecure: bool) -> Result<Address> {
    let bind = &serve.bind;
    let sockets: Vec<SocketAddr> = bind
        .to_socket_addrs()
        .with_context(|| format!("serve.bind = {bind:?} is not an address of this machine"))?
        .collect();
    if sockets.is_empty() {
        bail!("serve.bind = {bind:?} is not an address of this machine");
    }
    let is_loopback = sockets.iter().all(|s| s.ip().is_loopback());
    if !is_loopback && !serve.has_tokens() && !insecure {
        return Err(anyhow!(UsageError(format!(
            "other machines can connect to {bind}: set MOBILITY_SERVE_TOKEN, which clients then have \
             to send (`openssl rand -hex 32` creates one), or use --insecure to serve without a token"
        ))));
    }
    let host = bind.rsplit_once(':').map_or(bind.as_str(), |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    Ok(Address { sockets, host, is_loopback })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn resolved(bind: &str, token: bool, insecure: bool) -> Result<Address> {
        let token = token.then(|| Secret::new("0123456789abcdef"));
        resolve(&Serve { bind: bind.to_owned(), token, ..Serve::default() }, insecure)
    }

    #[test]
    fn only_loopback_addresses_need_no_token() {
        for bind in ["127.0.0.1:0", "127.8.8.8:1", "[::1]:0", "localhost:0"] {
            assert!(resolved(bind, false, false).unwrap().is_loopback, "{bind}");
        }
        for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            let error = resolved(bind, false, false).unwrap_err();
            assert!(error.downcast_ref::<UsageError>().is_some(), "{error}");
            assert!(error.to_string().contains("MOBILITY_SERVE_TOKEN"), "{error}");
            assert!(!resolved(bind, true, false).unwrap().is_loopback);
            assert!(!resolved(bind, false, true).unwrap().is_loopback);
        }
        assert_eq!(resolved("[::1]:0", false, false).unwrap().host, "::1");
    }
}
