//! What one job works with: the server, the lake, its counters, and whoever listens.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::compact::CompactPolicy;
use super::event::{Event, What};
use super::log::LogSource;
use super::outage::Needs;
use super::progress::Progress;
use super::publish::Orders;
use super::scheduler::Work;
use super::tier::TierSetup;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};
use crate::feed::{Feed, FeedKind};
use crate::ksql::client::Client;
use crate::lake::{Committed, Lake, Limits};
use crate::source::Environment;

/// How long a peer may be silent before somebody asks whether it is there.
const ALARM: Duration = Duration::from_secs(10);
/// How often a job that waits looks whether it shall stop.
const ASK_CANCEL: Duration = Duration::from_millis(50);

/// How exports behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// A commit at least this often while rows come.
    pub commit_every: Duration,
    /// Attempts after the first without any commit in between.
    pub retries: u32,
    /// First wait between attempts; it doubles.
    pub retry_base: Duration,
    /// Longest wait between attempts.
    pub retry_max: Duration,
    /// How long without a row counts as caught up where the end is not known.
    pub quiet: Duration,
    /// How long an answer may stay silent.
    pub inactivity: Duration,
    /// Share of rows that may go to quarantine, in percent.
    pub quarantine_limit: f64,
    /// Rows of a stream that may go to quarantine whatever their share, unless the limit is 0.
    pub quarantine_rows: u64,
    /// Longest row.
    pub max_row_bytes: usize,
    /// Wait for a dataset that another process holds.
    pub wait_for_lock: bool,
    /// How long exports wait for a server or brokers that are out of reach; `None`: for ever. Zero: not at all, an outage is
    /// a failed attempt like any other.
    pub outage_wait: Option<Duration>,
    /// How small files become few, and whether they do so behind each export.
    pub compact: CompactPolicy,
}

/// What every job of an engine shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub orders: Orders,
    pub handle: Handle,
    pub client: Client,
    pub logs: Option<LogSource>,
    pub lake: Lake,
    pub limits: Limits,
    pub options: Arc<Options>,
    /// How days move to the cold tier, where there is one.
    pub tier: Option<TierSetup>,
    pub events: mpsc::Sender<Event>,
    /// Where it is asked whether a failed attempt is an outage.
    pub suspicions: mpsc::UnboundedSender<Suspicion>,
    /// What the lock says of us.
    pub program: String,
    pub clock: fn() -> DateTime<Utc>,
}

/// An attempt failed as it would in an outage.
pub(super) struct Suspicion {
    pub needs: Needs,
    /// When the attempt began.
    pub begun: Instant,
    /// In an outage the verdict comes when it is over.
    pub waits: bool,
    /// Where the verdict goes.
    pub verdict: std::sync::mpsc::Sender<Verdict>,
}

/// What a failed attempt was.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The feed's own trouble: everybody is there.
    Own,
    /// An outage, which is over now for those that wait.
    Outage,
    /// An outage that lasts longer than anybody waits.
    GivenUp(Error),
}

/// What one job works with.
pub(super) struct Context {
    shared: Shared,
    pub feed: Feed,
    pub run: String,
    pub cancel: Cancel,
    pub progress: Arc<Progress>,
    commits: std::cell::Cell<u64>,
    /// When the engine was last asked about a silence.
    listened: std::cell::Cell<Option<Instant>>,
    /// The greatest ROWTIME that the dataset held before this run.
    newest_row: std::cell::Cell<Option<DateTime<Utc>>>,
    /// What is to be done.
    pub work: Work,
}

impl std::ops::Deref for Context {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Context {
    pub(super) fn new(
        shared: Shared,
        feed: Feed,
        work: Work,
        run: String,
        cancel: Cancel,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            shared,
            feed,
            work,
            run,
            cancel,
            progress,
            commits: std::cell::Cell::new(0),
            listened: std::cell::Cell::new(None),
            newest_row: std::cell::Cell::new(None),
        }
    }

    /// What a read works with.
    pub(super) fn environment(&self) -> Environment {
        Environment {
            pool: Arc::clone(self.lake.pool()),
            handle: self.handle.clone(),
            inactivity: self.options.inactivity,
            quiet: self.options.quiet,
            max_row_bytes: self.options.max_row_bytes,
        }
    }

    /// Commits of this job so far.
    pub(super) fn commits(&self) -> u64 {
        self.commits.get()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Remembers the greatest ROWTIME of the dataset, a witness of the time.
    pub(super) fn know_newest_row(&self, newest: Option<DateTime<Utc>>) {
        self.newest_row.set(newest);
    }

    /// Bounds an instant of this machine's clock by a second witness: the server's clock, or, where it tells none, the
    /// greatest ROWTIME that the dataset holds or this run has brought. `None` without any: nothing can be claimed.
    pub(super) fn witnessed(
        &self,
        asked: DateTime<Utc>,
        newest_row: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        let second = self.client.clock().or(self.newest_row.get().max(newest_row))?;
        Some(asked.min(second))
    }

    /// Waits for the network, on this thread; ends early when somebody asks to stop.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let begun = Instant::now();
        let mut work = std::pin::pin!(work);
        loop {
            match wait_a_little(&self.handle, &self.cancel, work.as_mut())? {
                Some(result) => return Ok(result),
                None => self.listen(begun.elapsed())?,
            }
        }
    }

    /// Nothing has come for `silent`. When that is long, somebody asks whether the peers are there, long before time limits
    /// end; `Kind::Unreachable` when they are not.
    pub(super) fn listen(&self, silent: Duration) -> Result<()> {
        let alarm = ALARM.min(self.options.inactivity / 4);
        let asked_lately = self.listened.get().is_some_and(|asked| asked.elapsed() < alarm * 6);
        if silent < alarm || asked_lately || !self.waits_for_outages() {
            return Ok(());
        }
        self.listened.set(Some(Instant::now()));
        match self.verdict(Instant::now(), false)? {
            Verdict::Own => Ok(()),
            Verdict::Outage | Verdict::GivenUp(_) => Err(Error::new(
                Kind::Unreachable,
                format!(
                    "nothing came for {} s, and the server or the brokers do not answer",
                    silent.as_secs()
                ),
            )),
        }
    }

    fn waits_for_outages(&self) -> bool {
        self.options.outage_wait.is_none_or(|wait| !wait.is_zero())
    }

    /// Asks whether the attempt that began at `begun` and failed with `error` met an outage; if it did, waits for its end.
    pub(super) fn wait_for_outage(&self, begun: Instant, error: &Error) -> Result<Verdict> {
        let may_be = matches!(error.kind(), Kind::Unreachable | Kind::Busy | Kind::Incomplete);
        if may_be && self.waits_for_outages() { self.verdict(begun, true) } else { Ok(Verdict::Own) }
    }

    fn verdict(&self, begun: Instant, waits: bool) -> Result<Verdict> {
        let (verdict, answer) = std::sync::mpsc::channel();
        // The engine lives as long as a job runs.
        let needs = Needs::of(&self.feed, self.work);
        let _ = self.suspicions.send(Suspicion { needs, begun, waits, verdict });
        loop {
            match answer.recv_timeout(ASK_CANCEL) {
                Ok(verdict) => return Ok(verdict),
                Err(RecvTimeoutError::Disconnected) => return Ok(Verdict::Own),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => return Err(interrupted()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Tells an event. A listener that is gone does not stop an export.
    pub(super) fn emit(&self, what: What) {
        let event = Event { feed: self.feed.name.clone(), time: self.now(), what };
        let _ = self.events.blocking_send(event);
    }

    pub(super) fn committed(&self, committed: &Committed, read_mode: &str, complete: bool) {
        self.orders.publish(&self.feed);
        // One without rows is no progress: else a server that breaks off before the first row is asked for ever.
        if committed.rows + committed.quarantined > 0 {
            self.commits.set(self.commits.get() + 1);
        }
        self.progress.commit(committed.rows);
        self.progress.without_row(committed.without_row);
        for folder in &committed.reopened {
            let text =
                format!("{folder} was sealed, and rows came: its _SUCCESS is gone until it is sealed again");
            self.emit(What::Warned { text });
        }
        if !committed.columns.is_empty() {
            let words: Vec<_> = committed.columns.iter().map(ToString::to_string).collect();
            self.emit(What::Columns { changes: committed.columns.clone(), text: words.join("; ") });
        }
        self.emit(What::Committed {
            facts: facts(committed, read_mode, complete),
            rows: committed.rows,
            bytes: committed.bytes,
            files: usize::try_from(committed.files).unwrap_or(usize::MAX),
        });
    }

    /// Fails when more rows were bad than the limit allows.
    pub(super) fn check_quarantine(&self, good: u64, bad: u64, first: Option<&str>) -> Result<()> {
        let limit = self.options.quarantine_limit;
        let share = 100.0 * bad as f64 / (good + bad).max(1) as f64;
        // A snapshot replaces the version before it, in which the row may be whole: there the share alone counts.
        let few = self.feed.kind == FeedKind::Stream && limit > 0.0 && bad <= self.options.quarantine_rows;
        if bad == 0 || share <= limit || few {
            return Ok(());
        }
        let first = first.unwrap_or("no reason kept");
        Err(Error::new(
            Kind::Quarantine,
            format!(
                "{bad} of {} rows cannot be decoded, more than {limit} %; the first: {first}",
                good + bad
            ),
        )
        .next("mend the source or exclude the column (exclude_columns), or raise export.quarantine_limit or export.quarantine_rows"))
    }
}

/// Waits for the network, on this thread; ends early when somebody asks to stop.
pub(super) fn wait_for<T>(
    handle: &Handle,
    cancel: &Cancel,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        if let Some(result) = wait_a_little(handle, cancel, work.as_mut())? {
            return Ok(result);
        }
    }
}

/// Waits for the network for a fifth of a second; `None` when nothing came.
fn wait_a_little<T>(
    handle: &Handle,
    cancel: &Cancel,
    work: std::pin::Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<Option<T>> {
    match handle.block_on(async { tokio::time::timeout(Duration::from_millis(200), work).await }) {
        Ok(result) => result.map(Some),
        Err(_) if cancel.is_cancelled() => Err(interrupted()),
        Err(_) => Ok(None),
    }
}

pub(super) fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "stopped on request")
}

/// How a read ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The end that was set is reached.
    Complete,
    /// Somebody asked to stop.
    Cancelled,
    /// The connection of a followed stream was cut while nothing was to be sent, as proxies do.
    Disconnected,
    /// The log is another one than the dataset's; why. Nothing was kept of it.
    OtherLog(String),
}

/// Facts of a commit, for the log.
fn facts(committed: &Committed, read_mode: &str, complete: bool) -> Vec<(String, String)> {
    let mut facts = vec![
        ("rows".to_owned(), committed.rows.to_string()),
        ("bytes".to_owned(), committed.bytes.to_string()),
        ("files".to_owned(), committed.files.to_string()),
        ("way".to_owned(), read_mode.to_owned()),
        ("complete".to_owned(), complete.to_string()),
        ("duration_ms".to_owned(), committed.duration_ms.to_string()),
    ];
    if committed.quarantined > 0 {
        facts.push(("quarantined".to_owned(), committed.quarantined.to_string()));
    }
    if committed.without_row > 0 {
        facts.push(("without_row".to_owned(), committed.without_row.to_string()));
    }
    if !committed.positions.is_empty() {
        let offsets: Vec<_> = committed.positions.iter().map(|(p, next)| format!("{p}:{next}")).collect();
        facts.push(("offsets".to_owned(), offsets.join(",")));
    }
    if let Some(version) = committed.version {
        facts.push(("version".to_owned(), format!("v{version}")));
    }
    facts
}
