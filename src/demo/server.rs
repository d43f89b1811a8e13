//! Sockets: the listener, its connections, and what they share.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::{Error, Kind, Result};

use super::aggregate::Aggregates;
use super::catalog::Catalog;
use super::query::Running;
use super::transaction::{World, mix};
use super::{DemoOptions, ExpectedRows, Faults, Seen, http, lock};

/// How often a rate adds transactions.
const TICK: Duration = Duration::from_millis(50);
/// How often the port is tried again while connections were refused and somebody else may hold it.
const REBIND: Duration = Duration::from_millis(10);

/// What all connections share.
pub(super) struct State {
    pub(super) options: DemoOptions,
    /// Who may ask: as the options say, until that is changed.
    pub(super) credentials: Mutex<Option<(String, String)>>,
    pub(super) address: SocketAddr,
    pub(super) world: World,
    /// Transactions that exist.
    pub(super) count: watch::Sender<u64>,
    rate: watch::Sender<f64>,
    catalog: RwLock<Catalog>,
    aggregates: Mutex<Aggregates>,
    pub(super) queries: Mutex<BTreeMap<String, Arc<Running>>>,
    pub(super) faults: Faults,
    pub(super) log: Mutex<Vec<Seen>>,
    ids: AtomicU64,
    log_start: AtomicU64,
    /// The server says that it does not reach its brokers.
    pub(super) brokers_lost: AtomicBool,
}

impl State {
    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Where the logs begin.
    pub(super) fn log_start(&self) -> u64 {
        self.log_start.load(Ordering::Relaxed)
    }

    /// Transactions that exist now.
    pub(super) fn transactions(&self) -> u64 {
        *self.count.borrow()
    }

    /// The tables, counted up to now.
    pub(super) fn with_tables<T>(&self, read: impl FnOnce(&Aggregates) -> T) -> T {
        let mut aggregates = lock(&self.aggregates);
        aggregates.advance(&self.world, self.transactions());
        read(&aggregates)
    }

    /// A number like those in query ids: 19 digits, never the same twice.
    pub(super) fn next_id(&self) -> u64 {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        1_000_000_000_000_000_000
            + mix(self.options.seed ^ number.wrapping_mul(0x9E37_79B9)) % 8_000_000_000_000_000_000
    }

    /// A number like those in the ids of pulls over tables.
    pub(super) fn next_pull_id(&self) -> u64 {
        1_795_000_000_000 + self.ids.fetch_add(1, Ordering::Relaxed)
    }
}

/// A running server on a port of the loopback interface. Dropping it stops it.
pub struct DemoServer {
    state: Arc<State>,
    tasks: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for DemoServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl DemoServer {
    /// Starts on a free port; a tokio runtime must be running.
    ///
    /// # Errors
    /// [`Kind::Io`] when no port can be had.
    pub async fn start(options: DemoOptions) -> Result<Self> {
        let unable = |error: std::io::Error| {
            Error::new(Kind::Io, format!("the demo server cannot listen: {error}")).at("address", "127.0.0.1")
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unable)?;
        let state = Arc::new(State {
            credentials: Mutex::new(options.credentials.clone()),
            address: listener.local_addr().map_err(unable)?,
            world: World::new(&options),
            count: watch::Sender::new(options.rows),
            rate: watch::Sender::new(options.rate),
            catalog: RwLock::new(Catalog::pipeline(options.every_type, options.end_helpers)),
            aggregates: Mutex::default(),
            queries: Mutex::default(),
            faults: Faults::default(),
            log: Mutex::default(),
            ids: AtomicU64::new(1),
            log_start: AtomicU64::new(0),
            brokers_lost: AtomicBool::new(false),
            options,
        });
        let tasks =
            [tokio::spawn(accept(Arc::clone(&state), listener)), tokio::spawn(grow(Arc::clone(&state)))];
        Ok(Self { state, tasks })
    }

    /// What its connections share.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = self.state.options.accept.as_ref().map_or("http", |(scheme, _)| scheme);
        format!("{scheme}://{}", self.state.address)
    }

    /// `n` more transactions exist at once.
    pub fn append(&self, n: u64) {
        self.state.count.send_modify(|count| *count += n);
    }

    /// Every topic's log says that it begins at this offset, as after Kafka's retention; no query asks for what is before.
    pub fn trim(&self, offset: u64) {
        self.state.log_start.store(offset, Ordering::Relaxed);
    }

    /// While set, the health check says that the server does not reach its brokers. What queries then do, say the faults.
    pub fn lose_brokers(&self, lost: bool) {
        self.state.brokers_lost.store(lost, Ordering::Relaxed);
    }

    /// Transactions that exist now.
    pub fn transactions(&self) -> u64 {
        self.state.transactions()
    }

    /// New transactions per second from now on; 0: none.
    pub fn set_rate(&self, rate: f64) {
        self.state.rate.send_replace(rate);
    }

    /// What an export of this moment must arrive at. The first call goes through all transactions.
    pub fn expected_rows(&self) -> ExpectedRows {
        self.state.with_tables(|tables| tables.expected_rows(&self.state.world))
    }

    /// From now on only this user with this password may ask.
    pub fn demand_credentials(&self, user: &str, password: &str) {
        *lock(&self.state.credentials) = Some((user.to_owned(), password.to_owned()));
    }

    /// What goes wrong is said here.
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// The requests that arrived so far, oldest first.
    pub fn log(&self) -> Vec<Seen> {
        lock(&self.state.log).clone()
    }

    /// Queries that are running: pushes and pulls over streams.
    pub fn running(&self) -> usize {
        lock(&self.state.queries).len()
    }

    /// A new STRING column at the end of `source` (as CREATE OR REPLACE makes one): null in the rows that exist from the
    /// start, and in a table.
    pub fn add_column(&self, source: &str, column: &str) {
        self.state.catalog_mut().add_column(source, column, self.state.options.rows);
    }

    /// The query that writes `source` is in this state: `RUNNING`, `PAUSED` or `ERROR`. Rows come on all the same.
    pub fn set_writer(&self, source: &str, state: &'static str) {
        self.state.catalog_mut().set_writer(source, state);
    }

    /// A table more, with the columns, formats and topic of the table `like`, that no query writes: one that is declared over
    /// its topic by `statement`.
    pub fn declare_table(&self, name: &str, like: &str, statement: &str) {
        self.state.catalog_mut().declare_table(name, like, statement);
    }

    /// Cuts what is open and frees the port.
    pub async fn stop(mut self) {
        for task in &mut self.tasks {
            task.abort();
            // The error says that it was aborted.
            let _aborted = task.await;
        }
    }
}

impl Drop for DemoServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Adds transactions at the rate that is set.
async fn grow(state: Arc<State>) {
    let mut rate = state.rate.subscribe();
    loop {
        let per_second = *rate.borrow_and_update();
        if per_second <= 0.0 || !per_second.is_finite() {
            if rate.changed().await.is_err() {
                return;
            }
            continue;
        }
        let (since, mut added) = (Instant::now(), 0_u64);
        while !rate.has_changed().unwrap_or(true) {
            tokio::time::sleep(TICK).await;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive; `as` saturates"
            )]
            let due = (since.elapsed().as_secs_f64() * per_second) as u64;
            if due > added {
                state.count.send_modify(|count| *count += due - added);
                added = due;
            }
        }
    }
}

/// Accepts connections until it is aborted; its connections end with it.
async fn accept(state: Arc<State>, listener: TcpListener) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let mut refusing = state.faults.refusing();
    loop {
        if *refusing.borrow_and_update() {
            listener = None;
            if refusing.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            match TcpListener::bind(state.address).await {
                Ok(bound) => listener = Some(bound),
                Err(_) => tokio::time::sleep(REBIND).await,
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(Arc::clone(&state), stream));
                }
            }
            _ = refusing.changed() => {}
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection until it ends or all are cut.
async fn connection(state: Arc<State>, stream: TcpStream) {
    let mut restarts = state.faults.restarts();
    restarts.mark_unchanged();
    // Small chunks are to leave at once, as from a real server.
    let _without = stream.set_nodelay(true);
    let io: Box<dyn super::Io> = match &state.options.accept {
        None => Box::new(stream),
        Some((_, accept)) => match accept(stream).await {
            Ok(io) => io,
            Err(_) => return,
        },
    };
    let service = hyper::service::service_fn(|request| http::answer(Arc::clone(&state), request));
    let builder = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // An error here is the client's leaving or a cut on purpose.
        _ = builder.serve_connection(TokioIo::new(io), service) => {}
        _ = restarts.changed() => {}
    }
}
