//! The feeds: which there are, in which order they are shown, which are marked.

use crate::app::cursor::Cursor;
use crate::app::filter::Filter;
use crate::feed::Catalog;

/// A column of the table, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeedColumn {
    /// The name.
    #[default]
    Name,
    /// The state, the most pressing first.
    State,
    /// Stream or table.
    Kind,
    /// The storage mode.
    Mode,
    /// Bytes in the lake.
    Size,
    /// Rows in the lake.
    Rows,
    /// The last export.
    Last,
    /// The next run.
    Next,
}

/// The state of the view.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    /// What is in the folders; `None` before it was read for the first time.
    pub(crate) catalog: Option<Catalog>,
    /// Indexes into the catalog, filtered and sorted.
    pub(crate) order: Vec<usize>,
    /// The keys of `order`.
    pub(crate) keys: Vec<String>,
    /// The cursor and the marks.
    pub(crate) cursor: Cursor<String>,
    /// The column by which it is sorted.
    pub(crate) sort: FeedColumn,
    /// Largest first.
    pub(crate) reverse: bool,
    /// What is shown, as typed.
    pub(crate) filter_text: String,
    /// What is shown.
    pub(crate) filter: Filter,
}
