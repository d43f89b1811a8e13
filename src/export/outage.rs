//! What is to be done while the server or the brokers are out of reach: an outage is not an error of each feed.
//!
//! ```text
//! an attempt fails ─▶ is the peer there? ── yes ─▶ the feed's own trouble: it counts
//!                                        └─ no ──▶ the outage begins: what needs the peer waits in its place
//! one probe with back-off ── no ─▶ next probe, until the patience is over
//!                         └─ yes ─▶ the outage is over: all go on, and no attempt is counted
//! ```
//!
//! Pure: time and random numbers are passed in, and somebody else asks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::scheduler::Work;
use crate::feed::{Feed, FeedKind, ReadMode};
use crate::ksql::backoff::backoff;

/// What exports need and may have to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The ksqlDB server.
    Server,
    /// The Kafka brokers: ours, or those of which the server says that it does not reach them.
    Brokers,
}

impl Peer {
    /// `server` or `brokers`
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Brokers => "brokers",
        }
    }

    /// `is` or `are`
    pub fn verb(self) -> &'static str {
        match self {
            Self::Server => "is",
            Self::Brokers => "are",
        }
    }
}

/// Which peers some work needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) server: bool,
    pub(super) brokers: bool,
}

impl Needs {
    /// A stream's rows come from the brokers whatever the way; a table that ksqlDB scans lies with the server. A compaction asks nobody, and the cold store is none of them.
    pub(super) fn of(feed: &Feed, work: Work) -> Self {
        let server = !matches!(work, Work::Compact(_) | Work::Tier(_) | Work::Restore(_));
        Self { server, brokers: server && (feed.kind == FeedKind::Stream || feed.read == ReadMode::Kafka) }
    }

    /// The peers.
    pub(super) fn peers(self) -> impl Iterator<Item = Peer> {
        let needed = move |peer: &Peer| match peer {
            Peer::Server => self.server,
            Peer::Brokers => self.brokers,
        };
        [Peer::Server, Peer::Brokers].into_iter().filter(needed)
    }
}

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The first wait between probes; it doubles.
    pub(super) base: Duration,
    /// The longest wait between probes.
    pub(super) max: Duration,
    /// The longest outage that is waited for; `None`: for ever.
    pub(super) whole: Option<Duration>,
}

/// The outages of now.
#[derive(Debug)]
pub(super) struct Outages {
    patience: Patience,
    open: BTreeMap<Peer, Open>,
    /// When the last outage of each peer ended.
    ended: BTreeMap<Peer, Instant>,
}

#[derive(Debug)]
struct Open {
    begun: Instant,
    probes: u32,
    /// When the peer is asked again; `None` while it is being asked.
    next: Option<Instant>,
    /// The patience is over.
    given_up: bool,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The peer is to be asked whether it is there.
    Ask(Peer),
    /// Nobody waits for the peer any longer.
    GiveUp(Peer),
}

impl Outages {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, open: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// A peer was found out of reach; true when that is new. `random` is from 0 to 1, `wait` what the peer asked for.
    pub(super) fn begins(&mut self, peer: Peer, now: Instant, random: f64, wait: Option<Duration>) -> bool {
        if self.open.contains_key(&peer) {
            return false;
        }
        let next = Some(now + self.pause(0, random, wait));
        self.open.insert(peer, Open { begun: now, probes: 0, next, given_up: false });
        true
    }

    /// An export with these needs has to wait.
    pub(super) fn holds(&self, needs: Needs) -> bool {
        needs.peers().any(|peer| self.open.get(&peer).is_some_and(|open| !open.given_up))
    }

    /// The peer for which such an export does not wait any longer.
    pub(super) fn given_up(&self, needs: Needs) -> Option<Peer> {
        needs.peers().find(|peer| self.open.get(peer).is_some_and(|open| open.given_up))
    }

    /// What is due; each is told once.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        for (peer, open) in &mut self.open {
            let over = self.patience.whole.is_some_and(|whole| now >= open.begun + whole);
            if over && !open.given_up {
                open.given_up = true;
                due.push(Due::GiveUp(*peer));
            }
            if open.next.is_some_and(|next| now >= next) {
                open.next = None;
                due.push(Due::Ask(*peer));
            }
        }
        due
    }

    /// When something will be due.
    pub(super) fn wake(&self) -> Option<Instant> {
        let ends = self.open.values().filter(|open| !open.given_up);
        let ends = ends.filter_map(|open| Some(open.begun + self.patience.whole?));
        self.open.values().filter_map(|open| open.next).chain(ends).min()
    }

    /// The peer is there: gives how long it was not.
    pub(super) fn ends(&mut self, peer: Peer, now: Instant) -> Option<Duration> {
        let open = self.open.remove(&peer)?;
        self.ended.insert(peer, now);
        Some(now.saturating_duration_since(open.begun))
    }

    /// An attempt that began at `begun` may have failed by an outage that is over.
    pub(super) fn met(&self, needs: Needs, begun: Instant) -> bool {
        needs.peers().any(|peer| self.ended.get(&peer).is_some_and(|ended| *ended >= begun))
    }

    /// The peer was asked and is still out of reach.
    pub(super) fn goes_on(&mut self, peer: Peer, now: Instant, random: f64, wait: Option<Duration>) {
        let Some(probes) = self.open.get(&peer).map(|open| open.probes.saturating_add(1)) else { return };
        let next = Some(now + self.pause(probes, random, wait));
        if let Some(open) = self.open.get_mut(&peer) {
            (open.probes, open.next) = (probes, next);
        }
    }

    fn pause(&self, probes: u32, random: f64, wait: Option<Duration>) -> Duration {
        backoff(probes, self.patience.base, self.patience.max, random, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Needs = Needs { server: true, brokers: true };
    const TABLE: Needs = Needs { server: true, brokers: false };
    const NOBODY: Needs = Needs { server: false, brokers: false };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn outages(whole: Option<Duration>) -> Outages {
        Outages::new(Patience { base: seconds(1), max: seconds(8), whole })
    }

    #[test]
    fn one_probe_at_a_time_with_growing_waits_until_the_peer_is_back() {
        let (mut outages, begun) = (outages(None), Instant::now());
        assert!(outages.begins(Peer::Server, begun, 1.0, None));
        assert!(!outages.begins(Peer::Server, begun + seconds(1), 1.0, None), "the others find the same");
        let mut now = begun;
        let mut waits = Vec::new();
        for _ in 0..6 {
            let next = outages.wake().unwrap();
            waits.push((next - now).as_secs());
            assert!(outages.due(next.checked_sub(Duration::from_millis(1)).unwrap()).is_empty());
            assert_eq!(outages.due(next), [Due::Ask(Peer::Server)]);
            assert_eq!((outages.due(next), outages.wake()), (vec![], None), "it is being asked");
            outages.goes_on(Peer::Server, next, 1.0, None);
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
        assert!(outages.holds(TABLE) && !outages.holds(NOBODY));
        assert_eq!(outages.ends(Peer::Server, begun + seconds(40)), Some(seconds(40)));
        assert!(!outages.holds(ALL));
        assert_eq!((outages.wake(), outages.ends(Peer::Server, now)), (None, None));
        // One that was cut tells so late: it is not its fault.
        assert!(outages.met(TABLE, begun) && !outages.met(TABLE, begun + seconds(41)));
    }

    #[test]
    fn brokers_hold_what_needs_them() {
        let mut outages = outages(None);
        outages.begins(Peer::Brokers, Instant::now(), 0.5, None);
        assert!(outages.holds(ALL) && !outages.holds(TABLE));
    }

    #[test]
    fn patience_ends_and_the_peer_may_come_back_all_the_same() {
        let (mut outages, begun) = (outages(Some(seconds(5))), Instant::now());
        outages.begins(Peer::Server, begun, 1.0, Some(seconds(60)));
        assert_eq!(outages.wake(), Some(begun + seconds(5)), "the server's own wait is longer");
        assert_eq!(outages.due(begun + seconds(5)), [Due::GiveUp(Peer::Server)]);
        assert!(!outages.holds(ALL));
        assert_eq!(outages.given_up(ALL), Some(Peer::Server));
        assert_eq!(outages.due(begun + seconds(61)), [Due::Ask(Peer::Server)]);
        outages.ends(Peer::Server, begun + seconds(62));
        assert_eq!(outages.given_up(ALL), None);
    }
}
