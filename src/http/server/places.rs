//! Places for connections, shared between networks: whoever comes takes what is free, and once nothing is, a newcomer gets
//! the place of one of the network that holds the most. So one address cannot shut out the others, and a proxy, whose
//! address stands for many clients, has all places while nobody else wants one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use metrics::counter;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::client_address::network;

/// The places of a listener.
pub struct Places {
    most: usize,
    /// Proxies: each connection may be another client's, so that none of them is taken for another network.
    trusted: Vec<IpNet>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next_id: u64,
    /// All, those of proxies included.
    count: usize,
    /// By network, in order of coming.
    networks: HashMap<IpAddr, BTreeMap<u64, Arc<Connection>>>,
    /// How many each network holds.
    counts: BTreeSet<(usize, IpAddr)>,
}

/// What a connection and its place know of each other.
#[derive(Default)]
pub struct Connection {
    /// Whether a request of it is being answered.
    is_busy: AtomicBool,
    /// Cancelled when the place is another's.
    pub displaced: CancellationToken,
}

impl Connection {
    /// Tells whether a request is being answered: where there is a choice such a connection keeps its place.
    pub fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::Relaxed);
    }
}

/// The place of a connection, given back when it is dropped.
pub struct ConnectionPlace {
    /// Its connection.
    pub connection: Arc<Connection>,
    of: Arc<Places>,
    /// None of a proxy.
    network: Option<IpAddr>,
    id: u64,
}

impl Places {
    /// `most` places; connections of `trusted` proxies are nobody's alone.
    pub fn new(most: usize, trusted: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self { most, trusted, taken: Mutex::default() })
    }

    /// A place for a connection from `peer`; none where all are taken, and no network holds two more than the peer's.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionPlace> {
        let peer = peer.to_canonical();
        let is_proxy = self.trusted.iter().any(|trusted| trusted.contains(&peer));
        let network = (!is_proxy).then(|| network(peer));
        let mut taken = self.taken.lock();
        if taken.count >= self.most && !taken.displace(network) {
            counter!("factfold_connections_refused_total").increment(1);
            return None;
        }
        let (id, connection) = (taken.next_id, Arc::<Connection>::default());
        taken.next_id += 1;
        taken.count += 1;
        if let Some(network) = network {
            taken.add(network, id, Arc::clone(&connection));
        }
        Some(ConnectionPlace { connection, of: Arc::clone(self), network, id })
    }
}

impl Taken {
    fn add(&mut self, network: IpAddr, id: u64, connection: Arc<Connection>) {
        let held = self.networks.entry(network).or_default();
        self.counts.remove(&(held.len(), network));
        held.insert(id, connection);
        self.counts.insert((held.len(), network));
    }

    /// Frees the place, where it is still held.
    fn remove(&mut self, network: IpAddr, id: u64) -> Option<Arc<Connection>> {
        let held = self.networks.get_mut(&network)?;
        let connection = held.remove(&id)?;
        let left = held.len();
        self.counts.remove(&(left + 1, network));
        if left == 0 {
            self.networks.remove(&network);
        } else {
            self.counts.insert((left, network));
        }
        self.count -= 1;
        Some(connection)
    }

    /// Frees a place of the network that holds the most, for one that would still hold fewer: the oldest connection that
    /// answers no request, else the oldest.
    fn displace(&mut self, newcomer: Option<IpAddr>) -> bool {
        let own = newcomer.and_then(|network| self.networks.get(&network)).map_or(0, BTreeMap::len);
        let Some((most, network)) = self.counts.last().copied().filter(|(most, _)| *most > own + 1) else {
            return false;
        };
        let held = self.networks.get(&network);
        let is_idle = |connection: &Connection| !connection.is_busy.load(Ordering::Relaxed);
        let oldest = held.and_then(|held| {
            let idle = held.iter().find(|(_, connection)| is_idle(connection));
            idle.or_else(|| held.first_key_value()).map(|(id, _)| *id)
        });
        let Some(displaced) = oldest.and_then(|id| self.remove(network, id)) else { return false };
        displaced.displaced.cancel();
        counter!("factfold_connections_displaced_total").increment(1);
        tracing::debug!(%network, connections = most, "a connection gave its place to another network's");
        true
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock();
        match self.network {
            // Displaced ones are no longer counted.
            Some(network) => drop(taken.remove(network, self.id)),
            None => taken.count -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, peer: &str) -> Option<ConnectionPlace> {
        places.take(peer.parse().expect("address"))
    }

    fn is_displaced(place: &ConnectionPlace) -> bool {
        place.connection.displaced.is_cancelled()
    }

    #[test]
    fn one_network_has_what_is_free_and_gives_way_to_others_up_to_equal_shares() {
        let places = Places::new(6, Vec::new());
        let first: Vec<ConnectionPlace> = (0..6).filter_map(|_| take(&places, "192.0.2.1")).collect();
        assert_eq!(first.len(), 6);
        assert!(take(&places, "192.0.2.1").is_none(), "its own next one is refused");
        first[0].connection.set_busy(true);
        let second: Vec<ConnectionPlace> = (0..6).filter_map(|_| take(&places, "192.0.2.2")).collect();
        assert_eq!(second.len(), 3, "half each");
        let gone: Vec<bool> = first.iter().map(is_displaced).collect();
        assert_eq!(gone, [false, true, true, true, false, false], "the oldest that answer nothing");
        let third: Vec<ConnectionPlace> = (0..6).filter_map(|_| take(&places, "192.0.2.3")).collect();
        assert_eq!(third.len(), 2);
        drop((first, second, third));
        let taken = places.taken.lock();
        assert_eq!((taken.count, taken.networks.len(), taken.counts.len()), (0, 0, 0));
    }

    #[test]
    fn a_network_of_busy_connections_gives_way_too_and_one_of_ipv6_is_a_64() {
        let places = Places::new(2, Vec::new());
        let held = ["2001:db8::1", "2001:db8::2"].map(|peer| take(&places, peer).expect("a place"));
        held.iter().for_each(|place| place.connection.set_busy(true));
        let other = take(&places, "2001:db8:0:1::1").expect("another network's");
        assert_eq!(held.each_ref().map(is_displaced), [true, false]);
        assert!(take(&places, "::ffff:192.0.2.1").is_none(), "nobody holds two more than none");
        drop(other);
        assert!(take(&places, "::ffff:192.0.2.1").is_some());
    }

    #[test]
    fn places_of_a_trusted_proxy_are_kept() {
        let places = Places::new(3, vec!["10.0.0.0/8".parse().expect("network")]);
        let held: Vec<ConnectionPlace> = (0..3).filter_map(|_| take(&places, "10.0.0.1")).collect();
        assert!(take(&places, "192.0.2.1").is_none());
        assert!(!held.iter().any(is_displaced));
        drop(held);
        let held: Vec<ConnectionPlace> = (0..3).filter_map(|_| take(&places, "192.0.2.1")).collect();
        assert!(take(&places, "10.0.0.1").is_some(), "clients of a proxy are others");
        assert_eq!(held.iter().filter(|place| is_displaced(place)).count(), 1);
    }
}
