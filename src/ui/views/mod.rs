//! What is between tabs and foot: each view places the texts that [`crate::app::view`] gives for the window that is
//! seen.
//!
//! | view | drawn by |
//! |---|---|
//! | feeds, datasets, partitions, files, exports | [`table`] |
//! | one feed | [`detail`] |
//! | calendar of a dataset | [`calendar`] |
//! | rows of a file | [`grid`] |
//! | log | [`logs`] |

pub mod around;
pub mod calendar;
pub mod detail;
pub mod grid;
pub mod logs;
pub mod table;

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::layout::Form;
use super::theme::Role;
use crate::app::tabs::Level;
use crate::app::{App, Tab, view};

/// Draws the view in front.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, app: &App) {
    let rows = table::rows(area, form);
    let table = match app.tab {
        Tab::Feeds => match view::detail(app, detail::rows(area)).filter(|_| app.in_detail()) {
            Some(view) => return detail::draw(canvas, area, &view),
            None => view::feeds(app, rows),
        },
        Tab::Partitions => match app.level() {
            Level::Datasets => view::datasets(app, rows),
            Level::Partitions => view::partitions(app, rows),
            Level::Files => view::files(app, rows),
            Level::Calendar => {
                return calendar::draw(canvas, area, form, &view::calendar(app, calendar::weeks(area)));
            }
            Level::Grid => {
                let (height, width) = grid::window(area);
                return grid::draw(canvas, area, &view::grid(app, height, width));
            }
        },
        Tab::Exports => view::exports(app, rows),
        Tab::Logs => return logs::draw(canvas, area, form, &view::logs(app, logs::rows(area))),
    };
    table::draw(canvas, area, form, &table);
}

/// Says in the middle of an empty view why it is empty.
pub(super) fn empty(canvas: &mut Canvas<'_>, area: Rect, why: &str) {
    let wide = area.width.saturating_sub(4).min(72);
    let lines = super::text::wrap(why, usize::from(wide));
    let high = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let place = super::canvas::centred(area, wide, high);
    for (n, line) in (0..).zip(&lines) {
        canvas.put_centre(super::canvas::row(place, n), line, Role::Dim);
    }
}
