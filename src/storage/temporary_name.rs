//! Names of outputs that are not finished. They say which process on which host writes, so that the
//! leftovers of killed runs can be told from the files of running ones.

use std::sync::atomic::{AtomicU64, Ordering};

use super::process::Process;

const ENDING: &str = ".unfinished";
/// Limits that keep the whole within the 255 bytes of a file name.
const MAX_NAME_BYTES: usize = 120;
const MAX_HOST_CHARS: usize = 40;
/// Characters of the id of a boot that are used.
const BOOT_CHARS: usize = 16;

/// The start of all temporary names of `name`.
pub fn prefix(name: &str) -> String {
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.", &name[..end])
}

/// A hidden name, another one for each call, so that threads that write the same output do not collide.
pub fn temporary_name(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let Process { host, boot, namespace, id, started } = shortened(Process::current());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}{host}-{boot}-{namespace}-{id}-{started}-{number}{ENDING}", prefix(name))
}

/// The parts of a process as they occur in names.
fn shortened(process: &Process) -> Process {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let host = process.host.chars().take(MAX_HOST_CHARS).map(plain).collect();
    let boot = process.boot.chars().take(BOOT_CHARS).map(plain).collect();
    Process { host, boot, ..process.clone() }
}

/// Who wrote under a temporary name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writer {
    Known(Process),
    /// A version of the program that recorded the process id alone.
    Unknown,
}

/// The writer of a file with a name from [`temporary_name`]; `None` for other names.
pub fn writer_of(name: &str) -> Option<Writer> {
    let (_, writer) = name.strip_prefix('.')?.strip_suffix(ENDING)?.rsplit_once('.')?;
    let is_number = |part: &str| part.parse::<u64>().is_ok();
    if writer.split_once('-').is_some_and(|(id, number)| is_number(id) && is_number(number)) {
        return Some(Writer::Unknown);
    }
    let mut parts = writer.rsplitn(6, '-');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (_, started, id, namespace) = (number()?, number()?, number()?, number()?);
    let (boot, host) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut process = Process { host, boot, namespace, id: u32::try_from(id).ok()?, started };
    // this host and boot under their full names
    let current = Process::current();
    let short = shortened(current);
    if process.host == short.host {
        process.host.clone_from(&current.host);
    }
    if process.boot == short.boot {
        process.boot.clone_from(&current.boot);
    }
    Some(Writer::Known(process))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_tell_their_writer_and_fit_the_file_system() {
        let long = "ä".repeat(120);
        for name in ["out.csv", "compressed_events", "date=2024-10-01", ".store.json", &long] {
            let temporary = temporary_name(name);
            assert!(temporary.len() <= 255 && temporary.starts_with(&prefix(name)), "{temporary}");
            assert_eq!(writer_of(&temporary), Some(Writer::Known(Process::current().clone())));
            assert_ne!(temporary, temporary_name(name));
        }
        let elsewhere = ".out.web-1-0123456789abcdef-4026531836-7-99-0.unfinished";
        let Some(Writer::Known(process)) = writer_of(elsewhere) else { panic!("{elsewhere}") };
        assert_eq!((&*process.host, &*process.boot, process.id), ("web-1", "0123456789abcdef", 7));
        assert_eq!(writer_of(".out.7-0.unfinished"), Some(Writer::Unknown));
        for other in ["out.csv", ".out.x0123456789abcdef.unfinished", ".hidden", ".a.b.unfinished"]
        {
            assert_eq!(writer_of(other), None, "{other}");
        }
    }
}
