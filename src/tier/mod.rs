//! The cold store: where files lie that left the local disk. An object has a key below the store's address, and is never changed.
//!
//! ```text
//!  put(key, file) ── hashed while it is sent ─▶ object of one request, or parts ─┐   never over another object
//!                       parts that arrived are noted in a file: a stopped        │
//!                       upload goes on behind them                               ▼
//!  read_back(key) ◀──────────── all bytes, hashed anew ◀──────── s3:// · az:// · file:// · tests' own
//!  settle(key)        a class that cannot be read at once is given only after that
//!  state · request_restore     what lies in an archive is asked for, and waited for
//! ```
//!
//! Every call blocks; it must come from a thread that may. Several threads share one store, and with it its limits of bandwidth and
//! memory. Nothing here knows what the files are: days, their states and the switch of readers belong to who calls.
//!
//! Missing is what the store itself says of an object. A bucket that is not there, an archive disk that is not mounted and an answer
//! that did not come are errors.

mod class;
mod fault;
mod folder;
mod limit;
mod open;
mod parts;
mod put;
mod read;
mod resume;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::multipart::MultipartStore;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};

pub use crate::cancel::Cancel;
use crate::config::ColdConfig;
use crate::error::{Error, Kind, Result};
use crate::hash::ContentHash;
use class::Service;
use limit::Limits;

/// The object that `probe` writes and takes away again.
const PROBE: &str = ".lakehand-probe";

/// Bytes and their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How many.
    pub bytes: u64,
    /// What they are.
    pub hash: ContentHash,
}

/// What a put came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object was made.
    Created,
    /// An object of this name and size was there. Its content was not looked at.
    AlreadyThere,
}

/// How an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectState {
    /// There is none.
    Missing,
    /// It can be read.
    Ready {
        /// Its size.
        bytes: u64,
    },
    /// It lies in an archive; a restore must be asked for.
    Archived {
        /// Its size.
        bytes: u64,
    },
    /// A restore was asked for and is not done.
    Restoring {
        /// Its size.
        bytes: u64,
    },
}

/// An object as a listing has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its size.
    pub bytes: u64,
    /// Its storage class, where the listing tells it. Those of `object_store` do not: [`ColdStore::state`] asks.
    pub storage_class: Option<String>,
}

/// What a long call looks at and tells while it works.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// Looked at all the time; the call ends with [`Kind::Interrupted`].
    pub cancel: &'a Cancel,
    /// Told how many bytes went on, each time some did.
    pub advance: &'a (dyn Fn(u64) + Sync),
}

/// A cold store. Its clones are the same store.
#[derive(Clone)]
pub struct ColdStore(Arc<Inner>);

struct Inner {
    store: Arc<dyn ObjectStore>,
    /// The same, for files in parts.
    parts: Arc<dyn MultipartStore>,
    /// What `object_store` has no word for.
    service: Service,
    /// The address as it is configured, without a slash at the end.
    url: String,
    /// Put before each key, with a slash at the end unless it is empty.
    prefix: String,
    config: ColdConfig,
    limits: Limits,
    runtime: Runtime,
}

/// The runtime of the network. It may be dropped anywhere, even by a thread of another runtime.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for ColdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColdStore({})", self.0.url)
    }
}

impl ColdStore {
    /// Opens the store of the configuration. It does not connect.
    ///
    /// # Errors
    /// [`Kind::Config`] when there is none, or what is configured cannot be used; [`Kind::Unreachable`] when a folder is not there.
    pub fn open(config: &ColdConfig) -> Result<Self> {
        let env = |name: &str| std::env::var(name).ok();
        let opened = open::open(config, &env)?;
        Self::new(opened.store, opened.parts, opened.service, opened.prefix, config)
    }

    /// A store that somebody else made: in memory, or with faults. Its limits and classes are those of `config`; `url` names it and
    /// has no prefix.
    ///
    /// # Errors
    /// [`Kind::Bug`] when no threads can be had.
    pub fn with_store<S: ObjectStore + MultipartStore>(
        store: Arc<S>,
        url: &str,
        config: &ColdConfig,
    ) -> Result<Self> {
        let config = ColdConfig { url: url.to_owned(), ..config.clone() };
        Self::new(Arc::clone(&store) as _, store, Service::Plain, String::new(), &config)
    }

    fn new(
        store: Arc<dyn ObjectStore>,
        parts: Arc<dyn MultipartStore>,
        service: Service,
        prefix: String,
        config: &ColdConfig,
    ) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(config.parallel).max(1);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("cold-store")
            .enable_all()
            .build()
            .map_err(|e| Error::new(Kind::Bug, format!("threads for the cold store cannot be had: {e}")))?;
        Ok(Self(Arc::new(Inner {
            store,
            parts,
            service,
            url: config.url.trim_end_matches('/').to_owned(),
            prefix: if prefix.is_empty() { prefix } else { format!("{prefix}/") },
            limits: Limits::new(config.max_bytes_per_second, config.memory_bytes),
            config: config.clone(),
            runtime: Runtime(Some(runtime)),
        })))
    }

    /// The address of the store; it holds no credentials.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The address of an object, as readers take it.
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.0.url)
    }

    /// Whether the store is there, and may be listed, written, read and deleted from: a small object comes and goes.
    ///
    /// # Errors
    /// What is missing, with what to check.
    pub fn probe(&self) -> Result<()> {
        let key = self.key(&format!("{PROBE}-{:016x}", fastrand::u64(..)))?;
        let doing = |error: &object_store::Error, doing: &str| fault::error(doing, self.url(), "", error);
        self.run(async {
            let store = &self.0.store;
            let prefix = self.0.prefix.trim_end_matches('/');
            let below = Key::parse(prefix).map_err(|error| self.bad_key(prefix, &error))?;
            let first = store.list(Some(&below)).next().await.transpose();
            first.map_err(|error| doing(&error, "list the cold store"))?;
            let body = "lakehand was here";
            let put = store.put(&key, body.into()).await;
            put.map_err(|error| doing(&error, "write to the cold store"))?;
            let read = match store.get(&key).await {
                Ok(answer) => answer.bytes().await,
                Err(error) => Err(error),
            };
            let removed = store.delete(&key).await;
            let read = read.map_err(|error| doing(&error, "read from the cold store"))?;
            if read.as_ref() != body.as_bytes() {
                return Err(Error::new(
                    Kind::Damaged,
                    "the cold store gives back other bytes than were written",
                )
                .at("store", self.url()));
            }
            removed.map_err(|error| doing(&error, "delete in the cold store"))
        })
    }

    /// Everything below a prefix, by key. An empty prefix is the whole store.
    ///
    /// # Errors
    /// When the listing is not whole.
    pub fn list(&self, prefix: &str) -> Result<BTreeMap<String, Object>> {
        let full = format!("{}{prefix}", self.0.prefix);
        let full = full.trim_end_matches('/');
        let below = Key::parse(full).map_err(|error| self.bad_key(prefix, &error))?;
        let below = (!full.is_empty()).then_some(below);
        self.run(async {
            let mut objects = BTreeMap::new();
            let mut listing = self.0.store.list(below.as_ref());
            loop {
                let next = listing.try_next().await;
                let next =
                    next.map_err(|error| fault::error("list the cold store", self.url(), prefix, &error))?;
                let Some(found) = next else { break };
                let Some(key) = found.location.as_ref().strip_prefix(self.0.prefix.as_str()) else {
                    continue;
                };
                if key.starts_with(PROBE) || key == folder::MARK {
                    continue;
                }
                objects.insert(key.to_owned(), Object { bytes: found.size, storage_class: None });
            }
            Ok(objects)
        })
    }

    /// Removes objects; one that is not there is no error. Uploads that were begun are not touched: see [`ColdStore::abandon`].
    ///
    /// # Errors
    /// The first that could not be removed; others may be gone.
    pub fn remove(&self, keys: &[String]) -> Result<()> {
        let parsed: Vec<_> = keys.iter().map(|key| self.key(key)).collect::<Result<_>>()?;
        self.run(async {
            let all = futures_util::stream::iter(parsed.into_iter().map(Ok)).boxed();
            let mut results = self.0.store.delete_stream(all);
            let mut failed = None;
            while let Some(result) = results.next().await {
                if let Err(error) = result
                    && !fault::is_missing(&error)
                {
                    let error = fault::error("delete objects in the cold store", self.url(), "", &error);
                    failed = failed.or(Some(error));
                }
            }
            failed.map_or(Ok(()), Err)
        })
    }

    /// The key as the store has it. `Key::from` would write `%` in another way.
    fn key(&self, key: &str) -> Result<Key> {
        if key.is_empty() || key.starts_with('/') || key.ends_with('/') {
            return Err(Error::new(Kind::Bug, "a key of an object is empty, or begins or ends with a slash")
                .at("key", key));
        }
        Key::parse(format!("{}{key}", self.0.prefix)).map_err(|error| self.bad_key(key, &error))
    }

    fn bad_key(&self, key: &str, error: &object_store::path::Error) -> Error {
        Error::new(Kind::Refused, format!("the name cannot be that of an object: {error}"))
            .at("object", key)
            .at("store", self.url())
    }

    /// Runs something of the network to its end on this thread, which must be one that may block: a task of a runtime panics here.
    fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = self.0.runtime.0.as_ref();
        let runtime = runtime.ok_or_else(|| Error::new(Kind::Bug, "the cold store is closed"))?;
        self.0.service.check()?;
        runtime.block_on(work)
    }

    /// As [`ColdStore::run`], and ends when somebody asks to stop.
    fn run_until<T>(&self, cancel: &Cancel, work: impl Future<Output = Result<T>>) -> Result<T> {
        cancel.check()?;
        self.run(async {
            tokio::select! {
                result = work => result,
                error = stopped(cancel) => Err(error),
            }
        })
    }

    fn error(&self, doing: &str, key: &str, error: &object_store::Error) -> Error {
        fault::error(doing, self.url(), key, error)
    }
}

/// Ends when somebody asks to stop.
async fn stopped(cancel: &Cancel) -> Error {
    loop {
        if let Err(error) = cancel.check() {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
