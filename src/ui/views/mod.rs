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
use crate::app::view::{CalendarView, DetailView, GridView, LogsView, TableView};
use crate::app::{App, Tab, view};

/// The view in front.
#[derive(Debug)]
pub enum Shape {
    /// A list with columns.
    Table(TableView),
    /// One feed.
    Detail(DetailView),
    /// The days of a dataset.
    Calendar(CalendarView),
    /// Rows of a file.
    Grid(GridView),
    /// The log.
    Logs(LogsView),
}

impl Shape {
    /// What the model shows in an area.
    pub fn of(app: &App, area: Rect, form: Form) -> Self {
        let rows = table::rows(area, form);
        match app.tab {
            Tab::Feeds => match view::detail(app, detail::rows(area)).filter(|_| app.in_detail()) {
                Some(view) => Self::Detail(view),
                None => Self::Table(view::feeds(app, rows)),
            },
            Tab::Partitions => match app.level() {
                Level::Datasets => Self::Table(view::datasets(app, rows)),
                Level::Partitions => Self::Table(view::partitions(app, rows)),
                Level::Files => Self::Table(view::files(app, rows)),
                Level::Calendar => Self::Calendar(view::calendar(app, calendar::weeks(area))),
                Level::Grid => {
                    let (height, width) = grid::window(area);
                    Self::Grid(view::grid(app, height, width))
                }
            },
            Tab::Exports => Self::Table(view::exports(app, rows)),
            Tab::Logs => Self::Logs(view::logs(app, logs::rows(area))),
        }
    }

    /// Draws it.
    pub fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, form: Form) {
        match self {
            Self::Table(view) => table::draw(canvas, area, form, view),
            Self::Detail(view) => detail::draw(canvas, area, view),
            Self::Calendar(view) => calendar::draw(canvas, area, form, view),
            Self::Grid(view) => grid::draw(canvas, area, view),
            Self::Logs(view) => logs::draw(canvas, area, form, view),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Message, Setup};
    use crate::ui::layout::Layout;

    #[test]
    fn a_page_of_the_model_is_what_is_seen() {
        let now = "2025-01-15T12:00:00Z".parse().unwrap();
        for (width, height) in [(40, 12), (79, 30), (80, 23), (80, 24), (160, 50)] {
            let layout = Layout::of(Rect::new(0, 0, width, height));
            let mut app = App::new(Setup::new(now));
            app.update(Message::Resize { width, height });
            for tab in Tab::ALL {
                app.tab = tab;
                let seen = match tab {
                    Tab::Logs => logs::rows(layout.view),
                    _ => table::rows(layout.view, layout.form),
                };
                assert_eq!(app.page(), seen, "{tab:?} {width}x{height}");
            }
        }
    }
}
