//! The log: following, or holding still where somebody reads.

use std::collections::VecDeque;

use crate::log::{Level, Month, Record};

/// The state of the view.
#[derive(Debug, Clone)]
pub struct Logs {
    /// The records of the month shown, oldest first, bounded; each has a number that it keeps.
    pub(crate) records: VecDeque<Record>,
    /// The number of the first of them.
    pub(crate) first: u64,
    /// How many are kept.
    pub(crate) capacity: usize,
    /// The month shown; `None` before one was read.
    pub(crate) month: Option<Month>,
    /// The months that there are.
    pub(crate) months: Vec<Month>,
    /// Numbers of the records that pass level and feed.
    pub(crate) shown: VecDeque<u64>,
    /// The number of the record under the cursor.
    pub(crate) at: u64,
    /// The number of the first record of the window, when it holds still.
    pub(crate) top: u64,
    /// It follows.
    pub(crate) following: bool,
    /// Records that came since it does not.
    pub(crate) below: usize,
    /// The least level shown.
    pub(crate) level: Level,
    /// The only feed shown.
    pub(crate) feed: Option<String>,
    /// What is searched for.
    pub(crate) search: String,
    /// Long lines are broken.
    pub(crate) wrap: bool,
    /// How far the text is shifted.
    pub(crate) shift: usize,
    /// Why there are none.
    pub(crate) error: Option<String>,
}
