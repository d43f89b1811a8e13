//! What a frame shows, as texts and tones, computed for the window that is seen and nothing else.
//!
//! Pure functions of [`App`](super::App); ui calls them with the height it has and only has to place and colour. All
//! text is escaped here.
//!
//! | function | for |
//! |---|---|
//! | [`frame()`] | header, tabs, hints, prompt, toasts |
//! | [`feeds()`], [`exports()`], [`datasets()`], [`partitions()`], [`files()`] | one kind of [`TableView`] |
//! | [`detail()`], [`calendar()`], [`grid()`], [`logs()`] | their own shapes |
//! | [`help()`], [`palette()`], [`form()`] | overlays; `Confirm` and `Menu` are drawn from their state |

pub mod calendar;
pub(crate) mod catalog;
pub(crate) mod days;
pub mod detail;
pub mod exports;
pub mod feeds;
pub mod frame;
pub mod grid;
pub(crate) mod history;
pub mod logs;
pub mod overlay;
pub mod partitions;
pub mod sheet;
pub mod text;
pub(crate) mod tiers;

pub use calendar::{CalendarView, DayCell, calendar};
pub use detail::{DetailLine, DetailView, detail};
pub use exports::exports;
pub use feeds::{FeedState, feeds};
pub use frame::{Badge, FrameView, HealthState, HealthView, Hint, PromptView, TabView, ToastView, frame};
pub use grid::{GridHead, GridView, grid};
pub use logs::{LogLine, LogsView, logs};
pub use overlay::{FieldView, FormView, KeyRow, SearchView, form, help, palette};
pub use partitions::{datasets, files, partitions};
pub use sheet::{SheetView, sheet};

/// How something is meant; a theme gives it a look. Never the only sign: a word or a [`Sign`] says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Text.
    #[default]
    Plain,
    /// Of less interest.
    Dim,
    /// As it should be.
    Good,
    /// Going on now.
    Live,
    /// Somebody should look.
    Warn,
    /// Wrong.
    Bad,
    /// A heading or a name that stands out.
    Strong,
}

/// A state as one character, which the ui chooses (with and without Unicode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Runs.
    Running,
    /// Waits for its turn.
    Queued,
    /// Waits before the next attempt.
    Waiting,
    /// All is in the lake.
    Good,
    /// Has nothing to do, or was never done.
    Idle,
    /// Failed.
    Failed,
    /// Stopped by somebody.
    Cancelled,
    /// Disabled.
    Off,
    /// Archived.
    Archived,
    /// The feed's file is invalid.
    Invalid,
    /// Held by another process.
    Locked,
    /// The one in force.
    Current,
    /// Smaller than it should be.
    Small,
    /// Not there.
    Missing,
    /// What the records say is not so.
    Damaged,
    /// Something in between is missing.
    Gap,
    /// Was closed and is open again.
    Reopened,
    /// On the lake's own disk.
    Hot,
    /// In the cold tier.
    Cold,
    /// In the cold tier, and a copy here.
    Both,
    /// In the cold tier, and rows that came later here.
    Late,
}

/// Which way a column is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Up,
    /// Largest first.
    Down,
}

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The column's title.
    pub title: &'static str,
    /// The column's values stand at the right.
    pub right: bool,
    /// The column's width in cells; for a column that fills, the least.
    pub width: u16,
    /// The column takes what is left.
    pub fill: bool,
    /// 0 is always shown; of the others the highest goes first where the screen is narrow.
    pub rank: u8,
    /// The list is sorted by it.
    pub sorted: Option<Order>,
}

/// One value of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// As text, escaped.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    /// Before the text.
    pub sign: Option<Sign>,
    /// A bar, 0 to 1, before the text or in place of it.
    pub gauge: Option<f64>,
    /// A history, oldest first, in place of the text.
    pub spark: Vec<u64>,
}

impl Cell {
    /// Plain text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Text with a tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone, ..Self::default() }
    }
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// A cell for each head.
    pub cells: Vec<Cell>,
    /// The cursor is here.
    pub cursor: bool,
    /// The row is marked, or within the range that is being drawn.
    pub marked: bool,
}

/// A table's window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableView {
    /// Above the table: what it is, with totals.
    pub title: String,
    /// The columns.
    pub heads: Vec<Head>,
    /// The rows of the window.
    pub rows: Vec<Row>,
    /// Index of the first of them in the order shown.
    pub first: usize,
    /// Rows that can be scrolled through.
    pub shown: usize,
    /// Rows before the filter.
    pub total: usize,
    /// The filter in force; empty when there is none.
    pub filter: String,
    /// How many are marked.
    pub marked: usize,
    /// In place of rows, when there are none: why, and what to do.
    pub empty: String,
    /// Below the table: about the row under the cursor, a line each.
    pub about: Vec<Cell>,
}
