//! Parameters of a connection: those of the URL, completed by the service file and then by the PG*
//! variables, as in libpq.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail};
use percent_encoding::percent_decode_str;
use postgres::Config as PgConfig;
use postgres::config::Host;

use super::server_errors::explain;
use super::service_file;
use crate::config::{PgEnv, SecretUrl};
use crate::errors::nearest;

/// The parameters that libpq knows, with their variables.
const KNOWN: &[(&str, Option<&str>)] = &[
    ("application_name", Some("PGAPPNAME")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("client_encoding", None),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("dbname", Some("PGDATABASE")),
    ("fallback_application_name", None),
    ("gssdelegation", None),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("gsslib", None),
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("keepalives", None),
    ("keepalives_count", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("krbsrvname", None),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("max_protocol_version", None),
    ("min_protocol_version", None),
    ("oauth_client_id", None),
    ("oauth_client_secret", None),
    ("oauth_issuer", None),
    ("oauth_scope", None),
    ("options", Some("PGOPTIONS")),
    ("passfile", Some("PGPASSFILE")),
    ("password", Some("PGPASSWORD")),
    ("port", Some("PGPORT")),
    ("replication", None),
    ("require_auth", Some("PGREQUIREAUTH")),
    ("requirepeer", Some("PGREQUIREPEER")),
    ("requiressl", None),
    ("scram_client_key", None),
    ("scram_server_key", None),
    ("service", Some("PGSERVICE")),
    ("servicefile", Some("PGSERVICEFILE")),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslcertmode", Some("PGSSLCERTMODE")),
    ("sslcompression", None),
    ("sslcrl", Some("PGSSLCRL")),
    ("sslcrldir", Some("PGSSLCRLDIR")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslkeylogfile", None),
    ("sslmode", Some("PGSSLMODE")),
    ("sslnegotiation", None),
    ("sslpassword", None),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslsni", None),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("tcp_user_timeout", None),
    ("user", Some("PGUSER")),
];

/// Names in other programs for parameters of libpq.
const OTHER_NAMES: &[(&str, &str)] =
    &[("keepalives_retries", "keepalives_count"), ("database", "dbname")];

/// What to do about a parameter that libpq knows but this program does not support with this value;
/// `None` if it is supported or changes nothing.
fn remedy(name: &str, value: &str) -> Option<&'static str> {
    let is = |values: &[&str]| values.iter().any(|v| v.eq_ignore_ascii_case(value));
    Some(match name {
        "gssencmode" if is(&["disable", "prefer"]) => return None,
        "gssencmode" | "gsslib" | "gssdelegation" | "krbsrvname" => {
            "Kerberos is not supported; use TLS, and a password or a client certificate"
        }
        "client_encoding" if is(&["UTF8", "UTF-8", "auto"]) => return None,
        "client_encoding" => "sessions always use UTF8; leave it out",
        "requiressl" if value == "0" => return None,
        "requiressl" => "use sslmode=require",
        "sslcompression" if value == "0" => return None,
        "sslcompression" => "TLS is never compressed; leave it out",
        "sslsni" if value == "1" => return None,
        "sslsni" => "the name of the host is always sent; leave it out",
        "sslcertmode" if value == "allow" => return None,
        "sslcertmode" => "a client certificate is sent if sslcert names one; leave it out",
        "sslcrl" | "sslcrldir" => {
            "lists of revoked certificates are not read; leave it out, and name the authorities that \
             are trusted with sslrootcert"
        }
        "sslpassword" => {
            "keys with a password cannot be read; store the key of sslkey without one, in a file \
             with mode 0600"
        }
        "require_auth" => {
            "use sslmode=verify-full, with which only the right server gets the password, or \
             channel_binding=require"
        }
        "requirepeer" => "the owner of a server process is not verified; leave it out",
        "target_session_attrs" if is(&["any", "read-write", "read-only"]) => return None,
        "target_session_attrs" => "use any, read-write or read-only",
        "replication" => "leave it out",
        "scram_client_key" | "scram_server_key" => "use a password",
        "oauth_client_id" | "oauth_client_secret" | "oauth_issuer" | "oauth_scope" => {
            "OAuth is not supported; use a password or a client certificate"
        }
        "sslkeylogfile" | "min_protocol_version" | "max_protocol_version" => "leave it out",
        _ => return None,
    })
}

/// A value with its origin, for messages.
struct Given {
    value: String,
    origin: String,
}

/// The parameters of a connection by name.
#[derive(Default)]
pub struct Parameters {
    given: BTreeMap<&'static str, Given>,
    /// The password before the host of the URL, which is not always UTF-8.
    pub url_password: Option<Vec<u8>>,
}

impl Parameters {
    /// Collects the parameters; those that are empty count as missing.
    ///
    /// # Errors
    /// A malformed URL; parameters that are unknown or not supported; a service that is not defined.
    pub fn collect(url: &SecretUrl, env: &PgEnv) -> Result<Self> {
        let mut parameters = Parameters::default();
        parameters.add_url(url)?;
        let service = parameters.get("service").or_else(|| env.get("PGSERVICE"));
        if let Some(service) = service.map(str::to_owned) {
            let file = parameters.get("servicefile").or_else(|| env.get("PGSERVICEFILE"));
            for entry in service_file::read(&service, file, env)? {
                let name = known(&entry.name).map_err(|e| anyhow!("{}: {e}", entry.place))?;
                if matches!(name, "service" | "servicefile") {
                    bail!("{}: a service cannot name another one", entry.place);
                }
                parameters.complete(name, &entry.value, entry.place);
            }
        }
        for (name, variable) in KNOWN {
            if let Some(variable) = variable
                && let Some(value) = env.get(variable)
            {
                parameters.complete(name, value, (*variable).to_owned());
            }
        }
        for (name, given) in &parameters.given {
            if let Some(remedy) = remedy(name, &given.value) {
                bail!("{}: {name} is not supported with this value: {remedy}", given.origin);
            }
        }
        Ok(parameters)
    }

    /// The parameters before and behind the question mark of the URL; the latter take precedence.
    fn add_url(&mut self, url: &SecretUrl) -> Result<()> {
        let (base, query) = url.reveal_text().split_once('?').unwrap_or((url.reveal_text(), ""));
        let before: PgConfig = base.parse().map_err(|e: postgres::Error| {
            anyhow!("warehouse.url = {url}: {}", url.scrub(&explain(&e)))
        })?;
        let hosts = before.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.to_string_lossy().into_owned(),
        });
        let hosts: Vec<String> = hosts.collect();
        let ports: Vec<String> = before.get_ports().iter().map(u16::to_string).collect();
        self.url_password = before.get_password().map(<[u8]>::to_vec);
        let mut own = vec![("host", hosts.join(",")), ("port", ports.join(","))];
        own.extend(before.get_user().map(|user| ("user", user.to_owned())));
        own.extend(before.get_dbname().map(|name| ("dbname", name.to_owned())));
        let origin = format!("warehouse.url = {url}");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            let (name, value) = match (name.as_str(), value.as_str()) {
                // the name in JDBC
                ("ssl", "true") => ("sslmode", "require".to_owned()),
                (name, _) => (known(name).map_err(|e| anyhow!("{origin}: {e}"))?, value),
            };
            self.complete(name, &value, origin.clone());
        }
        if self.get("password").is_some() {
            self.url_password = None;
        }
        for (name, value) in own {
            self.complete(known(name)?, &value, origin.clone());
        }
        Ok(())
    }

    /// Sets a parameter that has no value yet.
    fn complete(&mut self, name: &'static str, value: &str, origin: String) {
        if !value.is_empty() {
            self.given.entry(name).or_insert_with(|| Given { value: value.to_owned(), origin });
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|given| given.value.as_str())
    }

    /// Where the value of a parameter comes from.
    pub fn origin(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|given| given.origin.as_str())
    }

    /// The value of a parameter as a number.
    ///
    /// # Errors
    /// A text that is not a number.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        let Some(given) = self.given.get(name) else { return Ok(None) };
        let number = given.value.trim().parse();
        number.map(Some).map_err(|_| anyhow!("{}: {name} is not a number", given.origin))
    }

    /// The parameters that the client library understands, as its text. Others are left out.
    pub fn of_library(&self) -> String {
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        let own = |name: &str| {
            matches!(
                name,
                "application_name"
                    | "channel_binding"
                    | "dbname"
                    | "host"
                    | "hostaddr"
                    | "keepalives"
                    | "keepalives_idle"
                    | "keepalives_interval"
                    | "load_balance_hosts"
                    | "options"
                    | "port"
                    | "sslnegotiation"
                    | "target_session_attrs"
                    | "user"
            )
        };
        let given = self.given.iter().filter(|(name, _)| own(name));
        let parts = given.map(|(name, given)| format!("{name}='{}'", quoted(&given.value)));
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// The name of a parameter as in libpq.
fn known(name: &str) -> Result<&'static str> {
    let name = OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, name)| name);
    if let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Ok(known);
    }
    // a part of a password with an unescaped ? or & could be taken for a name
    match nearest(name, KNOWN.iter().map(|(known, _)| *known)) {
        Some(near) => bail!("it has an unknown parameter; did you mean {near}?"),
        None => bail!(
            "it has an unknown parameter; the parameters of libpq are allowed, such as sslmode, \
             sslrootcert, service and connect_timeout"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(url: &str, env: &[(&str, &str)]) -> Result<Parameters> {
        let mut variables = PgEnv::default();
        variables.extend(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Parameters::collect(&url.parse().unwrap(), &variables)
    }

    #[test]
    fn url_takes_precedence_over_service_and_service_over_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        std::fs::write(&file, "[s]\nhost=of-service\nport=2\nuser=u\nsslmode=require\n").unwrap();
        let file = file.to_str().unwrap();
        let env =
            [("PGSERVICEFILE", file), ("PGHOST", "of-env"), ("PGUSER", "v"), ("PGDATABASE", "d")];
        let found = collected("postgres:///?service=s&host=of-url%2C2", &env).unwrap();
        let value = |name| found.get(name).unwrap_or("none");
        let names = ["host", "port", "user", "dbname", "sslmode", "options"];
        assert_eq!(names.map(value), ["of-url,2", "2", "u", "d", "require", "none"]);
        let by_env = collected("postgres:///", &[("PGSERVICE", "s"), ("PGSERVICEFILE", file)]);
        assert_eq!(by_env.unwrap().get("host"), Some("of-service"));
        let missing = collected("postgres:///?service=t", &env).err().unwrap().to_string();
        assert!(missing.contains("\"t\"") && missing.contains(file), "{missing}");
    }

    #[test]
    fn every_parameter_of_libpq_is_supported_or_refused_with_a_remedy() {
        for (name, _) in KNOWN {
            let url = format!("postgres://h/d?{name}=x");
            match collected(&url, &[]) {
                Ok(found) => assert!(found.get(name) == Some("x") || *name == "service", "{name}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains(name) || error.contains("\"x\""), "{error}");
                }
            }
        }
        for (parameter, words) in [
            ("sslcrl=f", "sslrootcert"),
            ("gssencmode=require", "Kerberos"),
            ("target_session_attrs=primary", "read-write"),
            ("client_encoding=LATIN1", "UTF8"),
            ("ssl_mode=require", "did you mean sslmode?"),
            ("s3cret", "unknown parameter"),
        ] {
            let error = collected(&format!("postgres://h/d?{parameter}"), &[]).err().unwrap();
            let error = error.to_string();
            assert!(error.contains(words) && error.contains("postgres://h/d"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        for harmless in ["gssencmode=prefer", "client_encoding=utf8", "sslsni=1", "ssl=true"] {
            assert!(collected(&format!("postgres://h/d?{harmless}"), &[]).is_ok(), "{harmless}");
        }
    }

    #[test]
    fn values_are_quoted_for_the_client_library() {
        let found = collected("postgres://h/d?options=-c%20a%3D'b\\c'", &[]).unwrap();
        let client: PgConfig = found.of_library().parse().unwrap();
        assert_eq!(client.get_options(), Some("-c a='b\\c'"));
        assert_eq!(client.get_dbname(), Some("d"));
    }
}
