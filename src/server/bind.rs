//! Where to listen, and who may be let in there.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result, anyhow, bail};

use super::Settings;
use crate::config::Config;
use crate::errors::UsageError;

/// A checked `serve.bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub sockets: Vec<SocketAddr>,
    /// The host as it was written, lower-case, without brackets.
    pub host: String,
    /// Nobody but this machine can reach it.
    pub is_loopback: bool,
}

/// Resolves `serve.bind`.
///
/// # Errors
/// A name that does not resolve; [`UsageError`] for an address that others reach, without a token
/// and without `--insecure`.
pub fn address(config: &Config, settings: &Settings) -> Result<Address> {
    let bind = &config.serve.bind;
    let sockets: Vec<SocketAddr> = bind
        .to_socket_addrs()
        .with_context(|| format!("serve.bind = {bind:?} is no address of this machine"))?
        .collect();
    if sockets.is_empty() {
        bail!("serve.bind = {bind:?} is no address of this machine");
    }
    let is_loopback = sockets.iter().all(|s| s.ip().is_loopback());
    if !is_loopback && config.serve.token.is_none() && !settings.insecure {
        return Err(anyhow!(UsageError(format!(
            "others can reach {bind}: set MOBILITY_SERVE_TOKEN, which clients then have to present \
             (`openssl rand -hex 32` makes a good one), or say --insecure to let everybody in"
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

    fn found(bind: &str, token: bool, insecure: bool) -> Result<Address> {
        let mut config = Config::default();
        config.serve.bind = bind.to_owned();
        config.serve.token = token.then(|| Secret::new("0123456789abcdef"));
        address(&config, &Settings { insecure, ..Settings::default() })
    }

    #[test]
    fn only_loopback_is_open_without_a_token() {
        for bind in ["127.0.0.1:0", "127.8.8.8:1", "[::1]:0", "localhost:0"] {
            assert!(found(bind, false, false).unwrap().is_loopback, "{bind}");
        }
        for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            let error = found(bind, false, false).unwrap_err();
            assert!(error.downcast_ref::<UsageError>().is_some(), "{error}");
            assert!(error.to_string().contains("MOBILITY_SERVE_TOKEN"), "{error}");
            assert!(!found(bind, true, false).unwrap().is_loopback);
            assert!(!found(bind, false, true).unwrap().is_loopback);
        }
        assert_eq!(found("[::1]:0", false, false).unwrap().host, "::1");
    }
}
