//! Opens a connection pool from the URL of the warehouse and what completes it, as in libpq: the service
//! file, the PG* environment variables and the password file.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use postgres::config::Host;
use postgres::{Client, Config as PgConfig};

use super::connector::Connector;
use super::parameters::Parameters;
use super::password_file::{self, Found};
use super::pooled_connection::{Connection, Pool};
use super::pooler;
use super::server_errors::{Attempt, explain, failed, unreachable};
use super::session::Session;
use super::tls;
use crate::config::{PgEnv, Warehouse as Settings, WarehouseUrl};

/// Application name of the sessions.
const APPLICATION: &str = "mobility";
const DEFAULT_PORT: u16 = 5432;
/// Limit on the time for connecting that stands for none.
const NO_LIMIT: Duration = Duration::from_secs(86_400);

/// Settings of the client library, and the TLS connector.
struct Target {
    client: PgConfig,
    tls: Connector,
    connect_timeout: Duration,
    /// Where the password comes from, or where none was found.
    password: String,
    warnings: Vec<String>,
}

impl Target {
    /// Makes one connection, and refuses a pooler that gives every transaction another session before
    /// any setting of a session is changed.
    fn connect(&self, url: &WarehouseUrl) -> Result<Client> {
        let connect = || self.client.connect(self.tls.clone());
        let attempt = Attempt { url, client: &self.client, password: &self.password };
        let mut client = connect().map_err(|e| unreachable(&e, &attempt))?;
        pooler::refuse_shared_sessions(&mut client, url, connect)?;
        Ok(client)
    }
}

/// An open pool.
pub struct Opened {
    pub pool: Pool,
    pub connection: Connection,
    pub warnings: Vec<String>,
}

/// Opens a pool. The first connection is made directly, so that a rejected connection is reported with
/// its reason and not as a timeout of the pool.
///
/// # Errors
/// An invalid URL; a server that cannot be reached or rejects the connection.
pub fn pool(settings: &Settings) -> Result<Opened> {
    let url = &settings.url;
    let target = target(url, settings)?;
    // the pool would repeat a rejected attempt until its timeout
    let mut first = target.connect(url)?;
    let session = Session::new(settings);
    session.configure(&mut first).map_err(failed)?;
    let timeout = target.connect_timeout;
    let client = (target.client, target.tls);
    let pool = Pool::new(client, first, settings.connections, timeout, session)
        .with_context(|| url.to_string())?;
    let connection = pool.get().map_err(|e| pool_timeout(url, &e))?;
    Ok(Opened { pool, connection, warnings: target.warnings })
}

/// A single connection that may change data, and on which connecting and every statement must finish
/// within `timeout`.
///
/// # Errors
/// As [`pool`]; a server that does not answer within `timeout`.
pub fn with_timeout(settings: &Settings, timeout: Duration) -> Result<Client> {
    let url = &settings.url;
    let mut target = target(url, settings)?;
    target.client.connect_timeout(timeout.min(target.connect_timeout));
    let mut client = target.connect(url)?;
    Session::with_timeout(timeout).configure(&mut client).map_err(failed)?;
    Session::allow_changes(&mut client).map_err(failed)?;
    Ok(client)
}

/// The error for a connection that the pool could not provide in time.
pub fn pool_timeout(url: &WarehouseUrl, error: &r2d2::Error) -> anyhow::Error {
    anyhow!("no connection to {url} within the time limit ({error}); is the server up?")
}

fn target(url: &WarehouseUrl, settings: &Settings) -> Result<Target> {
    let WarehouseUrl::Postgres(parsed) = url else { bail!("not a PostgreSQL URL: {url}") };
    let env = &settings.pg_env;
    let given = Parameters::collect(parsed, env)?;
    let invalid = |e: postgres::Error| {
        // the error names the parameter, which need not be one of the URL
        let reason = url.scrub(&explain(&e));
        anyhow!("the parameters of the connection to {url} cannot be used: {reason}")
    };
    let mut client: PgConfig = given.of_library().parse().map_err(invalid)?;
    if client.get_hosts().is_empty() && client.get_hostaddrs().is_empty() {
        client.host("localhost");
    }
    if client.get_user().is_none()
        && let Some(user) = env.get("USER")
    {
        client.user(user);
    }
    let name = given.get("application_name").or_else(|| given.get("fallback_application_name"));
    client.application_name(name.unwrap_or(APPLICATION));
    if let Some(count) = given.number("keepalives_count")?.and_then(|n| u32::try_from(n).ok()) {
        client.keepalives_retries(count);
    }
    if let Some(ms) = given.number("tcp_user_timeout")?.and_then(|n| u64::try_from(n).ok()) {
        client.tcp_user_timeout(Duration::from_millis(ms));
    }
    let connect_timeout = match given.number("connect_timeout")? {
        Some(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Duration::from_secs(seconds).min(NO_LIMIT),
            _ => NO_LIMIT,
        },
        None => Duration::from_secs(settings.connect_timeout_s),
    };
    client.connect_timeout(connect_timeout);
    let mut warnings = Vec::new();
    let password = set_password(&mut client, &given, env, &mut warnings);
    let tls = tls::configure(&mut client, &given)?;
    Ok(Target { client, tls, connect_timeout, password, warnings })
}

/// Sets the password, and returns where it comes from or where none was found.
fn set_password(
    client: &mut PgConfig,
    given: &Parameters,
    env: &PgEnv,
    warnings: &mut Vec<String>,
) -> String {
    if let Some(password) = &given.url_password {
        client.password(password);
        return "the password is that of the URL".to_owned();
    }
    if let Some((password, origin)) = given.get("password").zip(given.origin("password")) {
        client.password(password);
        return format!("the password is that of {origin}");
    }
    let Some(path) = password_file::path(given.get("passfile"), env) else {
        return "no password file was looked for, because HOME is not set".to_owned();
    };
    let user = client.get_user().unwrap_or_default().to_owned();
    let database = client.get_dbname().unwrap_or(&user).to_owned();
    let addresses = addresses(client);
    for (host, port) in &addresses {
        match password_file::find(&path, [host, &port.to_string(), &database, &user]) {
            Found::Password(password, line) => {
                client.password(password);
                return format!("the password is that of {}, line {line}", path.display());
            }
            Found::Unusable(reason) => {
                warnings.push(reason.clone());
                return reason;
            }
            Found::None => {}
        }
    }
    let (host, port) = addresses.first().cloned().unwrap_or_default();
    format!("{} has no line for {host}:{port}:{database} and the user", path.display())
}

/// Hosts and ports as a password file names them.
fn addresses(client: &PgConfig) -> Vec<(String, u16)> {
    let mut hosts: Vec<String> = client.get_hosts().iter().map(file_name).collect();
    if hosts.is_empty() {
        hosts = client.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let ports = client.get_ports();
    let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
    hosts.into_iter().enumerate().map(|(i, host)| (host, port(i))).collect()
}

/// The default folders of sockets are called localhost.
fn file_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => match folder.to_str() {
            Some("/tmp" | "/var/run/postgresql" | "/run/postgresql") => "localhost".to_owned(),
            _ => folder.to_string_lossy().into_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use postgres::config::SslMode;

    use super::*;

    fn settings(env: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        settings.pg_env.extend(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        settings
    }

    fn client(url: &str, env: &[(&str, &str)]) -> PgConfig {
        target(&WarehouseUrl::parse(url), &settings(env)).unwrap().client
    }

    #[test]
    fn environment_supplies_what_the_url_lacks() {
        let env = [("PGHOST", "db"), ("PGPORT", "5433"), ("PGUSER", "u"), ("PGPASSWORD", "p")];
        let bare = client("postgres:///d", &env);
        assert_eq!(bare.get_hosts(), [postgres::config::Host::Tcp("db".to_owned())]);
        assert_eq!((bare.get_ports(), bare.get_user()), (&[5433][..], Some("u")));
        assert_eq!((bare.get_password(), bare.get_dbname()), (Some(&b"p"[..]), Some("d")));
        let full = client("postgres://me:x@host:1/e?sslmode=verify-ca", &env);
        assert_eq!((full.get_ports(), full.get_user()), (&[1][..], Some("me")));
        assert_eq!(full.get_ssl_mode(), SslMode::Require);
        assert_eq!(full.get_application_name(), Some("mobility"));
    }

    #[test]
    fn error_for_an_invalid_url_hides_the_password() {
        for url in [
            "postgres://me:s3cret@host:port/db",
            "postgres://me:s3cret@h/d?nonsense=1",
            "postgres://me:s3cret@h/d?port=s3cret",
        ] {
            let error = target(&WarehouseUrl::parse(url), &settings(&[])).err().unwrap();
            assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
        }
    }

    #[test]
    fn password_file_is_asked_for_the_first_host_with_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        std::fs::write(&path, "h1:5432:d:u:first\nh2:7:d:u:second\nlocalhost:*:*:*:socket\n")
            .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).unwrap();
        let env = [("PGPASSFILE", path.to_str().unwrap())];
        let password = |url: &str| {
            let client = client(url, &env);
            client.get_password().map(|p| String::from_utf8(p.to_vec()).unwrap())
        };
        for (url, expected) in [
            ("postgres://u@h1/d", Some("first")),
            ("postgres://u@h2:7/d", Some("second")),
            ("postgres://u@h3,h2:7/d", Some("second")),
            ("postgres://u@h3:7,h2:7/d", Some("second")),
            ("postgres://u@h2/d", None),
            ("postgres://u:own@h1/d", Some("own")),
            ("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", Some("socket")),
        ] {
            assert_eq!(password(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn time_limit_of_the_url_replaces_that_of_the_configuration() {
        let seconds = |url: &str, env| {
            let target = target(&WarehouseUrl::parse(url), &settings(env)).unwrap();
            target.connect_timeout.as_secs()
        };
        assert_eq!(seconds("postgres://h/d", &[]), 10);
        assert_eq!(seconds("postgres://h/d?connect_timeout=3", &[("PGCONNECT_TIMEOUT", "4")]), 3);
        assert_eq!(seconds("postgres://h/d", &[("PGCONNECT_TIMEOUT", "4")]), 4);
        assert_eq!(seconds("postgres://h/d?connect_timeout=0", &[]), 86_400);
    }
}
