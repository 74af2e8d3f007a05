//! A lease on the outputs in an object store, so that one command at a time changes them.
//!
//! The lease is an object that is created with the condition that none exists. It says which process
//! holds it and until when. A running command renews it, so the lease of a killed command expires.
//!
//! In a store without conditional puts, a command writes its claim, waits, and holds the lease if the claim
//! is still there: of several commands that begin at once, the last one to write wins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::index::LEASE;
use crate::storage::object_store::runtime::block_on;
use crate::storage::object_store::{ObjectVersion, PutCondition, PutOutcome, RemoteFolder};
use crate::storage::process::Process;

const DURATION: TimeDelta = TimeDelta::minutes(10);
/// Short enough that two renewals can fail.
const RENEWAL_INTERVAL: Duration = Duration::from_mins(3);
/// How long a claim without conditions has to stand. Another command reads and then writes within this time.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// The content of the lease object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    /// Distinguishes this claim from all others.
    id: String,
    #[serde(flatten)]
    holder: Process,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Claim {
    fn new() -> Self {
        let since = Utc::now();
        let id = format!("{:032x}", rand::random::<u128>());
        Claim { id, holder: Process::current().clone(), since, until: since + DURATION }
    }

    /// True if the claim expired, or its process on this machine ended.
    fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.until < now || self.holder.is_running() == Some(false)
    }
}

/// The claim as this process wrote it last.
#[derive(Debug)]
struct Written {
    version: ObjectVersion,
    until: Instant,
    /// Another process replaced or removed the claim.
    lost: bool,
}

/// Writes the claim again with a later end, if nobody else wrote there. Returns false if somebody did.
async fn renew(remote: &RemoteFolder, claim: &Claim, written: &Mutex<Written>) -> Result<bool> {
    let mut written = written.lock().await;
    if written.lost {
        return Ok(false);
    }
    let until = Instant::now() + DURATION.to_std().unwrap_or_default();
    let claim = Claim { until: Utc::now() + DURATION, ..claim.clone() };
    let condition = PutCondition::Version(written.version.clone());
    match remote.put_if_async(LEASE, serde_json::to_vec(&claim)?, condition).await? {
        PutOutcome::Done(version) => {
            (written.version, written.until) = (version, until);
            Ok(true)
        }
        PutOutcome::Conflict => {
            written.lost = true;
            Ok(false)
        }
        PutOutcome::Unsupported(_) => {
            let current = remote.read_async(LEASE).await?;
            if current.and_then(|(text, _)| claim_in(&text)).is_none_or(|c| c.id != claim.id) {
                written.lost = true;
                return Ok(false);
            }
            written.version = remote.put_async(LEASE, serde_json::to_vec(&claim)?).await?;
            written.until = until;
            Ok(true)
        }
    }
}

fn claim_in(text: &[u8]) -> Option<Claim> {
    serde_json::from_slice(text).ok()
}

/// # Errors
/// The claim of another command that is not expired.
fn refuse_if_held(remote: &RemoteFolder, text: &[u8]) -> Result<()> {
    let Some(other) = claim_in(text).filter(|other| !other.is_expired(Utc::now())) else {
        return Ok(());
    };
    let at = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S UTC");
    bail!(
        "another run of mobility is using {} (process {} on {}, since {}); try again when it has finished. If it was killed, its lease expires at {}",
        remote.url(),
        other.holder.id,
        other.holder.host,
        at(other.since),
        at(other.until)
    );
}

/// The lease of this process. It is released when it is dropped.
#[derive(Debug)]
pub struct Lease {
    remote: RemoteFolder,
    claim: Claim,
    written: Arc<Mutex<Written>>,
    renewal: AbortHandle,
    /// Why the claim was written without conditions, if it was.
    unconditional: Option<String>,
}

impl Lease {
    /// # Errors
    /// Another command that holds the lease; a store that cannot be reached or written.
    pub fn acquire(remote: &RemoteFolder) -> Result<Self> {
        let claim = Claim::new();
        let mut condition = PutCondition::Absent;
        // another command may be the first to take over an expired lease
        for _ in 0..3 {
            match remote.put_if(LEASE, serde_json::to_vec(&claim)?, condition.clone())? {
                PutOutcome::Done(version) => return Lease::start(remote, claim, version),
                PutOutcome::Unsupported(reason) => {
                    let version = claim_unconditionally(remote, &claim)?;
                    let mut lease = Lease::start(remote, claim, version)?;
                    lease.unconditional = Some(reason);
                    return Ok(lease);
                }
                PutOutcome::Conflict => {}
            }
            condition = match remote.read(LEASE)? {
                None => PutCondition::Absent,
                Some((text, version)) => {
                    refuse_if_held(remote, &text)?;
                    PutCondition::Version(version)
                }
            };
        }
        bail!(
            "other runs of mobility are using {}; try again when they have finished",
            remote.url()
        )
    }

    /// Why the lease does not fully exclude other commands, if it does not.
    pub fn warning(&self) -> Option<String> {
        let reason = self.unconditional.as_ref()?;
        Some(format!(
            "{} does not support conditional puts ({reason}); the lease is claimed by writing it and \
             reading it again after {} s. Do not start two runs at the same time",
            self.remote.url(),
            SETTLING_TIME.as_secs()
        ))
    }

    /// Renews the claim until the lease is dropped.
    fn start(remote: &RemoteFolder, claim: Claim, version: ObjectVersion) -> Result<Self> {
        let until = Instant::now() + DURATION.to_std().unwrap_or_default();
        let written = Arc::new(Mutex::new(Written { version, until, lost: false }));
        let (folder, ours, shared) = (remote.clone(), claim.clone(), Arc::clone(&written));
        let renewal = remote.spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL_INTERVAL).await;
                // after an error, the store may be reachable again before the lease expires
                if matches!(renew(&folder, &ours, &shared).await, Ok(false)) {
                    return;
                }
            }
        })?;
        Ok(Lease { remote: remote.clone(), claim, written, renewal, unconditional: None })
    }

    /// Renews the lease before a write that must not mix with those of another command.
    ///
    /// # Errors
    /// Another command that acquired the lease because this one did not renew it in time; a store that
    /// cannot be reached.
    pub fn ensure_held(&self) -> Result<()> {
        let (remote, claim, written) =
            (self.remote.clone(), self.claim.clone(), Arc::clone(&self.written));
        let renewed = block_on(async move { renew(&remote, &claim, &written).await });
        if renewed.context("the lease could not be renewed, so nothing is replaced")? {
            return Ok(());
        }
        self.refuse()
    }

    /// The same without a request: only tells whether the lease can have expired.
    ///
    /// # Errors
    /// As [`Lease::ensure_held`].
    pub fn ensure_not_expired(&self) -> Result<()> {
        let written = self.written.blocking_lock();
        if written.lost || written.until < Instant::now() { self.refuse() } else { Ok(()) }
    }

    fn refuse(&self) -> Result<()> {
        bail!("another run took over {}; run again when it has finished", self.remote.url())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
        let current = self.remote.read(LEASE).ok().flatten();
        let current = current.and_then(|(text, _)| claim_in(&text));
        if current.is_some_and(|current| current.id == self.claim.id) {
            // a lease that cannot be deleted expires
            let _ = self.remote.delete(&[LEASE.to_owned()]);
        }
    }
}

/// Writes the claim, and reads it again after a while.
///
/// # Errors
/// Another command that holds the lease, or that claimed it at the same time.
fn claim_unconditionally(remote: &RemoteFolder, claim: &Claim) -> Result<ObjectVersion> {
    if let Some((text, _)) = remote.read(LEASE)? {
        refuse_if_held(remote, &text)?;
    }
    let version = remote.put(LEASE, serde_json::to_vec(claim)?)?;
    std::thread::sleep(SETTLING_TIME);
    let current = remote.read(LEASE)?;
    match current.as_ref().and_then(|(text, _)| claim_in(text)) {
        Some(current) if current.id == claim.id => Ok(version),
        _ => {
            current.map_or(Ok(()), |(text, _)| refuse_if_held(remote, &text))?;
            bail!("another run of mobility claimed {} at the same time; try again", remote.url())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_expires_with_its_time_or_its_process() {
        let now = Utc::now();
        let of = |holder| Claim { holder, ..Claim::new() };
        let current = Process::current();
        // process ids are far below this
        let gone = Process { id: i32::MAX as u32, ..current.clone() };
        let elsewhere = of(Process { host: "elsewhere".into(), ..gone.clone() });
        assert!(!elsewhere.is_expired(now));
        assert!(elsewhere.is_expired(now + DURATION + TimeDelta::seconds(1)));
        assert!(of(gone.clone()).is_expired(now));
        assert!(!of(current.clone()).is_expired(now));
        // a process of another container on this host, with the same host name
        assert!(!of(Process { namespace: 1, ..gone }).is_expired(now));
    }
}
