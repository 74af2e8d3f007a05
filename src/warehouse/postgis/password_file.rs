//! Password files, as libpq reads them: lines `host:port:database:user:password`, in which `*` stands for
//! any value of one of the first four fields, and a backslash precedes `:` and `\`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::config::PgEnv;

/// Longer files are not password files.
const MAX_BYTES: u64 = 1 << 20;

/// The outcome of looking for a password.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// The password, and the number of its line.
    Password(String, usize),
    /// A file that cannot be used, with the reason and the remedy.
    Unusable(String),
    /// No file, or no line that matches.
    None,
}

/// The file of the parameter `passfile` or of PGPASSFILE, else `.pgpass` in the home of the user.
pub fn path(passfile: Option<&str>, env: &PgEnv) -> Option<PathBuf> {
    let home = || Some(Path::new(env.get("HOME")?).join(".pgpass"));
    passfile.map(PathBuf::from).or_else(home)
}

/// Looks for the password of `[host, port, database, user]`. A file that others than its owner may read
/// is not used.
pub fn find(path: &Path, wanted: [&str; 4]) -> Found {
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::None,
        Err(error) => {
            return Found::Unusable(format!(
                "the password file {shown} is ignored, since it cannot be read ({error})"
            ));
        }
    };
    if !metadata.is_file() {
        return Found::Unusable(format!(
            "the password file {shown} is ignored, since it is not a regular file"
        ));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Found::Unusable(format!(
            "the password file {shown} is ignored, since others than its owner have access (mode \
             {mode:04o}); run `chmod 600 {shown}`"
        ));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Found::Unusable(format!(
            "the password file {shown} is ignored, since it cannot be read ({error})"
        ));
    }
    match password(&String::from_utf8_lossy(&bytes), wanted) {
        Some((password, line)) => Found::Password(password, line),
        None => Found::None,
    }
}

fn password(text: &str, wanted: [&str; 4]) -> Option<(String, usize)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split('\n').enumerate().find_map(|(number, line)| {
        let line = line.trim_end_matches('\r');
        if line.starts_with('#') {
            return None;
        }
        let mut rest = line;
        for value in wanted {
            let (field, behind) = field(rest);
            if rest.get(..field.written) != Some("*") && field.text != value {
                return None;
            }
            rest = behind?;
        }
        Some((field(rest).0.text, number + 1))
    })
}

/// The first field of a line without its backslashes.
struct Field {
    text: String,
    /// Its length in the line, bytes.
    written: usize,
}

/// The first field, and what follows its colon.
fn field(line: &str) -> (Field, Option<&str>) {
    let mut text = String::new();
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ':' => return (Field { text, written: at }, Some(&line[at + 1..])),
            '\\' => text.push(characters.next().map_or('\\', |(_, escaped)| escaped)),
            _ => text.push(character),
        }
    }
    (Field { text, written: line.len() }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_that_matches_gives_the_password() {
        let text = "# h:1:d:u:comment\r\nother:1:d:u:a\r\nh:1:d:u:p\\:w\\\\d:rest\r\nh:*:*:*:second\n\
                    \\*:1:d:u:star\n*:*:*:v:any\n::1:*:*:v6\n\\:\\:1:*:*:w:v6\n/run/pg:5432:*:*:socket";
        let found = |wanted| password(text, wanted);
        assert_eq!(found(["h", "1", "d", "u"]), Some(("p:w\\d".to_owned(), 3)));
        assert_eq!(found(["h", "2", "d", "u"]), Some(("second".to_owned(), 4)));
        assert_eq!(found(["x", "9", "e", "v"]), Some(("any".to_owned(), 6)));
        // an escaped star is a star
        assert_eq!(found(["y", "1", "d", "u"]), None);
        assert_eq!(found(["*", "1", "d", "u"]), Some(("star".to_owned(), 5)));
        assert_eq!(found(["::1", "5", "d", "w"]), Some(("v6".to_owned(), 8)));
        assert_eq!(found(["/run/pg", "5432", "d", "w"]), Some(("socket".to_owned(), 9)));
        assert_eq!(password("h:1:d", ["h", "1", "d", "u"]), None);
        assert_eq!(password("h:1:d:u", ["h", "1", "d", "u"]), None);
    }

    #[test]
    fn file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        let wanted = ["h", "1", "d", "u"];
        assert_eq!(find(&path, wanted), Found::None);
        std::fs::write(&path, "h:1:d:u:s3cret").unwrap();
        for (mode, is_used) in [(0o640, false), (0o604, false), (0o600, true), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = find(&path, wanted);
            assert_eq!(found == Found::Password("s3cret".to_owned(), 1), is_used, "{mode:o}");
            assert_eq!(
                matches!(&found, Found::Unusable(why) if why.contains("chmod 600")),
                !is_used
            );
        }
        assert!(matches!(find(folder.path(), wanted), Found::Unusable(_)));
    }
}
