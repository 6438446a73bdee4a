//! Rates. Comes in: who asks (a network address or an id), and when. Goes out: yes, or not now.
//! Must not know: what for.
//!
//! A bounded table of windows. When it is full, the windows that ended go first, then arbitrary
//! ones: a stranger with many addresses can make others' counts forgotten, not memory grow.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Askers remembered at once.
const ASKERS_MAX: usize = 65_536;

/// At most `max` in each window of one length, for each asker.
#[derive(Debug)]
pub struct Rate<K> {
    max: u32,
    window: Duration,
    askers: Mutex<HashMap<K, (Instant, u32)>>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    /// `max` in every `window`.
    pub fn new(max: u32, window: Duration) -> Self {
        Self { max, window, askers: Mutex::new(HashMap::new()) }
    }

    /// Counts one more, unless the window is full.
    pub fn take(&self, asker: &K, now: Instant) -> bool {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        if askers.len() >= ASKERS_MAX && !askers.contains_key(asker) {
            let window = self.window;
            askers.retain(|_, (since, _)| now.duration_since(*since) < window);
            if askers.len() >= ASKERS_MAX {
                let victims: Vec<K> = askers.keys().take(ASKERS_MAX / 16).cloned().collect();
                for victim in victims {
                    askers.remove(&victim);
                }
            }
        }
        let (since, count) = askers.entry(asker.clone()).or_insert((now, 0));
        if now.duration_since(*since) >= self.window {
            (*since, *count) = (now, 0);
        }
        if *count >= self.max {
            return false;
        }
        *count += 1;
        true
    }
}

/// What counts as one network address: an IPv4 address, or the /64 of an IPv6 one, because every
/// home has 2^64 of the latter.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_waits_for_the_next_window() {
        let rate = Rate::new(10, Duration::from_hours(1));
        let start = Instant::now();
        assert!((0..10).all(|_| rate.take(&1, start)));
        assert!(!rate.take(&1, start));
        assert!(rate.take(&2, start), "another asker has a count of its own");
        assert!(rate.take(&1, start + Duration::from_secs(3_601)));
    }

    #[test]
    fn a_flood_of_askers_does_not_grow_the_table() {
        let rate = Rate::new(1, Duration::from_hours(1));
        let now = Instant::now();
        for asker in 0..ASKERS_MAX as u64 * 2 {
            rate.take(&asker, now);
        }
        assert!(rate.askers.lock().unwrap().len() <= ASKERS_MAX);
    }

    #[test]
    fn one_home_is_one_address() {
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let b: IpAddr = "2001:db8::ffff".parse().unwrap();
        let c: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(network(a), network(b));
        assert_ne!(network(a), network(c));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
