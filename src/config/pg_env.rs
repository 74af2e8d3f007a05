//! The variables of the environment from which libpq, and this program, complete the URL of a server.

use std::collections::BTreeMap;

/// The variables by name. Only the names are ever displayed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PgEnv(BTreeMap<String, String>);

impl PgEnv {
    /// The variables that are read.
    pub const NAMES: [&str; 30] = [
        "HOME",
        "PGAPPNAME",
        "PGCHANNELBINDING",
        "PGCONNECT_TIMEOUT",
        "PGDATABASE",
        "PGGSSENCMODE",
        "PGHOST",
        "PGHOSTADDR",
        "PGLOADBALANCEHOSTS",
        "PGOPTIONS",
        "PGPASSFILE",
        "PGPASSWORD",
        "PGPORT",
        "PGREQUIREAUTH",
        "PGREQUIREPEER",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGSSLCERT",
        "PGSSLCERTMODE",
        "PGSSLCRL",
        "PGSSLCRLDIR",
        "PGSSLKEY",
        "PGSSLMAXPROTOCOLVERSION",
        "PGSSLMINPROTOCOLVERSION",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "PGSYSCONFDIR",
        "PGTARGETSESSIONATTRS",
        "PGUSER",
        "USER",
    ];

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl Extend<(String, String)> for PgEnv {
    fn extend<T: IntoIterator<Item = (String, String)>>(&mut self, variables: T) {
        self.0.extend(variables);
    }
}

impl std::fmt::Debug for PgEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
