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
/// while neither a token nor `--insecure` is set, or while the token could be read on the way.
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
    if !is_loopback && serve.has_tokens() && serve.tls_cert.is_none() && !serve.behind_tls_proxy {
        return Err(anyhow!(UsageError(format!(
            "other machines can connect to {bind}, and the token would be sent to it in clear: set \
             serve.tls_cert and serve.tls_key, or, if clients reach this server only through a proxy \
             that speaks TLS to them, serve.behind_tls_proxy = true"
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
        let serve =
            Serve { bind: bind.to_owned(), token, behind_tls_proxy: true, ..Serve::default() };
        resolve(&serve, insecure)
    }

    #[test]
    fn token_for_other_machines_needs_tls() {
        let serve = |bind: &str| Serve {
            bind: bind.to_owned(),
            token: Some(Secret::new("0123456789abcdef")),
            ..Serve::default()
        };
        assert!(resolve(&serve("127.0.0.1:0"), false).is_ok());
        for insecure in [false, true] {
            let error = resolve(&serve("0.0.0.0:0"), insecure).unwrap_err();
            assert!(error.downcast_ref::<UsageError>().is_some(), "{error}");
            for key in ["serve.tls_cert", "serve.tls_key", "serve.behind_tls_proxy = true"] {
                assert!(error.to_string().contains(key), "{error}");
            }
        }
        let proxied = Serve { behind_tls_proxy: true, ..serve("0.0.0.0:0") };
        assert!(resolve(&proxied, false).is_ok());
        let tls = Serve { tls_cert: Some("a.pem".into()), ..serve("[::]:0") };
        assert!(resolve(&tls, false).is_ok());
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
