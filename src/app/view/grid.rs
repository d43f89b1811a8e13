//! Rows of a file, scrolled both ways.

use crate::app::App;

/// The head of a column of the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridHead {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    pub arrow_type: String,
    /// Its values stand at the right.
    pub numeric: bool,
    /// Its width in cells, by its name and the values loaded.
    pub width: u16,
}

/// A window over the rows of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GridView {
    /// The file, with its number of rows.
    pub title: String,
    /// The columns, the first of them that is shown first.
    pub columns: Vec<GridHead>,
    /// Values, escaped; NULL is `None`. As many as there are columns.
    pub rows: Vec<Vec<Option<String>>>,
    /// Index in the file of the first row shown.
    pub first: u64,
    /// Rows of the file.
    pub total: u64,
    /// Index of the first column shown, and how many there are.
    pub first_column: usize,
    /// Columns of the file.
    pub total_columns: usize,
    /// The row of the window with the cursor.
    pub cursor: usize,
    /// In place of rows.
    pub empty: String,
}

/// The window of `height` rows and at most `width` cells of columns.
pub fn grid(app: &App, height: usize, width: usize) -> GridView {
    let _ = (app, height, width);
    GridView::default()
}
