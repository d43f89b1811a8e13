//! Rows of a file, scrolled both ways.

use super::text::{count, escaped, one_line};
use crate::app::App;

/// The head of a column of the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridHead {
    /// The column's name.
    pub name: String,
    /// The column's Arrow type.
    pub arrow_type: String,
    /// The column's values stand at the right.
    pub numeric: bool,
    /// The column's width in cells, by its name and the values shown.
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

/// No column is wider, so that one long text does not push all others away.
const WIDEST: usize = 40;

/// The window of `height` rows and at most `width` cells of columns.
pub fn grid(app: &App, height: usize, width: usize) -> GridView {
    let state = &app.partitions.grid;
    let file = escaped(&state.path.file_name().unwrap_or_default().to_string_lossy());
    let grid = match &state.grid {
        Some(Ok(grid)) => grid,
        other => {
            let empty = match other {
                Some(Err(error)) => one_line(error),
                _ => "reading the file …".to_owned(),
            };
            return GridView { title: file, empty, ..GridView::default() };
        }
    };
    let height = height.max(1) as u64;
    // The cursor is in the window, whatever height the model thought of.
    let first = state.top.clamp((state.row + 1).saturating_sub(height), state.row);
    let skip = usize::try_from(first.saturating_sub(grid.from)).unwrap_or(usize::MAX);
    let loaded = first >= grid.from;
    let seen =
        || grid.rows.iter().skip(skip).take(if loaded { usize::try_from(height).unwrap_or(1) } else { 0 });
    let mut columns = Vec::new();
    let mut used = 0;
    for (at, column) in grid.columns.iter().enumerate().skip(state.column) {
        let longest = seen().filter_map(|row| row.get(at)?.as_ref()).map(|value| value.chars().count()).max();
        let name = escaped(&column.name);
        let arrow_type = escaped(&column.arrow_type);
        let wide = name
            .chars()
            .count()
            .max(arrow_type.chars().count().min(16))
            .max(longest.unwrap_or(4))
            .min(WIDEST);
        if used + wide > width && !columns.is_empty() {
            break;
        }
        used += wide + 1;
        let width = u16::try_from(wide).unwrap_or(u16::MAX);
        columns.push(GridHead { name, arrow_type, numeric: column.numeric, width });
    }
    let shown = columns.len();
    let value = |value: &Option<String>| value.as_deref().map(escaped);
    let rows: Vec<Vec<Option<String>>> = seen()
        .map(|row| {
            let mut values: Vec<_> = row.iter().skip(state.column).take(shown).map(value).collect();
            values.resize(shown, None);
            values
        })
        .collect();
    let empty = match (grid.total, rows.is_empty()) {
        (0, _) => "the file has no rows".to_owned(),
        (_, true) => "reading the file …".to_owned(),
        _ => String::new(),
    };
    GridView {
        title: format!("{file}: row {} of {}", count(state.row + 1), count(grid.total)),
        columns,
        rows,
        first,
        total: grid.total,
        first_column: state.column,
        total_columns: grid.columns.len(),
        cursor: usize::try_from(state.row.saturating_sub(first)).unwrap_or(0),
        empty,
    }
}
