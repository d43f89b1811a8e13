//! The only way into the model: what happened outside of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::action::Action;
use super::key::Key;
use super::state::Tab;
use crate::export::Event;
use crate::export::publish::CatalogState;
use crate::feed::{Catalog, Change, Problem};
use crate::ksql::describe::SourceName;
use crate::lake::verify::{Finding, Report};
use crate::lake::{
    CommitsDiff, DayState, History, Metadata, Owner, PartitionUsage, ReplacedSet, VersionsDiff,
};
use crate::log::{Month, MonthLog, Record};
use crate::{Error, Result};

/// Something that happened.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one message at a time is on its way; a box would be paid for by every key
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted (bracketed paste).
    Paste(String),
    /// The mouse was clicked on something that a frame showed.
    Click(Target),
    /// The wheel was turned by one notch.
    Wheel {
        /// Towards the end.
        down: bool,
    },
    /// The terminal has this size, in cells.
    Resize {
        /// Columns.
        width: u16,
        /// Lines.
        height: u16,
    },
    /// The terminal has the focus, or lost it.
    Focus(bool),
    /// The time is `now`. Sent before other messages of a batch when time has passed, and at [`super::App::next_deadline`].
    Tick {
        /// The time.
        now: DateTime<Utc>,
    },
    /// The folders of feeds, as they are now.
    Catalog(Catalog),
    /// What the lake holds of a feed.
    Dataset {
        /// The feed.
        feed: String,
        /// The dataset's `_metadata.json`; `None` where there is none yet.
        metadata: Result<Option<Metadata>>,
        /// What a walk over its folders found, or why they cannot be read; `None` when nobody looked.
        usage: Option<Result<Vec<PartitionUsage>>>,
    },
    /// What catalogues show of a feed's dataset, by the records of what was published.
    Catalogs {
        /// The feed.
        feed: String,
        /// A state for each catalogue.
        states: Vec<CatalogState>,
    },
    /// Free bytes on the lake's disk.
    Disk {
        /// So many.
        free: u64,
    },
    /// What is known of each day of a feed's dataset, as asked for by `LoadDays`.
    Days {
        /// The feed.
        feed: String,
        /// What is known.
        days: Result<Days>,
    },
    /// The commits of a dataset, as asked for by `LoadHistory`.
    History {
        /// The feed.
        feed: String,
        /// What became of it.
        history: Result<History>,
    },
    /// What differs between two states, as asked for by `LoadDifference`.
    Difference {
        /// The feed.
        feed: String,
        /// What was compared.
        compared: (String, String),
        /// What differs.
        found: Result<Difference>,
    },
    /// A dataset was checked, and mended where that was asked for.
    Checked {
        /// The feed.
        feed: String,
        /// When.
        at: DateTime<Utc>,
        /// Every row was read.
        deep: bool,
        /// What was mended; `None` when nothing was to be.
        mended: Option<Vec<Finding>>,
        /// What is found now.
        report: Result<Report>,
    },
    /// A repair did nothing: it would take more rows from readers than it may without the operator's consent.
    RepairRefused {
        /// The feed.
        feed: String,
        /// Every row is to be read.
        deep: bool,
        /// How many rows, of how many, in how many files.
        what: String,
    },
    /// The feeds whose dataset another process holds, all of them, with its name.
    Locks(BTreeMap<String, Owner>),
    /// The engine of this process tells.
    Engine(Event),
    /// The server answered, or did not.
    Health {
        /// When.
        at: DateTime<Utc>,
        /// What it said.
        server: Result<ServerInfo>,
    },
    /// The server's streams and tables.
    Sources(Result<Vec<SourceName>>),
    /// The months of which there is a log, oldest first.
    Months(Vec<Month>),
    /// One month of the log, as asked for by `LoadLog`.
    Log {
        /// The month.
        month: Month,
        /// The month's records.
        log: Result<MonthLog>,
    },
    /// Records that were written just now, oldest first.
    LogAppended(Vec<Record>),
    /// The files of a partition, as asked for by `LoadFiles`.
    Files {
        /// The feed.
        feed: String,
        /// The partition's folder below the dataset.
        partition: String,
        /// The partition's files, by name.
        files: Result<Vec<FileInfo>>,
    },
    /// Rows of a file, as asked for by `LoadRows`.
    Rows {
        /// The file.
        path: PathBuf,
        /// The file's rows.
        grid: Result<Grid>,
    },
    /// How a feed would be read now, as asked for by `LoadPlan`.
    Plan {
        /// The feed.
        feed: String,
        /// In words.
        plan: Result<PlanText>,
    },
    /// The editor was left.
    EditorClosed {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file now (nothing when it is valid), or why the editor did not run.
        problems: Result<Vec<Problem>>,
    },
    /// An effect was carried out.
    Done {
        /// In words, for a toast; empty when there is nothing to say.
        text: String,
        /// Changes that `u` takes back, in the order in which they were made; empty when there are none.
        undo: Vec<Change>,
    },
    /// An effect failed.
    Failed(Error),
    /// When each feed with a schedule runs next, all of them.
    Schedules(BTreeMap<String, DateTime<Utc>>),
}

/// What the mouse can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The name of a tab.
    Tab(Tab),
    /// A row of the list in front, by its index in the order that is shown (not in the window).
    Row(usize),
    /// The head of a column, from 0: sorts by it.
    Column(usize),
    /// A hint at the foot.
    Hint(Action),
    /// Beside an overlay: closes it.
    Outside,
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// `ksqlDB 7.6.1, RUNNING`
    pub text: String,
    /// The server's address without credentials.
    pub url: String,
}

/// What differs between two states of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Of a table.
    Versions {
        /// Rows.
        found: VersionsDiff,
        /// The values of rows may be shown.
        may_show: bool,
    },
    /// Of a stream.
    Commits(CommitsDiff),
}

/// What is known of the days of a dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Days {
    /// Rows, offsets, gaps, seals.
    pub states: Vec<DayState>,
    /// What new exports of days have replaced, the oldest first.
    pub replaced: Vec<ReplacedSet>,
}

/// A file of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// The file's name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Size, bytes.
    pub bytes: u64,
    /// Rows, as its footer says, or why the footer cannot be read.
    pub rows: std::result::Result<u64, String>,
    /// When it was written.
    pub modified: Option<DateTime<Utc>>,
    /// The run that wrote it.
    pub run: Option<String>,
    /// The object, of a file that lies in the cold tier and not on this disk.
    pub cold: Option<String>,
}

/// Some rows of a file as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grid {
    /// The columns, in the order of the file.
    pub columns: Vec<GridColumn>,
    /// Index of the first row in the file.
    pub from: u64,
    /// Rows of the whole file.
    pub total: u64,
    /// A text for each column of each row; NULL is the empty option.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A column of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridColumn {
    /// The column's name.
    pub name: String,
    /// The column's Arrow type.
    pub arrow_type: String,
    /// The column's values are numbers, which stand at the right.
    pub numeric: bool,
}

/// How a feed would be read now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanText {
    /// The source as the server names it.
    pub source: String,
    /// The way of reading and what it promises.
    pub guarantee: String,
    /// Upper bound of the rows to come.
    pub expected: Option<u64>,
    /// The statements that the server would get.
    pub queries: Vec<String>,
    /// The columns of the files to come.
    pub columns: Vec<PlanColumn>,
    /// Difference to the columns of the lake that `accept-schema` would take over; empty when there is none.
    pub changes: Vec<String>,
}

/// A column of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanColumn {
    /// The column's name in the files.
    pub name: String,
    /// The column's type as ksqlDB spells it.
    pub ksql_type: String,
    /// The column's Arrow type.
    pub arrow_type: String,
}
