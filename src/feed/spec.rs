//! The meaning of a feed file.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// One feed: a ksqlDB source and how the lake keeps it. Made by parsing only, so every value is legal.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// The feed's name, equal to the stem of its file: `[A-Za-z0-9_-]{1,128}`.
    pub name: String,
    /// Stream or table.
    pub kind: FeedKind,
    /// The source as the feed writes it, without backticks; ksqlDB may show it in upper case
    /// (see [`Feed::source_candidates`]).
    pub source: String,
    /// Free text.
    pub description: String,
    /// How rows become folders.
    pub partitioning: Partitioning,
    /// What an export does to what is there.
    pub storage_mode: StorageMode,
    /// Codec of the Parquet pages.
    pub compression: Compression,
    /// Streams: partitions whose date is more than this many days ago are removed. `None` keeps for ever.
    pub retention_days: Option<u32>,
    /// Streams: sealed partitions whose date is more than this many days ago move to the cold tier. `None`: none by its age.
    pub tier_after_days: Option<u32>,
    /// Tables: how many snapshots stay, at least 1.
    pub keep_versions: u32,
    /// Tables: how much smaller than the version before it a snapshot may be, in percent; `None`: as configured.
    pub shrink_limit: Option<u32>,
    /// Modes of folders and files.
    pub visibility: Visibility,
    /// The way in which a stream is read.
    pub read: ReadMode,
    /// End when caught up, or stay.
    pub mode: ExportMode,
    /// When the watcher exports it on its own.
    pub schedule: Option<Schedule>,
    /// New names of columns, by the name that ksqlDB shows.
    pub rename: BTreeMap<String, String>,
    /// Columns that are not exported, as ksqlDB names them.
    pub exclude_columns: Vec<String>,
    /// Streams: keep ROWTIME, ROWPARTITION and ROWOFFSET as columns.
    pub row_metadata: bool,
    /// How types are written that not every reader knows.
    pub types: Types,
    /// Table formats whose log is written beside the files.
    pub table_format: Vec<TableFormat>,
    /// The catalogues in which the dataset is a table.
    pub catalog: Vec<CatalogName>,
    /// How compaction lays files out.
    pub layout: FileLayout,
    /// A disabled feed is shown and not exported.
    pub enabled: bool,
    /// When the feed was made.
    pub created_at: Option<DateTime<Utc>>,
}

/// Stream or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FeedKind {
    /// Events, appended.
    Stream,
    /// State, taken as snapshots.
    Table,
}

/// How rows become folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partitioning {
    /// Streams: `year=/month=/day=[/hour=]`.
    Date {
        /// How deep: a prefix of year, month, day, hour; at least one.
        columns: Vec<DatePart>,
        /// The column that gives the time, as ksqlDB names it; `None` is ROWTIME.
        timestamp_column: Option<String>,
        /// The zone in which a day begins.
        timezone: chrono_tz::Tz,
    },
    /// Tables: `version=vN`.
    Version,
}

/// A level of date folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatePart {
    /// `year=2025`
    Year,
    /// `month=01`
    Month,
    /// `day=15`
    Day,
    /// `hour=07`
    Hour,
}

/// What an export does to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageMode {
    /// Streams: new rows are added.
    Append,
    /// Tables: a new version takes the place of the old one.
    Overwrite,
    /// Exported once, and never again while data is there.
    Ignore,
}

/// Codec of the Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// zstd; the level, or `None` for the program's default.
    Zstd(Option<i32>),
    /// snappy
    Snappy,
    /// LZ4_RAW
    Lz4,
    /// No compression.
    None,
}

/// How columns are encoded in a file. The configuration says it, for all feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encodings {
    /// PLAIN and dictionaries: every reader knows them.
    Portable,
    /// DELTA encodings too, where they make the file smaller: some readers refuse them or read them wrong.
    Compact,
}

/// How types are written that not every reader knows: as text by default, which all of them read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Types {
    /// TIME.
    pub time: TimeAs,
    /// DECIMAL of more than 38 digits.
    pub decimal: DecimalAs,
}

/// A table format, whose log is written beside the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Delta Lake.
    Delta,
    /// Apache Iceberg.
    Iceberg,
}

/// A catalogue of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogName {
    /// Hive Metastore.
    Hive,
    /// AWS Glue.
    Glue,
}

/// As what a dataset is registered in a catalogue. The configuration says it, for all feeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Register {
    /// As a table of its first table format, else as Parquet.
    #[default]
    Auto,
    /// As Parquet files in partitions.
    Parquet,
    /// As an Iceberg table where it is one, else as Parquet.
    Iceberg,
    /// As a Delta table where it is one, else as Parquet.
    Delta,
}

/// How compaction lays the files of a partition out. Columns are named as readers see them.
#[derive(Debug, Clone, PartialEq)]
pub struct FileLayout {
    /// The columns by which rows are sorted, ascending, null first; none: rows stay in the order in which they came.
    pub sort_by: Vec<String>,
    /// Columns with a Bloom filter.
    pub bloom_filters: Vec<String>,
    /// How often a Bloom filter may say of a value that is not there that it may be: above 0 and below 1.
    pub bloom_fpp: f64,
}

impl Default for FileLayout {
    fn default() -> Self {
        Self { sort_by: Vec::new(), bloom_filters: Vec::new(), bloom_fpp: 0.01 }
    }
}

/// How a TIME is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeAs {
    /// `HH:MM:SS.mmm`, which sorts as the times do.
    #[default]
    Text,
    /// Parquet's TIME in microseconds.
    Time,
}

/// How a DECIMAL of more than 38 digits is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalAs {
    /// All digits, with as many behind the point as its scale says: `-12.340`.
    #[default]
    Text,
    /// Parquet's DECIMAL of up to 76 digits.
    Decimal256,
}

/// Who may read the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Folders 0750, files 0640.
    Restricted,
    /// Folders 0755, files 0644.
    Shared,
}

/// How a stream is read; see the contract, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// The best that the server offers for this source.
    Auto,
    /// The stream's topic itself, from the brokers.
    Kafka,
    /// A push query over a stream that declares the topic as bytes.
    Raw,
    /// A push query bounded by the log's end offsets.
    Offsets,
    /// A push query without a known end: caught up after a quiet time.
    Idle,
}

/// End when caught up, or stay on the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportMode {
    /// Catch up, then end.
    Batch,
    /// Stay and commit as rows come.
    Follow,
}

/// When a feed is exported on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// A cron line of five fields, checked.
    Cron(String),
    /// `every 15m`
    Every(std::time::Duration),
}

impl Visibility {
    /// Whether values of rows may stand in logs, on the terminal and in errors.
    pub fn shows_values(self) -> bool {
        self == Self::Shared
    }

    /// Mode of the dataset's folders.
    pub fn dir_mode(self) -> u32 {
        match self {
            Self::Restricted => 0o750,
            Self::Shared => 0o755,
        }
    }

    /// Mode of the dataset's files.
    pub fn file_mode(self) -> u32 {
        match self {
            Self::Restricted => 0o640,
            Self::Shared => 0o644,
        }
    }
}

impl Feed {
    /// The folder of the dataset below `streams/` or `tables/`: the source name in lower case.
    pub fn dataset(&self) -> String {
        self.source.to_lowercase()
    }

    /// How the feed is read and why, as its file says.
    pub fn way_in_words(&self) -> &'static str {
        match (self.kind, self.read) {
            (FeedKind::Table, ReadMode::Kafka) => {
                "read whole, the newest row of each key in its topic itself, as \"read\": \"kafka\" says"
            }
            (FeedKind::Table, _) => "read whole, by a scan of ksqlDB's state",
            (_, ReadMode::Kafka) => "read from its topic itself, as \"read\": \"kafka\" says",
            (_, ReadMode::Auto) => {
                "read from its topic where that was proved to give the same rows, else through ksqlDB (\"read\": \"auto\")"
            }
            (_, ReadMode::Raw) => "read through ksqlDB from the topic as bytes, as \"read\": \"raw\" says",
            (_, ReadMode::Offsets) => "read through ksqlDB by offset, as \"read\": \"offsets\" says",
            (_, ReadMode::Idle) => "read through ksqlDB until it is quiet, as \"read\": \"idle\" says",
        }
    }

    /// The names under which ksqlDB may show the source, best first: as written, then in upper case, to which ksqlDB
    /// turns every name that stands without backticks in a statement. The first that its LIST shows is meant.
    pub fn source_candidates(&self) -> Vec<String> {
        let upper = self.source.to_uppercase();
        if upper == self.source { vec![upper] } else { vec![self.source.clone(), upper] }
    }
}
