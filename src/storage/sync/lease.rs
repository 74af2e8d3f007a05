//! A lease on the outputs in an object store, so that one command at a time changes them.
//!
//! The lease is an object that is created with the condition that none exists. It says which process
//! holds it and until when. A running command renews it, so the lease of a killed command expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use super::index::LEASE;
use crate::storage::object_store::{ObjectVersion, PutCondition, PutOutcome, RemoteFolder};
use crate::storage::process::is_other_process_running;

const DURATION: TimeDelta = TimeDelta::minutes(10);
/// Short enough that two renewals can fail.
const RENEWAL_INTERVAL: Duration = Duration::from_mins(3);

/// The content of the lease object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    /// Distinguishes this claim from all others.
    id: String,
    host: String,
    process: u32,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Claim {
    fn new() -> Self {
        let since = Utc::now();
        let host = whoami::hostname().unwrap_or_default();
        let id = format!("{:032x}", rand::random::<u128>());
        Claim { id, host, process: std::process::id(), since, until: since + DURATION }
    }

    /// True if the claim expired, or its process on this machine ended.
    fn is_expired(&self, now: DateTime<Utc>) -> bool {
        let here = whoami::hostname().is_ok_and(|host| host == self.host && !host.is_empty());
        self.until < now || here && !is_other_process_running(self.process)
    }
}

/// The lease of this process. It is released when it is dropped.
#[derive(Debug)]
pub struct Lease {
    remote: RemoteFolder,
    /// `None` if the store does not support conditional writes.
    renewal: Option<AbortHandle>,
    lost: Arc<AtomicBool>,
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
                PutOutcome::Unsupported => {
                    let lost = Arc::default();
                    return Ok(Lease { remote: remote.clone(), renewal: None, lost });
                }
                PutOutcome::Conflict => {}
            }
            condition = match remote.read(LEASE)? {
                None => PutCondition::Absent,
                Some((text, version)) => {
                    if let Ok(other) = serde_json::from_slice::<Claim>(&text)
                        && !other.is_expired(Utc::now())
                    {
                        let at = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S UTC");
                        bail!(
                            "another run of mobility is using {} (process {} on {}, since {}); try again when it has finished. If it was killed, its lease expires at {}",
                            remote.url(),
                            other.process,
                            other.host,
                            at(other.since),
                            at(other.until)
                        );
                    }
                    PutCondition::Version(version)
                }
            };
        }
        bail!(
            "other runs of mobility are using {}; try again when they have finished",
            remote.url()
        )
    }

    /// Renews the claim until the lease is dropped.
    fn start(remote: &RemoteFolder, claim: Claim, version: ObjectVersion) -> Result<Self> {
        let lost = Arc::new(AtomicBool::new(false));
        let (folder, is_lost) = (remote.clone(), Arc::clone(&lost));
        let renewal = remote.spawn(async move {
            let mut version = version;
            loop {
                tokio::time::sleep(RENEWAL_INTERVAL).await;
                let claim = Claim { until: Utc::now() + DURATION, ..claim.clone() };
                let Ok(text) = serde_json::to_vec(&claim) else { return };
                let condition = PutCondition::Version(version.clone());
                match folder.put_if_async(LEASE, text, condition).await {
                    Ok(PutOutcome::Done(next)) => version = next,
                    Ok(_) => return is_lost.store(true, Ordering::Relaxed),
                    // the store may be reachable again before the lease expires
                    Err(_) => {}
                }
            }
        })?;
        Ok(Lease { remote: remote.clone(), renewal: Some(renewal), lost })
    }

    /// # Errors
    /// Another command that acquired the lease because this one did not renew it in time.
    pub fn ensure_held(&self) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            bail!("another run took over {}; run again when it has finished", self.remote.url());
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(renewal) = self.renewal.take() else { return };
        renewal.abort();
        if !self.lost.load(Ordering::Relaxed) {
            // a lease that cannot be deleted expires
            let _ = self.remote.delete(&[LEASE.to_owned()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_expires_with_its_time_or_its_process() {
        let now = Utc::now();
        let claim = Claim { host: "elsewhere".into(), ..Claim::new() };
        assert!(!claim.is_expired(now));
        assert!(claim.is_expired(now + DURATION + TimeDelta::seconds(1)));
        // process ids are far below this
        assert!(Claim { process: u32::MAX, ..Claim::new() }.is_expired(now));
        assert!(!Claim { process: 1, ..Claim::new() }.is_expired(now));
    }
}
