//! Access control: host names, tokens and the size of request bodies.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, Uri, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::address::Address;
use super::problem::Problem;
use super::tokens::{Identity, Tokens};
use super::wrong_tokens::{Turn, WrongTokens};

/// Bodies are never read; a larger one is rejected.
const MAX_BODY_BYTES: u64 = 1 << 16;

/// The rules of this server.
pub struct AccessControl {
    tokens: Tokens,
    wrong_tokens: WrongTokens,
    /// Host names that requests may carry; `None` allows any.
    hosts: Option<Vec<String>>,
}

impl AccessControl {
    pub fn new(tokens: Tokens, address: &Address) -> Self {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        hosts.push(address.host.clone());
        hosts.extend(address.sockets.iter().map(|s| s.ip().to_string()));
        let hosts = address.is_loopback.then_some(hosts);
        AccessControl { tokens, wrong_tokens: WrongTokens::new(), hosts }
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

    /// Whose token a request carries; `None` if the server has no tokens.
    ///
    /// # Errors
    /// 401 without a valid token; 429 after too many wrong ones from this address.
    pub async fn identify(
        &self,
        client: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Option<Identity>, Problem> {
        if self.tokens.is_empty() {
            return Ok(None);
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let Some(given) = given.and_then(sent_token) else { return Err(unauthorized()) };
        let found = self.tokens.find(&given);
        // until its turn has come, no answer depends on whether the token is valid
        match self.wrong_tokens.turn(client, found, Instant::now()) {
            Turn::Now => {}
            Turn::After(delay, _waiting) => tokio::time::sleep(delay).await,
            Turn::Refused(delay) => return Err(too_many(delay)),
        }
        let Some(position) = found else {
            return Err(match self.wrong_tokens.rejected(client, Instant::now()) {
                Some(delay) => too_many(delay),
                None => unauthorized(),
            });
        };
        self.wrong_tokens.accepted(client, position, Instant::now());
        Ok(self.tokens.identity(position).cloned())
    }
}

fn unauthorized() -> Problem {
    let detail = "this server requires a token (serve.token or serve.tokens): send \"Authorization: \
                  Bearer TOKEN\", or use it as the password with any user name";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
        .with(header::WWW_AUTHENTICATE, "Basic realm=\"mobility\", charset=\"UTF-8\"")
        .with(header::WWW_AUTHENTICATE, "Bearer realm=\"mobility\"")
}

fn too_many(delay: Duration) -> Problem {
    let detail = "too many wrong tokens came from this address; correct the token and try again in a \
                  moment";
    let seconds = delay.as_secs_f64().ceil().to_string();
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).with(header::RETRY_AFTER, &seconds)
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
    use crate::config::{Secret, Serve};

    fn access(token: Option<&str>) -> AccessControl {
        let sockets = vec![([127, 0, 0, 1], 5000).into()];
        let address = Address { sockets, host: "127.0.0.1".to_owned(), is_loopback: true };
        let serve = Serve { token: token.map(Secret::new), ..Serve::default() };
        AccessControl::new(Tokens::read(&serve).unwrap(), &address)
    }

    fn identified(
        access: &AccessControl,
        headers: &HeaderMap,
    ) -> Result<Option<Identity>, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(access.identify([127, 0, 0, 1].into(), headers))
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
        let token = |value: &str| {
            let access = access(Some("0123456789abcdef"));
            identified(&access, &with(header::AUTHORIZATION, value)).is_ok()
        };
        assert!(token("Bearer 0123456789abcdef") && token("bearer 0123456789abcdef"));
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert!(token(&basic("me:0123456789abcdef")) && token(&basic(":0123456789abcdef")));
        for wrong in
            ["Bearer 0123456789abcde", "Bearer", "0123456789abcdef", &basic("x"), "Basic !"]
        {
            assert!(!token(wrong), "{wrong}");
        }
        let problem = identified(&access(Some("0123456789abcdef")), &HeaderMap::new()).unwrap_err();
        assert!(problem.status == 401 && !problem.detail.contains("0123"), "{problem:?}");
        assert_eq!(identified(&access(None), &HeaderMap::new()), Ok(None));
    }

    #[test]
    fn wrong_tokens_end_in_429_and_the_valid_one_is_accepted_after_a_delay() {
        let access = access(Some("0123456789abcdef"));
        let status = |value: &str| {
            let got = identified(&access, &with(header::AUTHORIZATION, value));
            got.map_or_else(|problem| problem.status.as_u16(), |_| 200)
        };
        let wrong: Vec<u16> = (0..6).map(|n| status(&format!("Bearer wrong-token-{n}"))).collect();
        assert_eq!(wrong, [401, 401, 401, 401, 429, 429]);
        assert_eq!(status("Bearer 0123456789abcdef"), 200);
        // requests without a token are no guesses
        assert_eq!(identified(&access, &HeaderMap::new()).unwrap_err().status, 401);
    }
}
