//! Processes on this and other hosts. A process id has a meaning only in its container and until the
//! host restarts, so it is recorded together with those.

use std::fs;
use std::sync::LazyLock;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, distinguishable from all others on all hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    pub host: String,
    /// Random id of the running kernel, different after each start of the host; empty if unknown.
    pub boot: String,
    /// Number of the namespace in which the process id is valid; 0 if unknown.
    pub namespace: u64,
    #[serde(rename = "process")]
    pub id: u32,
    /// Clock ticks from the start of the host to that of the process, by which a process differs from a
    /// later one with the same id; 0 if unknown.
    pub started: u64,
}

static CURRENT: LazyLock<Process> = LazyLock::new(|| {
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    let boot = text("/proc/sys/kernel/random/boot_id");
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let namespace = namespace.to_string_lossy();
    let namespace = namespace.trim_start_matches("pid:[").trim_end_matches(']').parse();
    Process {
        host: whoami::hostname().unwrap_or_default(),
        boot: boot.trim().replace('-', ""),
        namespace: namespace.unwrap_or_default(),
        id: std::process::id(),
        started: Status::of("self").map_or(0, |status| status.started),
    }
});

/// What the kernel tells about a process.
struct Status {
    ended: bool,
    started: u64,
}

impl Status {
    /// `None` if it cannot be read.
    fn of(process: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // the name of the program, in parentheses, can contain anything
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        // ended, but its parent has not asked for the exit status yet
        let ended = matches!(fields.next()?, "Z" | "X");
        Some(Status { ended, started: fields.nth(18)?.parse().ok()? })
    }
}

impl Process {
    /// This process.
    pub fn current() -> &'static Process {
        &CURRENT
    }

    /// True if the process ran under the same kernel as this one: on the same host, perhaps in another
    /// container, and since the host was started.
    pub fn shares_kernel(&self) -> bool {
        !self.boot.is_empty() && self.boot == CURRENT.boot
    }

    /// True on a host with the same name that was started at another time.
    pub fn is_from_other_boot_of_this_host(&self) -> bool {
        let same = !self.host.is_empty() && self.host == CURRENT.host;
        same && !self.boot.is_empty() && self.boot != CURRENT.boot
    }

    /// Whether the process is running; `None` if that cannot be told from here, because it belongs to
    /// another host or container.
    pub fn is_running(&self) -> Option<bool> {
        let here = self.shares_kernel()
            && self.host == CURRENT.host
            && self.namespace == CURRENT.namespace
            && self.namespace != 0;
        if !here {
            return None;
        }
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        let exists = id.is_some_and(|id| test_kill_process(id) != Err(Errno::SRCH));
        if !exists {
            return Some(false);
        }
        // /proc may show the processes of another namespace
        let own = fs::read_link("/proc/self").unwrap_or_default();
        if self.started == 0 || own.as_os_str() != CURRENT.id.to_string().as_str() {
            return Some(true);
        }
        let status = Status::of(&self.id.to_string());
        Some(status.is_none_or(|status| !status.ended && status.started == self.started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_of_this_host_and_container_are_judged() {
        let current = Process::current();
        assert!(!current.boot.is_empty() && current.namespace > 0 && current.started > 0);
        assert_eq!(current.is_running(), Some(true));
        // process ids are far below this
        let gone = Process { id: i32::MAX as u32, ..current.clone() };
        assert_eq!(gone.is_running(), Some(false));
        let earlier = Process { started: current.started - 1, ..current.clone() };
        assert_eq!(earlier.is_running(), Some(false), "the id belongs to a later process");
        for other in [
            Process { host: "elsewhere".into(), ..gone.clone() },
            Process { boot: "another start".into(), ..gone.clone() },
            Process { namespace: 1, ..gone.clone() },
        ] {
            assert_eq!(other.is_running(), None, "{other:?}");
        }
    }

    #[test]
    fn ended_process_whose_status_nobody_asked_for_is_not_running() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let id = child.id();
        let started = Status::of(&id.to_string()).unwrap().started;
        let process = Process { id, started, ..Process::current().clone() };
        while !Status::of(&id.to_string()).unwrap().ended {
            std::thread::yield_now();
        }
        assert_eq!(process.is_running(), Some(false));
        child.wait().unwrap();
        assert_eq!(process.is_running(), Some(false));
    }
}
