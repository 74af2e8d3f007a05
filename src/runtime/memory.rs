//! Memory of this process, and how much it may use.

use std::path::{Path, PathBuf};

/// Peak resident memory of this process so far, in bytes (`VmHWM`); `None` if the
/// operating system does not report it.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmHWM:")
}

/// Memory that this process can have, in bytes: that of the machine, or of the cgroup of the process
/// (version 1 or 2) if that is less; `None` if the operating system does not report it.
pub fn available_bytes() -> Option<u64> {
    available_in(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
}

fn available_in(proc: &Path, cgroups: &Path) -> Option<u64> {
    let machine = std::fs::read_to_string(proc.join("meminfo")).ok();
    let machine = machine.and_then(|text| kibibytes(&text, "MemTotal:"));
    let groups = std::fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| limits_of(line, cgroups));
    machine.into_iter().chain(limits).min()
}

/// The limits that a line of `/proc/self/cgroup`, `ID:CONTROLLERS:PATH`, sets. A group is limited by those
/// above it as well; inside a container, the path may be one that is only visible outside.
fn limits_of(line: &str, cgroups: &Path) -> Vec<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next().unwrap_or_default(), fields.next().unwrap_or("/"));
    let (folders, file) = match controllers {
        "" => ([cgroups.to_owned(), cgroups.join("unified")], "memory.max"),
        other if other.split(',').any(|name| name == "memory") => {
            ([cgroups.join("memory"), cgroups.join(other)], "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let above = Path::new(path.trim_start_matches('/')).ancestors();
    let places: Vec<PathBuf> =
        above.flat_map(|path| folders.each_ref().map(|folder| folder.join(path))).collect();
    let limit = |folder: &PathBuf| std::fs::read_to_string(folder.join(file)).ok();
    // without a limit, version 2 says `max`, and version 1 a number that no machine has
    places.iter().filter_map(limit).filter_map(|text| text.trim().parse().ok()).collect()
}

/// The value of a line such as `MemTotal:  24689764 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found with these files, each with its text.
    fn found(cgroup: &str, files: &[(&str, &str)]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/meminfo", "MemTotal:       1000 kB\nMemFree:        10 kB\n");
        write("proc/self/cgroup", cgroup);
        files.iter().for_each(|(path, text)| write(&format!("cgroup/{path}"), text));
        available_in(&folder.path().join("proc"), &folder.path().join("cgroup"))
    }

    #[test]
    fn smallest_limit_of_machine_and_groups_counts() {
        let machine = Some(1_000 << 10);
        assert_eq!(found("", &[]), machine);
        assert_eq!(found("0::/a/b\n", &[("a/b/memory.max", "max\n")]), machine);
        let nested = [("a/b/memory.max", "9000\n"), ("a/memory.max", "7000\n")];
        assert_eq!(found("0::/a/b\n", &nested), Some(7_000));
        // the path of the host is not visible inside a container
        assert_eq!(found("0::/docker/x\n", &[("memory.max", "500\n")]), Some(500));
        let old = "5:cpu,cpuacct:/a\n4:memory:/a\n";
        let unlimited = ("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(found(old, &[unlimited]), machine);
        assert_eq!(
            found(old, &[unlimited, ("memory/a/memory.limit_in_bytes", "600\n")]),
            Some(600)
        );
        assert_eq!(found(old, &[("cpu,cpuacct/a/memory.limit_in_bytes", "1\n")]), machine);
    }

    #[test]
    fn this_machine_reports_its_memory() {
        let available = available_bytes().unwrap();
        assert!(peak_memory_bytes().unwrap() > 1 << 20 && available > 1 << 26, "{available}");
    }
}
