//! Who may connect: a limited number of connections in all and for each client address, and a reserve
//! in which a client beyond these limits can still ask for the health of the server.
//!
//! A connection that waits for its client gives up its place to a new client, so that clients that
//! send nothing or read nothing keep nobody out.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection_activity::Activity;

/// Connections beyond the limits; a further one replaces the oldest of them.
pub const RESERVE: usize = 32;
/// A connection that has waited this long for its client gives up its place.
const PATIENCE: Duration = Duration::from_secs(5);

/// The limit that a client exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// All places are taken.
    Server { limit: usize },
    /// The address of the client has taken all its places.
    Address { limit: usize },
}

/// The places of a server.
#[derive(Debug)]
pub struct Places {
    max: usize,
    max_per_address: usize,
    patience: Duration,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    by_address: HashMap<IpAddr, Vec<Arc<Activity>>>,
    reserve: VecDeque<Arc<Activity>>,
}

/// A connection's place, returned when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
    pub activity: Arc<Activity>,
    /// Set for a place in the reserve.
    pub overload: Option<Overload>,
}

impl Places {
    pub fn new(max: usize, max_per_address: usize) -> Self {
        Places { max, max_per_address, patience: PATIENCE, open: Mutex::default() }
    }

    /// A place for a new connection from that address.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Place {
        let (address, activity) = (network(address), Arc::new(Activity::new()));
        let mut open = self.open();
        let overload = self.make_room(&mut open, address).err();
        if overload.is_some() {
            open.reserve.push_back(Arc::clone(&activity));
            if open.reserve.len() > RESERVE
                && let Some(oldest) = open.reserve.pop_front()
            {
                oldest.close();
            }
        } else {
            open.count += 1;
            open.by_address.entry(address).or_default().push(Arc::clone(&activity));
        }
        drop(open);
        Place { places: Arc::clone(self), address, activity, overload }
    }

    /// Closes the connection that has waited longest for its client, if there is one.
    pub fn close_waiting(&self) {
        let mut open = self.open();
        if let Some((address, activity)) = self.longest_waiting(open.by_address.iter()) {
            open.remove(address, &activity);
            activity.close();
        }
    }

    /// The number of connections, without those in the reserve.
    pub fn taken(&self) -> usize {
        self.open().count
    }

    fn make_room(&self, open: &mut Open, address: IpAddr) -> Result<(), Overload> {
        let from_address = open.by_address.get_key_value(&address);
        let overload = if from_address.is_some_and(|(_, of)| of.len() >= self.max_per_address) {
            Overload::Address { limit: self.max_per_address }
        } else if open.count >= self.max {
            Overload::Server { limit: self.max }
        } else {
            return Ok(());
        };
        let waiting = match overload {
            Overload::Address { .. } => self.longest_waiting(from_address.into_iter()),
            Overload::Server { .. } => self.longest_waiting(open.by_address.iter()),
        };
        let (address, activity) = waiting.ok_or(overload)?;
        open.remove(address, &activity);
        activity.close();
        Ok(())
    }

    fn longest_waiting<'a>(
        &self,
        connections: impl Iterator<Item = (&'a IpAddr, &'a Vec<Arc<Activity>>)>,
    ) -> Option<(IpAddr, Arc<Activity>)> {
        connections
            .flat_map(|(address, of)| of.iter().map(move |activity| (*address, activity)))
            .filter_map(|(address, activity)| Some((activity.waiting()?, address, activity)))
            .filter(|(waiting, _, _)| *waiting >= self.patience)
            .max_by_key(|(waiting, _, _)| *waiting)
            .map(|(_, address, activity)| (address, Arc::clone(activity)))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Removes a connection that has a place; one that had to give it up is no longer there.
    fn remove(&mut self, address: IpAddr, activity: &Arc<Activity>) {
        let Some(of) = self.by_address.get_mut(&address) else { return };
        if let Some(position) = of.iter().position(|a| Arc::ptr_eq(a, activity)) {
            of.swap_remove(position);
            self.count -= 1;
        }
        if of.is_empty() {
            self.by_address.remove(&address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open();
        match self.overload {
            None => open.remove(self.address, &self.activity),
            Some(_) => open.reserve.retain(|a| !Arc::ptr_eq(a, &self.activity)),
        }
    }
}

/// What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that name a network,
/// because a machine can choose the others.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(max: usize, max_per_address: usize, patience: Duration) -> Arc<Places> {
        Arc::new(Places { patience, ..Places::new(max, max_per_address) })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_closed(place: &Place) -> bool {
        futures::FutureExt::now_or_never(place.activity.closed()).is_some()
    }

    #[test]
    fn client_beyond_a_limit_gets_a_place_in_the_reserve() {
        let places = places(3, 2, Duration::MAX);
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = places.enter(a);
        let others = [places.enter(a), places.enter(b)];
        assert!(others.iter().chain([&first]).all(|p| p.overload.is_none()));
        assert_eq!(places.enter(a).overload, Some(Overload::Address { limit: 2 }));
        assert_eq!(places.enter(b).overload, Some(Overload::Server { limit: 3 }));
        drop(first);
        assert_eq!((places.taken(), places.enter(b).overload), (2, None));
        drop(others);
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn connection_that_waits_for_its_client_gives_up_its_place() {
        let places = places(2, 2, Duration::ZERO);
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        let (busy, idle) = (places.enter(a), places.enter(a));
        busy.activity.request_began();
        let newcomer = places.enter(b);
        assert!(newcomer.overload.is_none() && is_closed(&idle) && !is_closed(&busy));
        newcomer.activity.request_began();
        assert!(places.enter(b).overload.is_some());
        busy.activity.stalled();
        assert!(places.enter(b).overload.is_none() && is_closed(&busy));
        drop((busy, idle, newcomer));
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn oldest_connection_of_the_reserve_is_replaced() {
        let places = places(0, 1, Duration::MAX);
        let reserve: Vec<Place> =
            (0..=RESERVE).map(|_| places.enter(address("192.0.2.1"))).collect();
        assert!(is_closed(&reserve[0]) && !is_closed(&reserve[1]));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_client() {
        for (one, other) in [("2001:db8::1", "2001:db8::2:3"), ("::ffff:192.0.2.1", "192.0.2.1")] {
            assert_eq!(network(address(one)), network(address(other)));
        }
        for (one, other) in [("2001:db8::1", "2001:db8:0:1::1"), ("192.0.2.1", "192.0.2.2")] {
            assert_ne!(network(address(one)), network(address(other)));
        }
    }
}
