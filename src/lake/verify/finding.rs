//! What a check finds, and what mends it.

use std::fmt;

/// One thing that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `streams/payments`
    pub dataset: String,
    /// What sort of thing.
    pub kind: FindingKind,
    /// How bad.
    pub severity: Severity,
    /// Where, below the dataset; empty for the dataset itself.
    pub path: String,
    /// A sentence.
    pub what: String,
    /// What would mend it; `None`: only a person can.
    pub repair: Option<Repair>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is wrong; it is worth knowing.
    Note,
    /// Left behind by a stopped run: the next export tidies it up by itself.
    Leftover,
    /// The disk is not what its records say.
    Damage,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal),+ $(,)?) => {
        /// What sort of thing is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind { $($(#[doc = $doc])+ $name),+ }

        impl FindingKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word used in `--json`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

kinds! {
    /// A file of no bytes lies in the data.
    Empty = "empty",
    /// A Parquet file has no footer, or one that cannot be read.
    Unreadable = "unreadable",
    /// A file that this dataset did not write lies where readers take it for data.
    Foreign = "foreign",
    /// A symbolic link stands in the dataset.
    Link = "link",
    /// A file belongs to a commit that the metadata does not know.
    Orphan = "orphan",
    /// Files hold rows that others hold too.
    Overlap = "overlap",
    /// Rows lie in another folder than their time says.
    WrongDay = "wrong-day",
    /// A file's columns have other types than the dataset's.
    MixedSchema = "mixed-schema",
    /// Reading the rows shows other offsets than the footer tells.
    FooterLies = "footer-lies",
    /// The metadata names a partition of which nothing is there.
    MissingPartition = "missing-partition",
    /// A partition holds fewer rows than the metadata counts.
    MissingRows = "missing-rows",
    /// The metadata's counts are not those of the files.
    WrongCounts = "wrong-counts",
    /// There are files, and no metadata.
    NoMetadata = "no-metadata",
    /// The metadata cannot be understood.
    BadMetadata = "bad-metadata",
    /// The metadata speaks of another dataset.
    OtherMetadata = "other-metadata",
    /// The metadata is older than the files.
    StaleMetadata = "stale-metadata",
    /// A file could not be read, or a partition could not be reached: nothing is known of it, and nothing is moved.
    Unknown = "unknown",
    /// A file's content is not what was written.
    Changed = "changed",
    /// A file that was put aside and may be put back is damaged.
    BrokenReplaced = "broken-replaced",
    /// The list of the files of each commit is gone, or was changed.
    BadJournal = "bad-journal",
    /// A file lies in another version than it was written for.
    WrongVersion = "wrong-version",
    /// The metadata says of offsets that files hold them, and none does.
    HeldAhead = "held-ahead",
    /// A partition is a link to another place.
    Elsewhere = "elsewhere",
    /// Files hold offsets that the metadata would read again.
    PositionBehind = "position-behind",
    /// A version folder that the metadata does not name.
    UnnamedVersion = "unnamed-version",
    /// The metadata's current version is not the newest one that is there.
    TwoVersions = "two-versions",
    /// More versions than the feed keeps.
    OldVersion = "old-version",
    /// A file or folder has another mode than the feed's visibility says.
    WrongMode = "wrong-mode",
    /// A commit was decided and not finished.
    UnfinishedCommit = "unfinished-commit",
    /// A commit was decided and cannot be finished.
    BrokenCommit = "broken-commit",
    /// A stopped run left files in staging.
    LeftoverStaging = "leftover-staging",
    /// A partition's seal and the metadata disagree.
    WrongSeal = "wrong-seal",
    /// The count of rows in quarantine is not that of the files.
    QuarantineCount = "quarantine-count",
    /// Rows are in quarantine.
    Quarantined = "quarantined",
    /// Offsets between those held that no file holds.
    Gap = "gap",
    /// A repair or an undo has noted that rows are no longer there.
    Lost = "lost",
    /// The metadata claims that the lake is complete through an instant that is still to come.
    FutureWatermark = "future-watermark",
    /// The metadata names a commit, or a look at the source, of a time that is still to come.
    FutureExport = "future-export",
    /// A partition is sealed that is not over, or of which records are known to be lost.
    GroundlessSeal = "groundless-seal",
    /// The metadata would go on reading beyond the last row that a file holds.
    PositionAhead = "position-ahead",
    /// A snapshot has one primary key more than once.
    DoubledKeys = "doubled-keys",
    /// Retention, `keep_versions` and the purge of the bin leave it alone.
    Pinned = "pinned",
    /// Something waits for a decision of the operator.
    Pending = "pending",
    /// Files that a repair put aside.
    Aside = "aside",
    /// Files that a day exported again has replaced.
    Replaced = "replaced",
    /// Lock, staging, quarantine or replaced files are in the dataset's folder, where readers find them, as before version 0.2.
    OldLayout = "old-layout",
    /// Metadata is in the dataset's folder and in the books.
    TwoMetadata = "two-metadata",
    /// Something that is no data lies in the dataset's folder.
    Stranger = "stranger",
    /// The log of the dataset's table is not there, cannot be read, or names other files than those that are there.
    TableLog = "table-log",
    /// A file that lies in the cold tier is not there, or is not what went there.
    ColdObject = "cold-object",
    /// Objects of cold days lie in an archive, where their contents cannot be read.
    ArchivedObject = "archived-object",
    /// Objects lie beside those of the dataset's days in the cold tier, and no day needs them.
    StrayObject = "stray-object",
    /// Another program has written versions into the log of the dataset's table.
    ForeignVersions = "foreign-versions",
    /// A catalogue does not hold what the lake holds.
    CatalogDrift = "catalog-drift",
    /// A catalogue could not be asked what it holds.
    CatalogUnknown = "catalog-unknown",
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The file goes to `damaged/` in the books.
    MoveAside,
    /// The file goes to this path, below the dataset.
    MoveTo(String),
    /// The mode is set.
    SetMode(u32),
    /// The link is removed; what it leads to stays.
    RemoveLink,
    /// The feed's partitioning is written into the metadata.
    Relayout,
    /// The metadata's counts are made anew from the files; the rest of it stays.
    Recount,
    /// The metadata is made anew from the footers.
    Rebuild,
    /// The decided commit is finished.
    Finish,
    /// The commit is given up: its record and its staged files go to `damaged/` in the books.
    GiveUp,
    /// Staging is emptied: what lies there was never committed and is read again.
    EmptyStaging,
    /// Versions beyond `keep_versions` are removed.
    Retain,
    /// The mark that readers take for a sealed partition is taken away.
    Unseal,
    /// The log of the table is brought to what the dataset holds.
    SyncTable,
    /// What is no data moves to `_lakehand/`, and the older metadata to `damaged/` there.
    Migrate,
}

impl Severity {
    /// The word used in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Leftover => "leftover",
            Self::Damage => "damage",
        }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoveAside => f.write_str("move it to damaged/ in _lakehand/"),
            Self::MoveTo(path) => write!(f, "move it to {path}"),
            Self::SetMode(mode) => write!(f, "set the mode to {mode:04o}"),
            Self::RemoveLink => f.write_str("remove the link; what it leads to is not touched"),
            Self::Relayout => f.write_str("write the feed's partitioning into the metadata"),
            Self::Recount => f.write_str("count the files anew and write the metadata"),
            Self::Rebuild => f.write_str("rebuild the metadata from the footers"),
            Self::Finish => f.write_str("finish the commit"),
            Self::GiveUp => {
                f.write_str("give the commit up and move its staged files to damaged/ in _lakehand/")
            }
            Self::EmptyStaging => {
                f.write_str("empty staging: its rows were not committed and are read again")
            }
            Self::Retain => f.write_str("remove what the feed no longer keeps"),
            Self::Migrate => f.write_str("move it to its place in _lakehand/"),
            Self::SyncTable => f.write_str("bring the table's log to what the dataset holds"),
            Self::Unseal => f.write_str("take the mark away; the partition is sealed again by its rule"),
        }
    }
}
