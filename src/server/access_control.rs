//! Access control: host names, the token and the size of request bodies.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use super::address::Address;
use super::problem::Problem;
use crate::config::Secret;

/// Bodies are never read; a larger one is rejected.
const MAX_BODY_BYTES: u64 = 1 << 16;

/// The rules of this server.
pub struct AccessControl {
    token: Option<Secret>,
    /// Host names that requests may carry; `None` allows any.
    hosts: Option<Vec<String>>,
}

impl AccessControl {
    pub fn new(token: Option<Secret>, address: &Address) -> Self {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        hosts.push(address.host.clone());
        hosts.extend(address.sockets.iter().map(|s| s.ip().to_string()));
        AccessControl { token, hosts: address.is_loopback.then_some(hosts) }
    }

    /// Checks the host name, against DNS rebinding: another site can let its own name point to this
    /// machine, but its requests still carry that name.
    ///
    /// # Errors
    /// 421 for a foreign host name.
    pub fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let host = headers.get(header::HOST).map(|h| h.to_str().unwrap_or_default());
        let names: Vec<&str> = host.into_iter().chain(uri.host()).collect();
        match names.into_iter().find(|name| !hosts.contains(&normalized_host(name))) {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this server accepts requests to localhost and 127.0.0.1 only; use one of these \
                 names",
            )),
        }
    }

    /// # Errors
    /// 401 without the token.
    pub fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get_all(header::AUTHORIZATION).into_iter();
        let given = given.filter_map(|v| v.to_str().ok()).filter_map(sent_token);
        let expected = token.reveal().as_bytes();
        if given.into_iter().any(|g| bool::from(g.as_bytes().ct_eq(expected))) {
            return Ok(());
        }
        let detail = "this server requires its token (serve.token): send \"Authorization: \
                      Bearer TOKEN\", or use it as the password with any user name";
        Err(Problem::new(StatusCode::UNAUTHORIZED, detail)
            .with(header::WWW_AUTHENTICATE, "Basic realm=\"mobility\", charset=\"UTF-8\"")
            .with(header::WWW_AUTHENTICATE, "Bearer realm=\"mobility\""))
    }
}

/// Checks the announced length. No route reads a body, so there is nothing to count while it is read.
///
/// # Errors
/// 413 for a large body.
pub fn check_body(headers: &HeaderMap) -> Result<(), Problem> {
    let length: Option<u64> =
        headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > MAX_BODY_BYTES => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "requests have no body; parameters belong in the URL",
        )),
        _ => Ok(()),
    }
}

/// The token in an `Authorization` header: a bearer token, or the password of basic authentication.
fn sent_token(value: &str) -> Option<String> {
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

/// The host without port, brackets and final dot, in lower case.
fn normalized_host(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn access(token: Option<&str>) -> AccessControl {
        let sockets = vec![([127, 0, 0, 1], 5000).into()];
        let address = Address { sockets, host: "127.0.0.1".to_owned(), is_loopback: true };
        AccessControl::new(token.map(Secret::new), &address)
    }

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn foreign_host_names_are_rejected() {
        let uri: Uri = "/".parse().unwrap();
        for host in ["localhost:5000", "127.0.0.1", "[::1]:8080", "LOCALHOST.", "127.0.0.1:1"] {
            assert!(access(None).check_host(&uri, &with(header::HOST, host)).is_ok(), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5000", ""] {
            assert!(access(None).check_host(&uri, &with(header::HOST, host)).is_err(), "{host}");
        }
        let uri: Uri = "http://evil.example/".parse().unwrap();
        assert!(access(None).check_host(&uri, &with(header::HOST, "localhost")).is_err());
    }

    #[test]
    fn token_is_accepted_as_bearer_and_as_password() {
        let access = access(Some("0123456789abcdef"));
        let token = |value: &str| access.check_token(&with(header::AUTHORIZATION, value)).is_ok();
        assert!(token("Bearer 0123456789abcdef") && token("bearer 0123456789abcdef"));
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert!(token(&basic("me:0123456789abcdef")) && token(&basic(":0123456789abcdef")));
        for wrong in
            ["Bearer 0123456789abcde", "Bearer", "0123456789abcdef", &basic("x"), "Basic !"]
        {
            assert!(!token(wrong), "{wrong}");
        }
        let problem = access.check_token(&HeaderMap::new()).unwrap_err();
        assert!(problem.status == 401 && !problem.detail.contains("0123"), "{problem:?}");
    }
}
