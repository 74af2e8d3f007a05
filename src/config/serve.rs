//! The section `serve`: address, access and limits of the server.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::tokens::{self, NamedToken};
use super::{Audience, Secret, UrlPrefix};

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one.
    pub bind: String,
    /// Who reads; `None` for the public if other machines can reach the address, and else for that of
    /// `publish.audience`.
    pub audience: Option<Audience>,
    /// Token that clients must present; required to listen on addresses that other machines can reach.
    /// Its role is `user_rows`.
    pub token: Option<Secret>,
    /// Further tokens, with names and roles.
    #[serde(deserialize_with = "tokens::list")]
    pub tokens: Vec<NamedToken>,
    /// Whether rows of single users are served, to clients with a token of the role `user_rows`.
    pub allow_user_rows: bool,
    /// The file that records accesses to rows of single users; without it they are logged to standard
    /// error.
    pub audit_log: Option<PathBuf>,
    /// The path below which clients see the server, such as `/mobility`.
    pub base_path: Option<String>,
    /// Addresses or networks of the proxies whose `X-Forwarded-For` and `X-Forwarded-Prefix` are believed.
    pub trusted_proxies: Vec<String>,
    /// Maximum number of concurrent queries; others wait.
    pub max_queries: usize,
    /// Seconds after which a request is aborted.
    pub timeout_s: u64,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum number of connections from one address; `None` for the default, which depends on
    /// `behind_tls_proxy`.
    pub max_connections_per_address: Option<usize>,
    /// Seconds that the server waits for a client that sends or reads nothing.
    pub client_timeout_s: u64,
    /// Seconds after which the next response on a connection is its last one, and may take as long again.
    pub max_connection_s: u64,
    /// File with the certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// File with the private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Clients reach the server only through a proxy that speaks TLS to them.
    pub behind_tls_proxy: bool,
}

impl Serve {
    /// The maximum number of connections from one address. All connections of a proxy come from its own
    /// address.
    pub fn max_connections_per_address(&self) -> usize {
        let default = if self.behind_tls_proxy { self.max_connections } else { 64 };
        self.max_connections_per_address.unwrap_or(default)
    }
}

impl Default for Serve {
    fn default() -> Self {
        Serve {
            bind: "127.0.0.1:5000".into(),
            audience: None,
            token: None,
            tokens: Vec::new(),
            allow_user_rows: false,
            audit_log: None,
            base_path: None,
            trusted_proxies: Vec::new(),
            max_queries: 8,
            timeout_s: 60,
            max_connections: 1_024,
            max_connections_per_address: None,
            client_timeout_s: 30,
            max_connection_s: 3_600,
            tls_cert: None,
            tls_key: None,
            behind_tls_proxy: false,
        }
    }
}

impl Serve {
    /// True if clients have to send a token.
    pub fn has_tokens(&self) -> bool {
        self.token.is_some() || !self.tokens.is_empty()
    }

    /// The prefix of `base_path`.
    ///
    /// # Errors
    /// A text that is not a path of plain characters.
    pub fn url_prefix(&self) -> Result<Option<UrlPrefix>> {
        let parse = |text: &String| {
            UrlPrefix::parse(text).ok_or_else(|| {
                anyhow!(
                    "serve.base_path = {text:?}: expected a path such as \"/mobility\", of letters, \
                     digits and -._~@+ between single slashes"
                )
            })
        };
        self.base_path.as_ref().map(parse).transpose()
    }

    /// The networks of `trusted_proxies`.
    ///
    /// # Errors
    /// An entry that is neither an address nor a network.
    pub fn proxy_networks(&self) -> Result<Vec<IpNet>> {
        let network = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse()).map_err(|_| {
                anyhow!(
                    "serve.trusted_proxies: {text:?} is neither an address nor a network, such as \
                     10.0.0.7 or 10.0.0.0/24"
                )
            })
        };
        self.trusted_proxies.iter().map(network).collect()
    }
}
