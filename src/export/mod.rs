//! The engine: a feed becomes a run, a run becomes commits. It knows no screen.
//!
//! ```text
//! engine     takes requests, asks the scheduler (pure) what may start, one thread per job, tells events
//!   ├─ outage    what waits while server or brokers are out of reach (pure)      probe   whether they are there
//!   └─ job       attempts with back-off; lock, recover, plan, read, commit, retention
//!        ├─ plan      source + feed -> the way, spans, schema of the files      log   the same where the log itself is read      raw   where ksqlDB gives its bytes
//!        ├─ auto      what `auto` has to know, the comparison it makes first      choice   the way it takes, and why (pure)
//!        ├─ stream    drives a scan of any way (crate::source); commits as it goes
//!        ├─ stream_sink  rows on their way into the lake      target   where they go: appended, or in place of a day
//!        ├─ last_rows  by which a log is known again that was made anew under its name
//!        ├─ day       one day read again below the positions      proof    both ways of reading a stream compared
//!        ├─ table     one snapshot, whole or not at all      keys   primary keys that came twice
//!        ├─ table_log the same from the log itself      newest  which record is the newest of each key      key_identity  which keys are the same
//!        ├─ tier      sealed days go to the cold store and come home, asked for or behind the export
//!        └─ compact   behind the export, small files become few where the policy says so
//! publish    behind commits, catalogues are brought to what the lake holds; no export waits for one
//! event      what happened (lossless lane)      progress   how far it is (atomic counters, lossy lane)
//! ```
//!
//! A job runs on a thread of its own and blocks there; only the network is asynchronous. Nothing is shared between jobs
//! but the client, so that a slow disk or server holds up one feed and never the program.

pub mod auto;
pub mod choice;
mod compact;
mod context;
mod day;
pub mod engine;
pub mod event;
mod job;
mod key_identity;
mod keys;
mod last_rows;
pub mod log;
mod newest;
mod outage;
pub mod plan;
pub mod prepare;
mod probe;
pub mod progress;
pub mod proof;
pub mod publish;
mod raw;
pub mod scheduler;
mod stream;
mod stream_sink;
mod table;
mod table_log;
mod target;
pub mod tier;

pub use crate::cancel::Cancel;
pub use compact::CompactPolicy;
pub use context::Options;
pub use engine::{Engine, Request, Setup, Work};
pub use event::{Event, Finished, Outcome, Trigger};
pub use job::{host, this_process};
pub use outage::Peer;
pub use progress::{Progress, Stage};

/// What one dataset's writer may hold when `concurrency` exports share `memory` bytes: the queue of received bytes and
/// the decoder's batch come off first.
pub fn writer_budget(memory: usize, concurrency: usize) -> usize {
    const LEAST: usize = 16 << 20;
    let reading = crate::source::ksql::MEMORY.max(crate::source::kafka::MEMORY);
    (memory / concurrency.max(1)).saturating_sub(reading).max(LEAST)
}
