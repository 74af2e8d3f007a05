//! One command at a time changes the outputs in a store, as far as the store can tell.
//!
//! An object that can only be created where there is none says who has them and until when. The time
//! is pushed on while the command runs, so what a killed command left ends by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use super::index::LEASE;
use crate::storage::lock::another_runs;
use crate::storage::object_store::{On, Put, RemoteFolder, Version};

const LASTS: TimeDelta = TimeDelta::minutes(10);
/// Often enough that two renewals may fail.
const RENEWED: Duration = Duration::from_mins(3);

/// Who has the outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    /// By which a claim is known as ours.
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
        Claim { id, host, process: std::process::id(), since, until: since + LASTS }
    }

    /// True where nobody stands behind it any more.
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        let here = whoami::hostname().is_ok_and(|host| host == self.host && !host.is_empty());
        self.until < now || here && !another_runs(self.process)
    }
}

/// The outputs are ours, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    remote: RemoteFolder,
    renewing: Option<AbortHandle>,
    lost: Arc<AtomicBool>,
}

impl Lease {
    /// # Errors
    /// Another command that has the outputs; a store that cannot be reached or written.
    pub fn take(remote: &RemoteFolder) -> Result<Self> {
        let claim = Claim::new();
        let mut on = On::Nothing;
        // whoever takes over what a killed command left may be overtaken by another
        for _ in 0..3 {
            match remote.write(LEASE, serde_json::to_vec(&claim)?, on.clone())? {
                Put::Done(version) => return Lease::renewed(remote, claim, version),
                Put::Unable => {
                    let lost = Arc::default();
                    return Ok(Lease { remote: remote.clone(), renewing: None, lost });
                }
                Put::Conflict => {}
            }
            on = match remote.read(LEASE)? {
                None => On::Nothing,
                Some((text, version)) => {
                    if let Ok(other) = serde_json::from_slice::<Claim>(&text)
                        && !other.is_over(Utc::now())
                    {
                        let at = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S UTC");
                        bail!(
                            "another run of mobility works on {} (process {} on {}, since {}); try again when it is done. If it was killed, its claim ends at {}",
                            remote.url(),
                            other.process,
                            other.host,
                            at(other.since),
                            at(other.until)
                        );
                    }
                    On::Version(version)
                }
            };
        }
        bail!("other runs of mobility work on {}; try again when they are done", remote.url())
    }

    fn renewed(remote: &RemoteFolder, claim: Claim, version: Version) -> Result<Self> {
        let lost = Arc::new(AtomicBool::new(false));
        let (folder, gone) = (remote.clone(), Arc::clone(&lost));
        let renewing = remote.meanwhile(async move {
            let mut version = version;
            loop {
                tokio::time::sleep(RENEWED).await;
                let claim = Claim { until: Utc::now() + LASTS, ..claim.clone() };
                let Ok(text) = serde_json::to_vec(&claim) else { return };
                match folder.write_on(LEASE, text, On::Version(version.clone())).await {
                    Ok(Put::Done(next)) => version = next,
                    Ok(_) => return gone.store(true, Ordering::Relaxed),
                    // the store may be back before the time is over
                    Err(_) => {}
                }
            }
        })?;
        Ok(Lease { remote: remote.clone(), renewing: Some(renewing), lost })
    }

    /// # Errors
    /// Another command that took the outputs because this one did not renew its claim in time.
    pub fn refuse_lost(&self) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            bail!("another run took over {}; run again when it is done", self.remote.url());
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(renewing) = self.renewing.take() else { return };
        renewing.abort();
        if !self.lost.load(Ordering::Relaxed) {
            // what cannot be removed now ends by itself
            let _ = self.remote.remove(&[LEASE.to_owned()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_over_when_its_time_or_its_process_is() {
        let now = Utc::now();
        let claim = Claim { host: "elsewhere".into(), ..Claim::new() };
        assert!(!claim.is_over(now));
        assert!(claim.is_over(now + LASTS + TimeDelta::seconds(1)));
        // process numbers end far below
        assert!(Claim { process: u32::MAX, ..Claim::new() }.is_over(now));
        assert!(!Claim { process: 1, ..Claim::new() }.is_over(now));
    }
}
