//! The datasets, a dataset's partitions, a partition's files, a file's rows: four levels, one inside the other.

use std::path::PathBuf;

use crate::app::cursor::Cursor;
use crate::app::filter::Filter;
use crate::app::message::{FileInfo, Grid};

/// The level in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// All datasets.
    #[default]
    Datasets,
    /// The partitions of one, as a table.
    Partitions,
    /// The partitions of one, as a calendar.
    Calendar,
    /// The files of a partition.
    Files,
    /// The rows of a file.
    Grid,
}

/// The files of a partition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Files {
    /// The partition's folder below the dataset.
    pub(crate) partition: String,
    /// `None` while they are read.
    pub(crate) files: Option<Result<Vec<FileInfo>, String>>,
    pub(crate) keys: Vec<String>,
    pub(crate) cursor: Cursor<String>,
}

/// The rows of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GridState {
    /// The file.
    pub(crate) path: PathBuf,
    /// What is loaded of it; `None` while it is read.
    pub(crate) grid: Option<Result<Grid, String>>,
    /// The row of the cursor, in the file.
    pub(crate) row: u64,
    /// The first row of the window.
    pub(crate) top: u64,
    /// The first column of the window.
    pub(crate) column: usize,
    /// Rows from here on were asked for.
    pub(crate) asked: Option<u64>,
}

/// The state of the view.
#[derive(Debug, Clone, Default)]
pub struct Partitions {
    /// The level in front.
    pub(crate) level: Level,
    /// The feed whose dataset is open.
    pub(crate) feed: Option<String>,
    /// Count bytes, not rows.
    pub(crate) bytes: bool,
    /// The partitions are shown as a calendar.
    pub(crate) calendar: bool,
    pub(crate) dataset_keys: Vec<String>,
    pub(crate) datasets: Cursor<String>,
    pub(crate) order: Vec<usize>,
    pub(crate) keys: Vec<String>,
    pub(crate) cursor: Cursor<String>,
    pub(crate) filter_text: String,
    pub(crate) filter: Filter,
    pub(crate) sort: usize,
    pub(crate) reverse: bool,
    pub(crate) files: Files,
    pub(crate) grid: GridState,
}
