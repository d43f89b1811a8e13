//! The thread that publishes behind the engine: exports tell it which feeds have committed, and do not wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::Sender;

use super::{Registered, holds_back, of_feed, publish};
use crate::error::{Class, Kind, Result};
use crate::export::event::{Event, What};
use crate::feed::{CatalogName, Feed};
use crate::ksql::backoff::backoff;
use crate::lake::Lake;

/// Where exports tell that a feed has something to be published. Without catalogues it leads nowhere.
#[derive(Clone, Default)]
pub(in crate::export) struct Orders {
    inbox: Option<mpsc::Sender<Box<Feed>>>,
    /// The catalogues that are configured.
    names: Vec<CatalogName>,
}

impl Orders {
    /// The feed has committed something, or may have.
    pub(in crate::export) fn publish(&self, feed: &Feed) {
        if let Some(orders) = self.inbox.as_ref().filter(|_| !feed.catalog.is_empty()) {
            // The thread lives as long as somebody can give orders.
            let _ = orders.send(Box::new(feed.clone()));
        }
    }

    /// Why local copies of a partition that is cold must stay.
    pub(in crate::export) fn holds_back(
        &self,
        lake: &Lake,
        feed: &Feed,
        partition: &str,
    ) -> Result<Option<String>> {
        holds_back(lake, feed, &self.names, partition)
    }
}

/// What the thread works with.
pub(in crate::export) struct Publisher {
    pub lake: Lake,
    pub catalogs: Arc<[Registered]>,
    pub events: Sender<Event>,
    pub clock: fn() -> DateTime<Utc>,
    /// The first wait after a failure, and the longest.
    pub waits: [Duration; 2],
}

/// A feed that is to be published.
struct Due {
    feed: Box<Feed>,
    at: Instant,
    failures: u32,
}

impl Publisher {
    /// Starts the thread. It ends when the last of the orders' handles is gone, behind one attempt at what is not published.
    pub(in crate::export) fn start(self) -> Orders {
        if self.catalogs.is_empty() {
            return Orders::default();
        }
        let names = self.catalogs.iter().map(|registered| registered.name).collect();
        let (orders, inbox) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("catalogues".to_owned()).spawn(move || self.run(&inbox));
        // Without a thread the next run publishes.
        Orders { inbox: thread.is_ok().then_some(orders), names }
    }

    fn run(self, inbox: &mpsc::Receiver<Box<Feed>>) {
        let mut due: BTreeMap<String, Due> = BTreeMap::new();
        let mut is_open = true;
        while is_open {
            let next = due.values().map(|due| due.at).min();
            let told = match next {
                Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            is_open = !matches!(told, Err(RecvTimeoutError::Disconnected));
            for feed in told.into_iter().chain(inbox.try_iter()) {
                let waits =
                    due.get(&feed.name).filter(|due| due.failures > 0).map(|due| (due.at, due.failures));
                // A catalogue that is down is not asked sooner because of a commit.
                let (at, failures) = waits.unwrap_or((Instant::now(), 0));
                due.insert(feed.name.clone(), Due { feed, at, failures });
            }
            let now = Instant::now();
            // In the end what is left is tried once more.
            let ready = |due: &Due| !is_open || due.at <= now;
            let names: Vec<_> =
                due.iter().filter(|(_, due)| ready(due)).map(|(name, _)| name.clone()).collect();
            let mut down = BTreeSet::new();
            for name in names {
                let Some(Due { feed, failures, .. }) = due.remove(&name) else { continue };
                if self.feed(&feed, &mut down, failures == 0) {
                    continue;
                }
                let wait =
                    backoff(failures, self.waits[0], self.waits[1], fastrand::f64(), None).max(self.waits[0]);
                due.insert(name, Due { feed, at: Instant::now() + wait, failures: failures + 1 });
            }
        }
    }

    /// Publishes a feed; false when it is to be tried again. A catalogue that is `down` is not asked for each feed.
    fn feed(&self, feed: &Feed, down: &mut BTreeSet<&'static str>, is_first: bool) -> bool {
        let mut is_done = true;
        for registered in of_feed(&self.catalogs, feed) {
            let name = registered.catalog.name();
            if down.contains(name) {
                is_done = false;
                continue;
            }
            let now = (self.clock)();
            // What panics here is this publication's failure, and ends nothing else.
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| {
                publish(&self.lake, feed, registered, false, now)
            }));
            let error = match done {
                Ok(Ok(published)) => {
                    if let Some(text) = published.sentence() {
                        self.tell(feed, What::Published { catalogue: name, text });
                    }
                    continue;
                }
                Ok(Err(error)) => error,
                Err(_) => crate::Error::new(Kind::Bug, "the publication panicked; the lake is as it was"),
            };
            if error.kind() == Kind::Unreachable {
                down.insert(name);
            }
            let again = error.class() == Class::Retry || error.kind() == Kind::Locked;
            is_done &= !again;
            if is_first {
                let text = format!(
                    "not published to the catalogue {name}; the next commit does it, or `lakehand catalog sync`: {error}"
                );
                self.tell(feed, What::NotPublished { catalogue: name, text });
            }
        }
        is_done
    }

    fn tell(&self, feed: &Feed, what: What) {
        let event = Event { feed: feed.name.clone(), time: (self.clock)(), what };
        // A listener that is gone stops nothing.
        let _ = self.events.blocking_send(event);
    }
}
