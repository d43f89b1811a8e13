//! A text over the view that is scrolled: all that is known of a day, or what checks found. Its lines are made by
//! [`crate::app::view::sheet()`].

use crate::app::effect::Effect;
use crate::app::key::{Key, KeyCode};
use crate::app::overlays::Overlay;
use crate::app::state::App;
use crate::app::tabs::checks::Work;
use crate::app::view::sheet::{lines, room};

/// The text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sheet {
    /// A day of the open dataset.
    Day {
        /// The day's folder.
        folder: String,
        /// The first line of the window.
        top: usize,
    },
    /// Findings of checks.
    Check {
        /// The feeds that were chosen.
        feeds: Vec<String>,
        /// The first line of the window.
        top: usize,
    },
}

impl Sheet {
    pub(crate) fn day(folder: &str) -> Self {
        Self::Day { folder: folder.to_owned(), top: 0 }
    }

    pub(crate) fn check(feeds: Vec<String>) -> Self {
        Self::Check { feeds, top: 0 }
    }

    /// The first line of the window.
    pub(crate) fn top(&self) -> usize {
        match self {
            Self::Day { top, .. } | Self::Check { top, .. } => *top,
        }
    }

    fn scroll(&mut self, to: usize) {
        match self {
            Self::Day { top, .. } | Self::Check { top, .. } => *top = to,
        }
    }

    /// The sheet shows the check of this feed.
    pub(crate) fn is_about(&self, feed: &str) -> bool {
        matches!(self, Self::Check { feeds, .. } if feeds.iter().any(|known| known == feed))
    }
}

impl App {
    pub(super) fn sheet_key(&mut self, mut sheet: Sheet, key: Key) -> Vec<Effect> {
        let (width, page) = room(self.size);
        let last = lines(self, &sheet, width).len().saturating_sub(page);
        let top = sheet.top().min(last);
        let to = match key.code {
            KeyCode::Esc | KeyCode::Char('q') => return Vec::new(),
            KeyCode::Char('c') if key.ctrl => return Vec::new(),
            KeyCode::Char('x') if !key.ctrl && matches!(sheet, Sheet::Check { .. }) => {
                let effects = self.stop_checks(&sheet);
                self.overlay = Some(Overlay::Sheet(sheet));
                return effects;
            }
            KeyCode::Char('r') if !key.ctrl => return self.ask_repair(sheet),
            KeyCode::Char(c @ ('c' | 'd')) if !key.ctrl => {
                if let Sheet::Check { feeds, .. } = &sheet {
                    let effects = self.begin(feeds.clone(), Work::Check { deep: c == 'd' });
                    sheet.scroll(0);
                    self.overlay = Some(Overlay::Sheet(sheet));
                    return effects;
                }
                top
            }
            KeyCode::Up | KeyCode::Char('k') => top.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => top + 1,
            KeyCode::PageUp => top.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => top + page,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => top,
        };
        sheet.scroll(to.min(last));
        self.overlay = Some(Overlay::Sheet(sheet));
        Vec::new()
    }
}
