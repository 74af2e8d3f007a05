//! What a trusted proxy says about the client: its address, and where it sees this server.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::config::UrlPrefix;

/// Each proxy appends the address from which it was asked.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// The path that a proxy removes from requests, or below which it passes them on.
pub const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// The proxies whose headers are believed.
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>) -> Self {
        TrustedProxies(networks)
    }

    /// The address of the client whose request arrived from `peer`. The header is read from its end,
    /// because a client can send its own beginning of it, and only as far as trusted proxies wrote it.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let values = headers.get_all(FORWARDED_FOR).into_iter().rev();
        let entries = values.flat_map(|v| v.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.contains(client) {
                break;
            }
            match address(entry.trim()) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }

    /// The prefix that the proxy at `peer` states. One that is not a plain path is ignored, and so are
    /// several, of which a client may have sent some.
    pub fn prefix(&self, peer: IpAddr, headers: &HeaderMap) -> Option<UrlPrefix> {
        let mut values = headers.get_all(FORWARDED_PREFIX).into_iter();
        let value = values.next().filter(|_| self.contains(peer.to_canonical()))?;
        UrlPrefix::parse(value.to_str().ok()?).filter(|_| values.next().is_none())
    }

    /// True if no proxy is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, which some proxies send with the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_matches(['[', ']']).parse().ok();
    bare.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip())).map(|a: IpAddr| a.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn forwarded_address_is_believed_only_as_far_as_trusted_proxies_wrote_it() {
        let networks = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"];
        let proxies = TrustedProxies::new(networks.map(|n| n.parse().unwrap()).to_vec());
        for (peer, forwarded, client) in [
            ("192.0.2.1", vec!["198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", vec![], "127.0.0.1"),
            ("127.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", vec!["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", vec!["6.6.6.6", "198.51.100.7, 10.0.0.9"], "198.51.100.7"),
            ("127.0.0.1", vec!["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
            ("127.0.0.1", vec!["198.51.100.7, nonsense"], "127.0.0.1"),
            ("127.0.0.1", vec!["nonsense, 10.0.0.9"], "10.0.0.9"),
            ("::ffff:127.0.0.1", vec!["::ffff:198.51.100.7"], "198.51.100.7"),
            ("fd00::1", vec!["[2001:db8::7]:443"], "2001:db8::7"),
            ("fd00::1", vec!["198.51.100.7:443"], "198.51.100.7"),
        ] {
            let header = |text: &&str| HeaderValue::from_str(text).unwrap();
            let mut headers = HeaderMap::new();
            for value in forwarded.iter().map(header) {
                headers.append(FORWARDED_FOR, value);
            }
            let found = proxies.client(peer.parse().unwrap(), &headers);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_state_a_prefix_and_it_is_a_plain_path() {
        let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let stated = |peer: &str, values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_PREFIX, HeaderValue::from_str(value).unwrap());
            }
            proxies.prefix(peer.parse().unwrap(), &headers).map(|prefix| prefix.to_string())
        };
        assert_eq!(stated("127.0.0.1", &["/mobility/"]).as_deref(), Some("/mobility"));
        assert_eq!(stated("::ffff:127.0.0.1", &["/"]).as_deref(), Some(""));
        assert_eq!(stated("192.0.2.1", &["/mobility"]), None);
        for values in [vec![], vec![""], vec!["//evil.example"], vec!["/a, /b"], vec!["/a", "/b"]] {
            assert_eq!(stated("127.0.0.1", &values), None, "{values:?}");
        }
    }
}
