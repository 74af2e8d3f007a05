//! URLs that may contain secrets. They are parsed once, and printed as scheme, host, port and path only:
//! a user name can be a token, and a query can be a signature.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// Schemes that are named in messages. Anything else before `://` may be part of a secret.
const KNOWN_SCHEMES: [&str; 24] = [
    "abfs",
    "abfss",
    "adl",
    "az",
    "azure",
    "embedded",
    "file",
    "ftp",
    "ftps",
    "gs",
    "hdfs",
    "http",
    "https",
    "jdbc",
    "k8s",
    "mysql",
    "postgres",
    "postgresql",
    "s3",
    "s3a",
    "s3n",
    "sftp",
    "spark",
    "sqlite",
];

/// A URL; only [`SecretUrl::reveal`] returns its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl {
    text: String,
    url: Url,
    shown: String,
}

/// Why a text is not a URL. The text itself is not part of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidUrl {}

/// The scheme of a text that looks like a URL, if it is a known one.
pub fn known_scheme(text: &str) -> Option<&'static str> {
    let (scheme, _) = text.split_once(':')?;
    KNOWN_SCHEMES.into_iter().find(|known| scheme.eq_ignore_ascii_case(known))
}

impl FromStr for SecretUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let Some(scheme) = known_scheme(text) else {
            return Err(InvalidUrl("a URL has an unknown scheme".to_owned()));
        };
        let invalid = |what: &str| Err(InvalidUrl(format!("the URL of scheme {scheme} {what}")));
        let Some((_, rest)) = text.split_once("://") else {
            return invalid("needs a colon and two slashes behind its scheme");
        };
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        // the standard for URLs drops them
        if text.contains(char::is_control) {
            return invalid("contains a line end or another control character; remove it");
        }
        // what precedes the @ is probably a password, but would be taken for host and path
        if tail.contains('@') {
            return invalid(
                "has an @ behind its host; write %40 for an @ in a path, and %2F, %3F, %23 for /, ? and # \
                 in a password",
            );
        }
        let (single, more_hosts) = without_more_hosts(text, scheme, authority);
        match Url::parse(&single) {
            Ok(url) => Ok(SecretUrl::new(text.to_owned(), url, &more_hosts)),
            Err(error) => invalid(&format!("is malformed: {error}")),
        }
    }
}

/// The URL with the first of several hosts alone, and the others.
fn without_more_hosts(text: &str, scheme: &str, authority: &str) -> (String, String) {
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let is_postgres = matches!(scheme, "postgres" | "postgresql");
    match hosts.find(',').filter(|_| is_postgres) {
        Some(comma) => {
            let more = &hosts[comma..];
            (text.replacen(more, "", 1), more.to_owned())
        }
        None => (text.to_owned(), String::new()),
    }
}

impl From<Url> for SecretUrl {
    fn from(url: Url) -> Self {
        SecretUrl::new(url.to_string(), url, "")
    }
}

impl SecretUrl {
    /// `more_hosts` are those of a PostgreSQL URL that the standard for URLs does not know.
    fn new(text: String, url: Url, more_hosts: &str) -> Self {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = decoded(url.path());
        // the part before the @ of abfss:// is a container and not a user
        let container = match url.scheme() {
            "abfs" | "abfss" if !url.username().is_empty() && url.password().is_none() => {
                format!("{}@", url.username())
            }
            _ => String::new(),
        };
        let host = url.host_str().unwrap_or_default();
        let shown = format!("{}://{container}{host}{port}{more_hosts}{path}", url.scheme());
        SecretUrl { text, url, shown }
    }

    /// The parsed URL with its secrets, for requests. It must not be printed.
    pub fn reveal(&self) -> &Url {
        &self.url
    }

    /// The URL as it was written, with its secrets. It must not be printed.
    pub fn reveal_text(&self) -> &str {
        &self.text
    }

    /// The URL without user, password, query and fragment.
    pub fn redacted(&self) -> &str {
        &self.shown
    }

    /// True if the URL names a password, before its host or among its parameters.
    pub fn has_password(&self) -> bool {
        let is_password = |key: &str| key.to_lowercase().contains("pass") && key != "passfile";
        self.url.password().is_some() || self.url.query_pairs().any(|(key, _)| is_password(&key))
    }

    /// The text of a library or server with `***` in place of the secrets of this URL.
    pub fn scrub(&self, text: &str) -> String {
        let mut secrets: Vec<String> = Vec::new();
        let parts = [Some(self.url.username()), self.url.password(), self.url.query()];
        let parts = parts.into_iter().flatten().chain(self.url.fragment());
        for part in parts {
            secrets.extend([part.to_owned(), decoded(part)]);
        }
        for (key, value) in self.url.query_pairs() {
            secrets.extend([key.into_owned(), value.into_owned()]);
        }
        // parameters of the connection that messages have to be able to name
        secrets.retain(|secret| !secret.is_empty() && !is_parameter(secret));
        // longer ones first, because they may contain others
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| replace_words(&text, secret))
    }
}

/// Names of parameters, and their usual values.
fn is_parameter(text: &str) -> bool {
    let known = [
        "application_name",
        "connect_timeout",
        "dbname",
        "disable",
        "host",
        "hostaddr",
        "options",
        "passfile",
        "password",
        "port",
        "prefer",
        "require",
        "service",
        "servicefile",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "user",
        "verify-ca",
        "verify-full",
    ];
    known.contains(&text)
}

/// Replaces a word, but not a part of a longer one if it is short.
fn replace_words(text: &str, word: &str) -> String {
    let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let after = &found[word.len()..];
        let is_part = is_inside(before.chars().next_back().or(shown.chars().next_back()))
            || is_inside(after.chars().next());
        shown.push_str(before);
        shown.push_str(if is_part && word.chars().count() < 6 { word } else { "***" });
        rest = after;
    }
    shown + rest
}

fn decoded(text: &str) -> String {
    let bytes = percent_decode_str(text);
    bytes.decode_utf8().map_or_else(|_| text.to_owned(), |text| text.into_owned())
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A path, or a URL as it may be shown.
pub fn shown_location(text: &str) -> String {
    if !text.contains("://") {
        // a URL with a typing error
        let is_url = known_scheme(text).is_some_and(|scheme| scheme != "embedded");
        return if is_url { unreadable(text) } else { text.to_owned() };
    }
    // the address of a cluster is a URL within a URL
    if let Some(inner) = text.strip_prefix("k8s://").filter(|inner| inner.contains("://")) {
        return format!("k8s://{}", shown_location(inner));
    }
    text.parse::<SecretUrl>().map_or_else(|_| unreadable(text), |url| url.shown)
}

/// What is shown of a URL that cannot be parsed.
fn unreadable(text: &str) -> String {
    known_scheme(text).map_or_else(|| "***".to_owned(), |scheme| format!("{scheme}://***"))
}

/// The text with every URL in it as it may be shown. A URL ends at white space or a quote, but not before
/// the last `@` of the line, since a password can contain both; a query ends with the line.
pub fn without_secrets(text: &str) -> String {
    text.split_inclusive('\n').map(line_without_secrets).collect()
}

fn line_without_secrets(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let start = rest[..at].trim_end_matches(is_scheme).len();
        let (before, url) = rest.split_at(start);
        let after_user = url.rfind('@').unwrap_or(0);
        let user = url[..after_user].split_once("://").map_or("", |(_, user)| user);
        let length = if user.contains(['/', '\\', '?', '#']) || end_without_query(url).is_none() {
            url.len()
        } else {
            let end = end_without_query(&url[after_user..]);
            end.map_or(url.len(), |end| after_user + end)
        };
        // punctuation of the sentence does not belong to the URL
        let length = url[..length].trim_end_matches([':', '.', '\n', '\r']).len();
        shown.push_str(before);
        // a scheme alone, as in a list of supported ones
        let is_scheme = url[..length].split_once("://").is_some_and(|(_, rest)| rest.is_empty());
        shown.push_str(&if is_scheme {
            url[..length].to_owned()
        } else {
            shown_location(&url[..length])
        });
        rest = &url[length..];
    }
    shown + rest
}

/// Where a URL at the beginning of the text ends; `None` if it has a query or a fragment.
fn end_without_query(text: &str) -> Option<usize> {
    let ends = |c: char| c.is_whitespace() || "\"'`<>()[]{},;".contains(c);
    let end = text.find(ends).unwrap_or(text.len());
    (!text[..end].contains(['?', '#'])).then_some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<SecretUrl>().map_or_else(|e| format!("invalid: {e}"), |url| url.to_string())
    }

    #[test]
    fn scheme_host_port_and_path_are_shown() {
        for (text, expected) in [
            ("postgres://me:pw@host:5432/db?sslmode=require", "postgres://host:5432/db"),
            ("postgres:///db?user=me", "postgres:///db"),
            ("postgres://me@a:1,b:2/db", "postgres://a:1,b:2/db"),
            ("https://u:p@host:8443/a/b%20c.csv?sig=x#y", "https://host:8443/a/b c.csv"),
            (
                "abfss://box@account.dfs.core.windows.net/a",
                "abfss://box@account.dfs.core.windows.net/a",
            ),
            ("s3://bucket/day%40home", "s3://bucket/day@home"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn texts_that_would_be_taken_apart_wrongly_are_refused() {
        for text in [
            "postgres://me:12?secret@host/db",
            "postgres://me:12/secret@host/db",
            "postgres://me:12#secret@host/db",
            "https://me:12\\secret@host/db",
            "postgres://me:pa@ss/secret@host/db",
        ] {
            let message = shown(text);
            assert!(message.contains("@ behind its host; write %40"), "{message}");
            assert!(!message.contains("secret") && !message.contains("12"), "{message}");
        }
        assert_eq!(shown("s3cret://h/x"), "invalid: a URL has an unknown scheme");
        for broken in ["s3://bucket/a\nb", "postgres://u:se\tcret@h/d", "https://h/a\r\n"] {
            assert!(shown(broken).contains("contains a line end"), "{}", shown(broken));
        }
        assert_eq!(shown_location("k8s://https://u:p@h:6443"), "k8s://https://h:6443/");
        assert!(shown("postgres://h:port/x").contains("invalid port number"));
    }

    #[test]
    fn urls_in_sentences_are_shown_without_secrets() {
        let text =
            "cannot read postgres://a:b@h2/d: \"s3://k:p w@b\"\nhttps://u@h/x?s=1 2\nnext s3://b/a";
        let shown = without_secrets(text);
        assert!(shown.ends_with("\nnext s3://b/a"), "{shown}");
        for secret in ["a:b", "p w", "u@", "s=1", "2"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(without_secrets("see https://h/x: no"), "see https://h/x: no");
        // a scheme alone is none of these
        assert_eq!(
            without_secrets("cannot open postgres://h/p?k=Z://"),
            "cannot open postgres://h/p"
        );
        assert_eq!(without_secrets("expected s3:// or gs://"), "expected s3:// or gs://");
    }

    #[test]
    fn secrets_in_texts_of_servers_are_replaced() {
        let url: SecretUrl = "postgres://tok3n-user:p%3Fw@host/db?options=hidden".parse().unwrap();
        let text = "user \"tok3n-user\" failed with p?w and hidden";
        assert_eq!(url.scrub(text), "user \"***\" failed with *** and ***");
        let short: SecretUrl = "postgres://me@host/db".parse().unwrap();
        assert_eq!(short.scrub("the name of \"me\""), "the name of \"***\"");
    }

    proptest! {
        /// For any secret in any position, nothing that is printed contains it.
        #[test]
        fn a_secret_is_never_printed(
            // one mark, so that it is not found in the message by chance
            secret in "[a-z0-9?@/%#:&= \"'\\\\]{0,8}Z[a-z0-9?@/%#:&= \"'\\\\]{0,8}",
            scheme in prop::sample::select(vec!["postgres", "postgresql", "s3", "gs", "https", "abfss", "odd"]),
            form in prop::sample::select(vec![
                "S://u:X@h/p", "S://X@h/p", "S://X:p@h:1/p", "S://h/p?k=X", "S://h/p?X=k",
                "S://u:X@h:1/p?a=b", "S://u:X@h/p?a=X#X", "S://h/p#X", "S://u@h/p?password=X",
            ]),
        ) {
            let is_container = scheme == "abfss" && form == "S://X@h/p";
            prop_assume!(!is_container);
            let text = form.replace('S', scheme).replace('X', &secret);
            let printed = match text.parse::<SecretUrl>() {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            // where the secret itself ends the URL, the rest would be another host or path
            let whole = without_secrets(&format!("cannot open {text}"));
            for printed in [printed, shown_location(&text), whole] {
                prop_assert!(!printed.contains('Z') && !printed.contains("%5A"), "{}", printed);
            }
        }
    }
}
