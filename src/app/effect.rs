//! The only way out of the model: what the runtime shall do. Each answers with a message.

use std::path::PathBuf;

use chrono::NaiveDate;

use crate::export::Trigger;
use crate::feed::{Change, NewFeed};
use crate::lake::{Reset, Target};
use crate::log::Month;

/// Something to do outside of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Submit these feeds to the engine.
    Export {
        /// The feeds.
        feeds: Vec<String>,
        /// Why.
        trigger: Trigger,
    },
    /// Export a day of a stream again: read it from the server and swap its files.
    ExportDay {
        /// The feed.
        feed: String,
        /// The day.
        day: NaiveDate,
    },
    /// Put back what the last new export of a day replaced. `Done` or `Failed`.
    UndoDay {
        /// The feed.
        feed: String,
        /// The day.
        day: NaiveDate,
    },
    /// Read the commits of a feed's dataset: `History`.
    LoadHistory(String),
    /// Compare two versions of a table, or two commits of a stream: `Difference`.
    LoadDifference {
        /// The feed.
        feed: String,
        /// A version or a commit.
        from: String,
        /// Another one.
        to: String,
    },
    /// Pin a version or a day, or take its pin away. `Done` or `Failed`.
    Pin {
        /// The feed.
        feed: String,
        /// What is pinned.
        target: Target,
        /// It is to be.
        pinned: bool,
    },
    /// Make a version current again, or take a commit of a day back. `Done` or `Failed`.
    Rollback {
        /// The feed.
        feed: String,
        /// The version or the day.
        target: Target,
        /// Of a day: the commit whose set of the bin comes back.
        set: Option<String>,
    },
    /// Make few files of the small ones of a dataset, of this day alone where one is named.
    Compact {
        /// The feed.
        feed: String,
        /// The day.
        day: Option<NaiveDate>,
    },
    /// Move what is due of a dataset to the cold tier, or this day alone, whatever its age.
    Tier {
        /// The feed.
        feed: String,
        /// The day.
        day: Option<NaiveDate>,
    },
    /// Bring a day home from the cold tier.
    TierRestore {
        /// The feed.
        feed: String,
        /// The day.
        day: NaiveDate,
    },
    /// Check these datasets, one after the other: a `Checked` each.
    Check {
        /// The feeds.
        feeds: Vec<String>,
        /// Read every row.
        deep: bool,
    },
    /// Mend these datasets, one after the other: a `Checked` or a `RepairRefused` each.
    Repair {
        /// The feeds.
        feeds: Vec<String>,
        /// Read every row.
        deep: bool,
        /// The operator consents to rows that are taken from readers, however many.
        accept_loss: bool,
    },
    /// Ask the checks and repairs of these datasets to stop at the next safe point.
    StopChecks(Vec<String>),
    /// Ask these exports to stop at the next safe point.
    Cancel(Vec<String>),
    /// Write `enabled` into the feeds' files. `Done` with the changes.
    SetEnabled {
        /// The feeds.
        feeds: Vec<String>,
        /// The value.
        enabled: bool,
    },
    /// Put feeds aside. `Done` with the changes.
    Archive(Vec<String>),
    /// Take feeds back from the archive. `Done` with the changes.
    Restore(Vec<String>),
    /// Take changes back, the last one first. `Done` without changes.
    Undo(Vec<Change>),
    /// Write a new feed file.
    Add(NewFeed),
    /// Open a feed file in `$EDITOR`; `EditorClosed` follows.
    Edit(PathBuf),
    /// Put text into the clipboard: OSC 52.
    Copy(String),
    /// Tell the desktop: OSC 9 or 777.
    Notify {
        /// What it is about.
        title: String,
        /// What happened.
        body: String,
    },
    /// Ring the bell.
    Bell,
    /// Read the folders of feeds: `Catalog`.
    LoadCatalog,
    /// Read what the lake holds of a feed, with a walk over its folders: `Dataset`.
    LoadDataset(String),
    /// Read what is known of each day of a feed's dataset: `Days`.
    LoadDays(String),
    /// Read the files of a partition: `Files`.
    LoadFiles {
        /// The feed.
        feed: String,
        /// The folder below the dataset.
        partition: String,
    },
    /// Read rows of a file: `Rows`.
    LoadRows {
        /// The file.
        path: PathBuf,
        /// The first row, from 0.
        from: u64,
        /// How many at most.
        count: usize,
    },
    /// Look which months have a log: `Months`.
    LoadMonths,
    /// Read a month of the log: `Log`.
    LoadLog(Month),
    /// Ask the server for its streams and tables: `Sources`.
    LoadSources,
    /// Ask how a feed would be read now: `Plan`.
    LoadPlan(String),
    /// Ask the server how it is: `Health`.
    CheckHealth,
    /// Take the source's columns as they are now. `Done` or `Failed`.
    AcceptSchema(String),
    /// Decide about a dataset whose log is another one. `Done` or `Failed`.
    Reset {
        /// The feed.
        feed: String,
        /// What is decided.
        how: Reset,
    },
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Draw everything anew, as after another program wrote on the terminal.
    Redraw,
    /// Leave the terminal and stop, as after Ctrl-Z.
    Suspend,
    /// End the program; running exports stop at the next safe point.
    Quit,
}
