//! Record batches become committed files.
//!
//! ```text
//!   Dataset::open        folders, lock, recovery, metadata
//!      │ appender / snapshot
//!      ▼
//!   route ─▶ writer ─▶ footer      a batch is cut by partition, goes to one open file a folder, rolled by size
//!      ├ present                   rows as files hold them: types that every reader knows
//!      ├ scatter                   scattered rows wait until there are enough for each partition
//!      │        ├ properties        how a file is written: codec, pages, statistics
//!      │        ├ encoding          how each column is encoded, decided from a sample
//!      │        ├ open_file         one file, from its first row to its footer
//!      │        └ encoder           columns of open files, encoded by the threads of the pool
//!      ▼
//!   transaction          actions, gathered: files come, leave and come back, marks, positions
//!      ▼
//!   commit               staging ─▶ intent ─▶ renames ─▶ metadata; recovery finishes or forgets
//!
//!   seal      days that are complete bear `_SUCCESS`      replace   a day exported again takes the place of its files
//!   replaced  what such swaps put aside, and undo: the files of before back in their places
//!   history   what became of it commit by commit, and what differs between two of its states
//!   check     the disk against its records, and repair    completeness   what is held of each day
//!
//!   layout names and paths · metadata and rebuild · schema evolution · lock · quarantine · retention · usage · fs
//! ```
//!
//! The only user of parquet. Blocking code: no tokio, no network. Time is passed in.

pub(crate) mod file;
pub(crate) mod fs;
pub(crate) mod history;
pub(crate) mod layout;
pub(crate) mod manifest;
pub(crate) mod ops;
mod report;
pub(crate) mod stats;
pub(crate) mod txn;
pub mod verify;
pub(crate) mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::cancel::Cancel;
use crate::feed::Encodings;
use crate::pool::Pool;

pub use file::footer::{Footer, FooterRead, look_at_footer, read_footer};
pub use file::preview::{Grid, preview};
pub use file::readers::{Trouble, troubles};
pub use fs::{Faults, Op};
pub use history::{
    Asked, CommitEntry, CommitKind, CommitsDiff, Held, History, LogVersion, PartitionDiff, RowChange,
    RowKind, ValueChange, VersionsDiff, diff_commits, diff_versions, history, set_after,
};
pub use layout::places::{books_of, can_exchange_folders, watched};
pub use manifest::facts::nothing_yet;
pub use manifest::last_row::LastRow;
pub use manifest::log::LogIdentity;
pub use manifest::loss::{LossCause, LostRecords};
pub use manifest::metadata::{ColumnInfo, LastFailure, Metadata, PendingDecision, RunRecord, read_metadata};
pub use manifest::offsets::{OffsetRanges, Ranges};
pub use manifest::partition::{ColdPart, PartitionInfo};
pub use manifest::pin::Pin;
pub use manifest::schema::{Change, ColumnChange, RunInfo, TableSchema};
pub use manifest::source_check::{CheckOutcome, CheckedRange, Holds, SourceCheck, SourceDifference};
pub use manifest::table::{DeltaTable, IcebergTable};
pub use manifest::without_row;
pub use manifest::writers::StoppedQuery;
pub use ops::append::{Appender, Commit};
pub use ops::compact::{
    ColumnFacts, CompactRules, CompactWork, Compacted, DueCompactions, DueDay, PassedOver, column_facts,
    compaction_due,
};
pub use ops::log::Reset;
pub use ops::pin::{Target, pins};
pub use ops::replace::Replacer;
pub use ops::replaced::{ReplacedSet, replaced};
pub use ops::retention::{BeforeRun, Clock, RemovedPartition, RetentionRules};
pub use ops::snapshot::Snapshot;
pub use ops::tier::{
    ColdFile, Cooled, CopiesDue, Due, DueCold, Freed, Gone, HomeComing, LocalFile, NotDue, TierLock,
    TierRules, Warmed, candidates as tier_candidates, cold_files, content_hash, copies_due, due as tier_due,
    gone as tier_gone, reason_to_stay as tier_reason_to_stay, refusal as tier_refusal,
};
pub use ops::undo::{Bundle, Undone, undo_preview};
pub use ops::undo_version::rollback_preview;
pub use report::{Committed, Quarantined, RollReasons, WriterStats};
pub use stats::completeness::{DayState, PartitionState, completeness};
pub use stats::forecast::{Growth, growth};
pub use stats::hint::{LayoutHint, layout_hint};
pub use stats::usage::{Amount, PartitionUsage, usage};
pub use txn::dataset::{Dataset, Recovery};
pub use txn::lock::{Holder, lock_holder};
pub use txn::migrate::{MetadataMoved, move_metadata};
pub use txn::published::{Publication, read_publication};
pub use txn::table::{TableMade, TableRemoved};
pub use verify::gaps::{Gap, Why};
pub use write::columns::{FileColumn, columns_of_files};
pub use write::present::KSQL_TYPE;

/// The data lake: a folder with `streams/` and `tables/` below it.
#[derive(Clone)]
pub struct Lake {
    root: PathBuf,
    fs: fs::Fs,
    seal_after: Option<std::time::Duration>,
    retention: RetentionRules,
    metadata_apart: Option<bool>,
    pool: Arc<Pool>,
    /// Asked by checks and repairs, at points where stopping leaves nothing half done.
    cancel: Cancel,
}

impl Lake {
    /// The lake at `root`; nothing is touched before [`Dataset::open`].
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            fs: fs::Fs::default(),
            seal_after: None,
            retention: RetentionRules::default(),
            metadata_apart: None,
            pool: Arc::new(Pool::new(1)),
            cancel: Cancel::default(),
        }
    }

    /// A lake whose changes to the file system are looked at by `faults` first: for tests.
    pub fn with_faults(root: impl Into<PathBuf>, faults: Arc<dyn Faults>) -> Self {
        Self { fs: fs::Fs::with_faults(faults), ..Self::new(root) }
    }

    /// The same lake, which seals a partition of a stream when the lake is complete this long beyond its end.
    #[must_use]
    pub fn sealing_after(self, seal_after: Option<std::time::Duration>) -> Self {
        Self { seal_after, ..self }
    }

    /// The same lake, from which data leaves by these rules.
    #[must_use]
    pub fn retaining(self, retention: RetentionRules) -> Self {
        Self { retention, ..self }
    }

    /// The same lake, whose metadata and seals are apart from the data, in `_lakehand/`, or in the datasets' folders.
    /// Without this they stay where they are; new ones are in the folder.
    #[must_use]
    pub fn with_metadata_apart(self, apart: bool) -> Self {
        Self { metadata_apart: Some(apart), ..self }
    }

    /// Works with so many threads, shared by all datasets of this value and its clones; one without this.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { pool: Arc::new(Pool::new(threads)), ..self }
    }

    /// The same lake, whose checks and repairs end with `Kind::Interrupted` when `cancel` asks them to.
    #[must_use]
    pub fn stopped_by(self, cancel: Cancel) -> Self {
        Self { cancel, ..self }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a feed's dataset. `Kind::Feed` when its name cannot be a folder's.
    pub fn dataset_dir(&self, feed: &crate::feed::Feed) -> crate::Result<PathBuf> {
        let (kind, name) = layout::dataset_parts(feed)?;
        Ok(self.root.join(kind).join(name))
    }

    fn fs(&self) -> &fs::Fs {
        &self.fs
    }

    /// Free bytes on the lake's file system.
    pub fn free_bytes(&self) -> crate::Result<u64> {
        self.fs.free_bytes(&self.root)
    }

    /// The threads that decode and encode.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }
}

/// What an export may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory for everything that one dataset's export buffers, bytes.
    pub memory_bytes: usize,
    /// Size at which a file is closed and the next one begun, bytes as written.
    pub target_file_bytes: u64,
    /// Free space that stays on the lake's file system, bytes.
    pub min_free_bytes: u64,
    /// How much smaller than the version before it a snapshot may be where the feed does not tell, percent.
    pub shrink_limit: u32,
    /// zstd level of feeds that name none.
    pub zstd_level: i32,
    /// How columns are encoded.
    pub encodings: Encodings,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            target_file_bytes: 128 << 20,
            min_free_bytes: 512 << 20,
            shrink_limit: 50,
            zstd_level: 1,
            encodings: Encodings::Portable,
        }
    }
}

/// Who holds a dataset; it is the content of the lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The program and what it does: `lakehand export`.
    pub what: String,
    /// The holder's process.
    pub pid: u32,
    /// The holder's machine.
    pub host: String,
    /// Since when it holds the dataset.
    pub since: DateTime<Utc>,
}
