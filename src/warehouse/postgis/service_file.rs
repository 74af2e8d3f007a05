//! Connection service files, as libpq reads them: a section `[NAME]` with a line `parameter=value` for each
//! parameter of a connection.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use crate::config::PgEnv;
use crate::runtime::text_file;

/// Folders of the file for all users, unless PGSYSCONFDIR names another one.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc"];
const NAME: &str = "pg_service.conf";

/// A parameter in a section.
#[derive(Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub value: String,
    /// The place of the parameter, for messages.
    pub place: String,
}

/// The parameters of a service. `file` is the value of PGSERVICEFILE or of the parameter `servicefile`.
///
/// # Errors
/// No file that defines the service; a file that cannot be read or understood.
pub fn read(service: &str, file: Option<&str>, env: &PgEnv) -> Result<Vec<Entry>> {
    let files = files(file, env);
    for path in &files {
        let text = match text_file::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => bail!("the service file {} cannot be read: {error}", path.display()),
        };
        if let Some(entries) = section(&text, service, path)? {
            return Ok(entries);
        }
    }
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    Err(anyhow!(
        "no service {service:?} is defined in {}; add a section [{service}], or name the file with \
         PGSERVICEFILE",
        files.join(", ")
    ))
}

/// The files in the order in which they are searched: that of the user, then that of all users.
fn files(file: Option<&str>, env: &PgEnv) -> Vec<PathBuf> {
    let own = file.map(PathBuf::from);
    let own = own.or_else(|| Some(Path::new(env.get("HOME")?).join(".pg_service.conf")));
    let system = match env.get("PGSYSCONFDIR") {
        Some(folder) => vec![folder],
        None => SYSTEM_FOLDERS.to_vec(),
    };
    own.into_iter().chain(system.into_iter().map(|folder| Path::new(folder).join(NAME))).collect()
}

/// The parameters of the first section of that name; `None` if there is none.
fn section(text: &str, service: &str, path: &Path) -> Result<Option<Vec<Entry>>> {
    let mut entries: Option<Vec<Entry>> = None;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        let place = format!("{}, line {}", path.display(), number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if entries.is_some() {
                break;
            }
            if header.strip_suffix(']') == Some(service) {
                entries = Some(Vec::new());
            }
            continue;
        }
        let Some(entries) = &mut entries else { continue };
        // the line may contain a password
        let Some((name, value)) = line.split_once('=') else {
            bail!("{place}: expected parameter=value");
        };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        if name.starts_with("ldap") {
            bail!(
                "{place}: services on an LDAP server are not supported; write the parameters here"
            );
        }
        entries.push(Entry { name, value, place });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str, service: &str) -> Option<Vec<(String, String)>> {
        let entries = section(text, service, Path::new("f")).unwrap()?;
        Some(entries.into_iter().map(|entry| (entry.name, entry.value)).collect())
    }

    #[test]
    fn parameters_of_the_first_section_with_the_name_are_read() {
        let text = "\u{feff}# all\nstray\n[a]\nhost=h1\n\n [b] \r\nhost = h2\r\n# no\npassword=a=b#c\n[b]\nport=1\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parameters(text, "a"), Some(vec![pair("host", "h1")]));
        let expected = vec![pair("host", "h2"), pair("password", "a=b#c")];
        assert_eq!(parameters(text, "b"), Some(expected));
        assert_eq!(parameters(text, "c"), None);
    }

    #[test]
    fn line_that_is_no_parameter_is_reported_without_its_text() {
        let error = section("[a]\nhost=h\ns3cret\n", "a", Path::new("f")).unwrap_err().to_string();
        assert_eq!(error, "f, line 3: expected parameter=value");
    }
}
