//! Errors of object stores as messages that name the remedy and no secret.

use std::fmt;

use object_store::Error;

use super::url::{EMPTY_PART, ObjectUrl};

/// An error of an object store. The same work may succeed when it is repeated.
#[derive(Debug)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// A [`StoreError`] with a formatted message, as an [`anyhow::Error`].
macro_rules! store_error {
    ($($message:tt)*) => { ::anyhow::Error::new($crate::storage::object_store::StoreError(format!($($message)*))) };
}
pub(super) use store_error;

/// Turns an error of the library into a message that names the object and the remedy.
///
/// The library's own text is never shown completely: it repeats URLs with their queries, and
/// responses that repeat what was signed.
pub fn explain(error: &Error, url: &ObjectUrl) -> anyhow::Error {
    let text = full_text(error);
    let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
    // errors of listings have no kind, so the status decides
    let status = between(&text, "status code: ", " ").unwrap_or_default();
    let credentials = match url.reveal().scheme() {
        "s3" | "s3a" => {
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_SKIP_SIGNATURE=true for a public bucket)"
        }
        "gs" => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
        "http" | "https" => "a URL with a signature",
        _ => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    };
    let bucket = url.reveal().host_str().unwrap_or_default();
    // without credentials the library asks the metadata service of a cloud machine
    let metadata_services =
        ["169.254.169.254", "169.254.170.2", "metadata.google", "/metadata/identity"];
    if metadata_services.iter().any(|host| text.contains(host)) {
        return store_error!("{url}: no credentials found; set {credentials}");
    }
    if text.contains("AccessKeyId") && text.contains("Missing") || text.contains("SecretAccessKey")
    {
        return store_error!("{url}: the credentials are incomplete; set {credentials}");
    }
    match (error, code) {
        (_, "NoSuchBucket") => {
            store_error!(
                "{url}: the bucket {bucket:?} does not exist; correct the URL or the endpoint"
            )
        }
        (
            _,
            "InvalidAccessKeyId"
            | "NotSignedUp"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "ExpiredToken",
        ) => {
            store_error!(
                "{url}: the store does not know these credentials ({code}); set {credentials}"
            )
        }
        (_, "PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            store_error!("{url}: the bucket is in another region; set AWS_REGION")
        }
        (_, "RequestTimeTooSkewed") => {
            store_error!(
                "{url}: the clock of this machine differs from that of the store; correct it"
            )
        }
        // the library refuses a whole listing because of one such name
        _ if text.contains("contained empty path segment") => match quoted_path(&text) {
            Some(name) => store_error!("{url}: the object {name:?} exists: {EMPTY_PART}"),
            None => store_error!("{url}: {EMPTY_PART}"),
        },
        _ if text.contains("incorrectly configured region") => {
            store_error!("{url}: the bucket is in another region; set AWS_REGION")
        }
        _ if text.contains("certificate") => store_error!(
            "{url}: the server's certificate is not trusted; set SSL_CERT_FILE to the certificate of its authority"
        ),
        (Error::NotFound { .. }, _) => store_error!("{url} does not exist"),
        (Error::PermissionDenied { .. }, _) | (_, "AccessDenied") => {
            store_error!(
                "{url}: no access{}; ask for permission to list and read it, and to write if it is for outputs, or set {credentials}",
                parenthesized(code)
            )
        }
        (Error::Unauthenticated { .. }, _) => {
            store_error!("{url}: the store requires credentials; set {credentials}")
        }
        _ if status == "403" || status == "401" => {
            store_error!("{url}: no access (status {status}); set {credentials}")
        }
        _ if status == "404" => store_error!("{url} does not exist"),
        _ if text.contains("scheme is not allowed") || text.contains("BadScheme") => store_error!(
            "{url}: the endpoint is http:// without TLS; set AWS_ALLOW_HTTP=true if that is intended"
        ),
        _ if lacks_range_support(error) => {
            store_error!(
                "{url}: the server sends whole files only and does not support range requests; copy the file to a folder and use that"
            )
        }
        _ if text.contains("account name") || text.contains("MissingAccount") => {
            store_error!("{url}: the account is missing; set AZURE_STORAGE_ACCOUNT_NAME")
        }
        _ => store_error!("{url} cannot be reached: {}", url.scrub(&reason(&text))),
    }
}

/// True if the server answered a range request with the whole file.
pub fn lacks_range_support(error: &Error) -> bool {
    let text = full_text(error);
    text.contains("non-partial response") || text.contains("Range request not supported")
}

/// Why the store refused a conditional put, if it does not know these at all: the code or status of its
/// answer.
pub fn lacks_conditional_puts(error: &Error) -> Option<String> {
    if let Error::NotImplemented { .. } | Error::NotSupported { .. } = error {
        return Some("they are turned off".to_owned());
    }
    let text = full_text(error);
    let status = between(&text, "status code: ", " ")?;
    let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
    // errors that a put without conditions would meet as well
    let is_other = ["Expired", "Token", "Authorization", "Signature", "Region", "Redirect", "Time"]
        .iter()
        .any(|word| code.contains(word));
    let is_refused = matches!(status, "400" | "405" | "501") && !is_other;
    let answer = if code.is_empty() { format!("status {status}") } else { code.to_owned() };
    is_refused.then(|| format!("the store answered {answer}"))
}

/// The name of an object that the library refused.
fn quoted_path(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Path \"")?;
    rest.split_once("\" contained").map(|(name, _)| name)
}

fn parenthesized(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

/// The text of the error and of all its sources.
fn full_text(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        text = format!("{text}\n{error}");
        next = error.source();
    }
    text
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(from)?;
    let (found, _) = rest.split_once(to)?;
    (found.len() < 60 && found.chars().all(|c| c.is_ascii_alphanumeric())).then_some(found)
}

/// The innermost text, which describes the failure and not the request.
fn reason(text: &str) -> String {
    let last = text.lines().last().unwrap_or_default().trim();
    match between(text, "<Code>", "</Code>") {
        Some(code) => format!("the store answered {code}"),
        None if last.contains("://") || last.contains('<') || last.is_empty() => {
            let status = between(text, "status code: ", " ");
            status.map_or_else(
                || "the request failed".to_owned(),
                |status| format!("the server answered with status {status}"),
            )
        }
        None => last.chars().take(200).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_text_and_queries_are_never_shown() {
        let source = "Error performing GET http://h/b?X-Amz-Signature=s3cret - Server returned \
            non-2xx status code: 400 Bad Request: <Error><Code>Odd</Code><StringToSign>s3cret\
            </StringToSign></Error>";
        let url = ObjectUrl::parse("s3://b/a").unwrap();
        let error = Error::Generic { store: "S3", source: source.into() };
        let message = format!("{:#}", explain(&error, &url));
        assert_eq!(message, "s3://b/a cannot be reached: the store answered Odd");
        for (response, words) in [
            ("status code: 301 Moved: <Code>PermanentRedirect</Code>", "AWS_REGION"),
            ("status code: 403 No: <Code>RequestTimeTooSkewed</Code>", "clock"),
            ("invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
            ("status code: 404 Not Found: ", "does not exist"),
            ("status code: 503 Busy: <html>", "status 503"),
        ] {
            let error = Error::Generic { store: "S3", source: response.into() };
            let message = format!("{:#}", explain(&error, &url));
            assert!(message.contains(words) && message.contains("s3://b/a"), "{message}");
        }
        let name = object_store::path::Path::parse("events//a").unwrap_err();
        let message = format!("{:#}", explain(&name.into(), &url));
        assert!(message.contains("\"events//a\" exists") && message.contains("(//)"), "{message}");
        for (status, code, is_lacking) in [
            ("501 Not Implemented", "NotImplemented", true),
            ("400 Bad Request", "InvalidArgument", true),
            ("400 Bad Request", "ExpiredToken", false),
            ("503 Busy", "SlowDown", false),
        ] {
            let response = format!("status code: {status}: <Error><Code>{code}</Code></Error>");
            let error = Error::Generic { store: "S3", source: response.into() };
            let reason = is_lacking.then(|| format!("the store answered {code}"));
            assert_eq!(lacks_conditional_puts(&error), reason, "{status}");
        }
        let error = Error::PermissionDenied { path: "a".into(), source: source.into() };
        let message = format!("{:#}", explain(&error, &url));
        assert!(message.contains("no access (Odd)") && !message.contains("s3cret"), "{message}");
    }
}
