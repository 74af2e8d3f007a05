//! Slows the guessing of tokens down, per address.
//!
//! After some wrong tokens from an address, its next tokens are compared only after a delay, and few at
//! a time; more are answered at once without being compared. A token that this address has used before
//! is exempt, so that the other clients behind a proxy or router notice nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

/// Wrong tokens of an address that are answered without delay.
const FREE_FAILURES: u32 = 5;
/// The first delay; it doubles with every further wrong token.
const FIRST_DELAY: Duration = Duration::from_millis(125);
const MAX_DELAY: Duration = Duration::from_secs(2);
/// Requests of an address that wait at the same time.
const MAX_WAITING: u32 = 4;
/// Wrong tokens are forgotten when there has been no other for this long.
const MEMORY: Duration = Duration::from_secs(60);
/// Addresses that are remembered; the least recently seen ones are forgotten.
const MAX_ADDRESSES: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The recent tokens of each address.
#[derive(Debug)]
pub struct WrongTokens {
    addresses: Mutex<LruCache<IpAddr, Recent>>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    failures: u32,
    last_failure: Instant,
    waiting: u32,
    /// One bit for each token that the address has used.
    accepted: u64,
}

/// When a token may be compared.
#[derive(Debug)]
pub enum Turn<'a> {
    Now,
    After(Duration, Waiting<'a>),
    /// Too many requests of the address are waiting.
    Refused(Duration),
}

/// A place among the waiting requests of an address.
#[derive(Debug)]
pub struct Waiting<'a> {
    wrong: &'a WrongTokens,
    address: IpAddr,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(recent) = self.wrong.lock().get_mut(&self.address) {
            recent.waiting = recent.waiting.saturating_sub(1);
        }
    }
}

impl WrongTokens {
    pub fn new() -> Self {
        WrongTokens { addresses: Mutex::new(LruCache::new(MAX_ADDRESSES)) }
    }

    /// When the token of a request may be compared; `token` is its position, if it is a valid one,
    /// which the answer must not reveal before.
    pub fn turn(&self, address: IpAddr, token: Option<usize>, now: Instant) -> Turn<'_> {
        let address = network(address);
        let mut addresses = self.lock();
        let Some(recent) = addresses.get_mut(&address) else { return Turn::Now };
        if now.duration_since(recent.last_failure) > MEMORY {
            recent.failures = 0;
        }
        let is_known = token.is_some_and(|token| recent.accepted & bit(token) != 0);
        if recent.failures < FREE_FAILURES || is_known {
            return Turn::Now;
        }
        let delay = delay(recent.failures);
        if recent.waiting >= MAX_WAITING {
            return Turn::Refused(delay);
        }
        recent.waiting += 1;
        Turn::After(delay, Waiting { wrong: self, address })
    }

    /// Remembers that the address has used a valid token.
    pub fn accepted(&self, address: IpAddr, token: usize, now: Instant) {
        self.update(address, now, |recent| recent.accepted |= bit(token));
    }

    /// Counts a wrong token; returns the delay of the next one, once there are too many.
    pub fn rejected(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.update(address, now, |recent| {
            recent.failures = recent.failures.saturating_add(1);
            recent.last_failure = now;
            recent.failures
        });
        (failures >= FREE_FAILURES).then(|| delay(failures))
    }

    fn update<T>(&self, address: IpAddr, now: Instant, change: impl FnOnce(&mut Recent) -> T) -> T {
        let new = || Recent { failures: 0, last_failure: now, waiting: 0, accepted: 0 };
        change(self.lock().get_or_insert_mut(network(address), new))
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<IpAddr, Recent>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn delay(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(FREE_FAILURES).min(10);
    (FIRST_DELAY * 2_u32.pow(doublings)).min(MAX_DELAY)
}

fn bit(token: usize) -> u64 {
    // the configuration limits the number of tokens
    1_u64.checked_shl(u32::try_from(token).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// The address itself, or the network of an IPv6 address, within which a client can choose.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_now(turn: Turn) -> bool {
        matches!(turn, Turn::Now)
    }

    #[test]
    fn wrong_tokens_delay_their_own_address_and_no_known_token() {
        let (wrong, now) = (WrongTokens::new(), Instant::now());
        let (here, there): (IpAddr, IpAddr) = ([192, 0, 2, 7].into(), [192, 0, 2, 8].into());
        wrong.accepted(here, 3, now);
        for number in 1..FREE_FAILURES {
            assert!(is_now(wrong.turn(here, None, now)));
            assert_eq!(wrong.rejected(here, now), None, "{number}");
        }
        assert_eq!(wrong.rejected(here, now), Some(FIRST_DELAY));
        assert_eq!(wrong.rejected(here, now), Some(FIRST_DELAY * 2));
        assert!(is_now(wrong.turn(here, Some(3), now)) && is_now(wrong.turn(there, None, now)));
        // a valid token that is new at this address waits like a wrong one
        let waiting: Vec<Turn> = [None, Some(4), None, None]
            .into_iter()
            .map(|token| wrong.turn(here, token, now))
            .collect();
        assert!(
            waiting.iter().all(|t| matches!(t, Turn::After(delay, _) if *delay == FIRST_DELAY * 2))
        );
        for token in [None, Some(4)] {
            assert!(matches!(wrong.turn(here, token, now), Turn::Refused(_)));
        }
        drop(waiting);
        assert!(matches!(wrong.turn(here, None, now), Turn::After(..)));
        assert!(is_now(wrong.turn(here, None, now + MEMORY + Duration::from_secs(1))));
    }

    #[test]
    fn delay_has_an_upper_bound() {
        let (wrong, now) = (WrongTokens::new(), Instant::now());
        let delays = (0..100).filter_map(|_| wrong.rejected([192, 0, 2, 7].into(), now));
        assert_eq!(delays.max(), Some(MAX_DELAY));
    }

    #[test]
    fn addresses_of_one_network_count_together_and_memory_is_bounded() {
        let (wrong, now) = (WrongTokens::new(), Instant::now());
        for host in 0..u128::from(FREE_FAILURES) {
            wrong.rejected(Ipv6Addr::from_bits((0x2001_0db8 << 96) | host).into(), now);
        }
        let other: IpAddr = "2001:db8::ffff".parse().unwrap();
        assert!(!is_now(wrong.turn(other, None, now)));
        for address in 0..20_000 {
            wrong.rejected(std::net::Ipv4Addr::from_bits(address).into(), now);
        }
        assert_eq!(wrong.lock().len(), MAX_ADDRESSES.get());
    }
}
