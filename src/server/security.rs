//! Who is let in, and what a browser may do with our pages.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use super::bind::Address;
use super::problem::Problem;
use crate::config::{Config, Secret};

/// Bodies are never read; one beyond this size is refused.
const MOST_BODY_BYTES: u64 = 1 << 16;

/// On every response: only our own files, nothing from elsewhere, no frames.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (header::VARY, "accept, accept-encoding, authorization"),
];

/// Adds the headers that every response has.
pub fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Decides who is let in.
pub struct Guard {
    token: Option<Secret>,
    /// Names by which this machine may be asked; `None` where any will do.
    hosts: Option<Vec<String>>,
}

impl Guard {
    pub fn new(config: &Config, address: &Address) -> Self {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        hosts.push(address.host.clone());
        hosts.extend(address.sockets.iter().map(|s| s.ip().to_string()));
        Guard { token: config.serve.token.clone(), hosts: address.is_loopback.then_some(hosts) }
    }

    /// A page elsewhere can have its own name point to this machine and so read what is served
    /// here; it cannot change the name that its requests carry.
    ///
    /// # Errors
    /// 421 for a name that is not ours.
    pub fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let named = headers.get(header::HOST).map(|h| h.to_str().unwrap_or_default());
        let named: Vec<&str> = named.into_iter().chain(uri.host()).collect();
        match named.into_iter().find(|name| !hosts.contains(&bare(name))) {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this server answers to localhost and 127.0.0.1 only; ask for it by one of these \
                 names",
            )),
        }
    }

    /// # Errors
    /// 401 without the token.
    pub fn token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get_all(header::AUTHORIZATION).into_iter();
        let given = given.filter_map(|v| v.to_str().ok()).filter_map(presented);
        let wanted = token.reveal().as_bytes();
        if given.into_iter().any(|g| bool::from(g.as_bytes().ct_eq(wanted))) {
            return Ok(());
        }
        let detail = "this server wants its token (serve.token): send \"Authorization: Bearer \
                      TOKEN\", or give it as the password, with any user name";
        Err(Problem::new(StatusCode::UNAUTHORIZED, detail)
            .with(header::WWW_AUTHENTICATE, "Basic realm=\"mobility\", charset=\"UTF-8\"")
            .with(header::WWW_AUTHENTICATE, "Bearer realm=\"mobility\""))
    }
}

/// # Errors
/// 413 for a body that nobody will read.
pub fn body(headers: &HeaderMap) -> Result<(), Problem> {
    let length: Option<u64> =
        headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > MOST_BODY_BYTES => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "requests have no body here; parameters go into the URL",
        )),
        _ => Ok(()),
    }
}

/// The token in an `Authorization` header: a bearer's, or the password that a browser asked for.
fn presented(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().to_owned()),
        "basic" => {
            let decoded = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
            decoded.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

/// A host without its port, brackets and closing dot.
fn bare(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(token: Option<&str>) -> Guard {
        let mut config = Config::default();
        config.serve.token = token.map(Secret::new);
        let sockets = vec![([127, 0, 0, 1], 5000).into()];
        let address = Address { sockets, host: "127.0.0.1".to_owned(), is_loopback: true };
        Guard::new(&config, &address)
    }

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_name_of_somebody_elses_is_refused() {
        let uri: Uri = "/".parse().unwrap();
        for host in ["localhost:5000", "127.0.0.1", "[::1]:8080", "LOCALHOST.", "127.0.0.1:1"] {
            assert!(guard(None).host(&uri, &with(header::HOST, host)).is_ok(), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5000", ""] {
            assert!(guard(None).host(&uri, &with(header::HOST, host)).is_err(), "{host}");
        }
        let uri: Uri = "http://evil.example/".parse().unwrap();
        assert!(guard(None).host(&uri, &with(header::HOST, "localhost")).is_err());
    }

    #[test]
    fn the_token_opens_as_bearer_and_as_password() {
        let guard = guard(Some("0123456789abcdef"));
        let token = |value: &str| guard.token(&with(header::AUTHORIZATION, value)).is_ok();
        assert!(token("Bearer 0123456789abcdef") && token("bearer 0123456789abcdef"));
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert!(token(&basic("me:0123456789abcdef")) && token(&basic(":0123456789abcdef")));
        for wrong in
            ["Bearer 0123456789abcde", "Bearer", "0123456789abcdef", &basic("x"), "Basic !"]
        {
            assert!(!token(wrong), "{wrong}");
        }
        let problem = guard.token(&HeaderMap::new()).unwrap_err();
        assert!(problem.status == 401 && !problem.detail.contains("0123"), "{problem:?}");
    }
}
