//! Error messages of the server as one sentence, with the position in the SQL and the remedy. Messages
//! that may quote values of rows are kept apart from the kind of fault.
//!
//! The errors contain text only: an I/O error of a connection in the error chain could be mistaken
//! for a closed pipe on standard output.

use anyhow::anyhow;
use postgres::Config as PgConfig;
use postgres::config::Host;
use postgres::error::{DbError, ErrorPosition, SqlState};

use crate::config::WarehouseUrl;
use crate::errors::EngineError;
use crate::views::Registry;
use crate::warehouse::sql_excerpt::{at, place_of, syntax_error};

/// Classes of SQLSTATE whose messages are about statements, privileges, connections and resources.
const CLASSES_WITHOUT_VALUES: [&str; 14] =
    ["08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"];

/// The message, with detail and remedy.
pub fn explain(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => sentence(error),
        None if error.is_closed() || is_io_error(error) => {
            "the connection to the server was lost; run the command again when the server is up"
                .to_owned()
        }
        None => chain(error),
    }
}

/// True if reading from or writing to an open connection failed, which can happen before the client
/// notices that the server closed it.
fn is_io_error(error: &postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

/// An error about a relation that does not exist, with the name that was probably meant; all other errors
/// as they are.
pub fn with_hint(error: anyhow::Error, views: &Registry) -> anyhow::Error {
    if error.is::<EngineError>() {
        return error;
    }
    let text = format!("{error:#}");
    let missing =
        text.split_once("relation \"").and_then(|(_, rest)| rest.split_once("\" does not exist"));
    match missing.and_then(|(name, _)| views.hint_for_sql(name)) {
        Some(hint) => anyhow!("{text}; {hint}"),
        None => error,
    }
}

/// [`explain`] as an error. If the message may quote values of rows, it is an [`EngineError`].
pub fn failed(error: postgres::Error) -> anyhow::Error {
    match fault(&error) {
        Some(fault) => anyhow!(EngineError::new(fault, explain(&error))),
        None => anyhow!("{}", explain(&error)),
    }
}

/// An error while rows are fetched.
pub fn failed_fetch(error: &postgres::Error) -> EngineError {
    let fault = fault(error).unwrap_or_else(|| "rows cannot be fetched".to_owned());
    EngineError::new(fault, explain(error))
}

/// The kind of fault of an error whose message may quote values of rows; `None` if it does not.
fn fault(error: &postgres::Error) -> Option<String> {
    let code = error.as_db_error()?.code();
    let class = code.code().get(..2).unwrap_or_default();
    if CLASSES_WITHOUT_VALUES.contains(&class) {
        return None;
    }
    let fault = match *code {
        SqlState::INVALID_TEXT_REPRESENTATION
        | SqlState::INVALID_DATETIME_FORMAT
        | SqlState::DATETIME_FIELD_OVERFLOW
        | SqlState::INVALID_CHARACTER_VALUE_FOR_CAST => {
            "a value cannot be converted to the type that the SQL asks for"
        }
        SqlState::DIVISION_BY_ZERO => "division by zero",
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE => "a number is out of range",
        _ if class == "22" => "a value is not valid for an operation",
        _ if class == "23" => "a row violates a constraint",
        _ => "the server reports an error",
    };
    Some(format!("{fault} (SQLSTATE {})", code.code()))
}

fn sentence(error: &DbError) -> String {
    let mut text = error.message().to_owned();
    if let Some(detail) = error.detail() {
        text.push_str(": ");
        text.push_str(detail.trim_end_matches('.'));
    }
    match remedy(error.code()) {
        Some(remedy) => {
            text.push_str("; ");
            text.push_str(remedy);
        }
        None => {
            if let Some(hint) = error.hint() {
                text.push_str("; ");
                text.push_str(hint.trim_end_matches('.'));
            }
        }
    }
    text
}

fn remedy(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::QUERY_CANCELED => "add a filter, or raise warehouse.statement_timeout_s",
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            "run the command again when the server is up"
        }
        SqlState::DISK_FULL => "free disk space on the server and run the command again",
        SqlState::TOO_MANY_CONNECTIONS => "lower warehouse.connections",
        SqlState::READ_ONLY_SQL_TRANSACTION => "queries must not change data",
        SqlState::INSUFFICIENT_PRIVILEGE => "ask the owner for the privilege, or use another role",
        _ => return None,
    })
}

/// All causes in one line, without repetitions.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

/// [`explain`] for SQL that a user wrote, with line and column of the error; `before` is the number of
/// characters that this program put before the SQL.
pub fn explain_sql(error: &postgres::Error, sql: &str, before: usize) -> anyhow::Error {
    let position = error.as_db_error().and_then(|error| match error.position() {
        Some(ErrorPosition::Original(at)) => (*at as usize).checked_sub(before + 1),
        _ => None,
    });
    let place = position.filter(|at| *at <= sql.chars().count()).map(|at| place_of(sql, at));
    let with_place = |text: &str| match place {
        Some(place) if error.code() == Some(&SqlState::SYNTAX_ERROR) => {
            syntax_error(sql, place, text)
        }
        Some(place) => at(place, text),
        None => text.to_owned(),
    };
    let message = with_place(&explain(error));
    match fault(error) {
        Some(fault) => anyhow!(EngineError::new(with_place(&fault), message)),
        None => anyhow!("{message}"),
    }
}

/// What a connection was tried with, for messages.
pub struct Attempt<'a> {
    pub url: &'a WarehouseUrl,
    pub client: &'a PgConfig,
    /// Where the password comes from, or where none was found.
    pub password: &'a str,
}

/// The reason why no connection could be made, and the remedy.
pub fn unreachable(error: &postgres::Error, attempt: &Attempt) -> anyhow::Error {
    let Attempt { url, client, password } = attempt;
    let user = client.get_user().unwrap_or_default();
    let database = client.get_dbname().unwrap_or(user);
    let reason = error.as_db_error().map_or_else(|| chain(error), sentence);
    let place = place(attempt);
    // the client library reports this without asking the server any further
    if client.get_password().is_none() && reason.contains("password missing") {
        return anyhow!(
            "cannot connect to {url}{place}: the server requires a password, and none is set \
             ({password}); set PGPASSWORD, add a line host:port:database:user:password to ~/.pgpass \
             (mode 0600; PGPASSFILE names another file), or name a service of ~/.pg_service.conf with \
             PGSERVICE"
        );
    }
    let remedy = match error.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            format!(
                "correct user and password in the URL, or set PGUSER and PGPASSWORD, or a line in \
                 ~/.pgpass ({password})"
            )
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => {
            format!("create it, for example with `createdb {database}`, or correct the URL")
        }
        Some(_) => "correct warehouse.url or ask the server's administrator".to_owned(),
        None if error.to_string().starts_with("error performing TLS handshake") => {
            "other hosts are connected to by TLS with a verified certificate unless sslmode says \
             otherwise: turn TLS on at the server, name the certificate of its authority with \
             sslrootcert=FILE in warehouse.url, or choose a weaker sslmode if the network is trusted"
                .to_owned()
        }
        None => "is the server up, and are host, port and sslmode right? \
                 `make postgis` starts a local one"
            .to_owned(),
    };
    // a server repeats the user, which can be a token
    anyhow!("cannot connect to {url}{place}: {}", url.scrub(&format!("{reason}; {remedy}")))
}

/// The hosts, if the URL does not name them.
fn place(attempt: &Attempt) -> String {
    let WarehouseUrl::Postgres(url) = attempt.url else { return String::new() };
    if url.reveal().host_str().is_some_and(|host| !host.is_empty()) {
        return String::new();
    }
    let hosts = attempt.client.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    });
    let hosts: Vec<String> = hosts.collect();
    let ports: Vec<String> = attempt.client.get_ports().iter().map(u16::to_string).collect();
    let port = if ports.is_empty() { String::new() } else { format!(", port {}", ports.join(",")) };
    format!(" (host {}{port})", hosts.join(","))
}
