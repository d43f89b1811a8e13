//! How the screen is divided, by its size.
//!
//! ```text
//! Full from 80×24, Compact from 40×12           Tiny below
//! ┌──────────────────────────────────────┐      ┌───────────────────┐
//! │ header: program, lake, server, badges│      │ 40x12 is needed   │
//! │ tabs                                 │      └───────────────────┘
//! │ view                                 │
//! │ foot: hints, or the line being typed │
//! └──────────────────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::canvas::{below, row, row_from_bottom};

/// The forms of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// From 80×24.
    Full,
    /// From 40×12: less beside what matters.
    Compact,
    /// Less: a line that says what is needed.
    Tiny,
}

/// The least size of the compact form.
pub const LEAST: (u16, u16) = (40, 12);

/// The parts of a screen.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Which form it has.
    pub form: Form,
    /// The first line.
    pub header: Rect,
    /// The line of tabs.
    pub tabs: Rect,
    /// What the tab shows.
    pub view: Rect,
    /// The last line.
    pub foot: Rect,
}

impl Layout {
    /// The parts of an area.
    pub fn of(area: Rect) -> Self {
        let form = match (area.width, area.height) {
            (80.., 24..) => Form::Full,
            (40.., 12..) => Form::Compact,
            _ => Form::Tiny,
        };
        let rest = below(area, 2);
        let view = Rect { height: rest.height.saturating_sub(1), ..rest };
        Self { form, header: row(area, 0), tabs: row(area, 1), view, foot: row_from_bottom(area, 0) }
    }
}
