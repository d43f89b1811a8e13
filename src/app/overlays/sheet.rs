//! A text over the view that is scrolled: all that is known of a day, what checks found, the commits of a dataset. Its lines are made by
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
    /// The commits of the dataset that was asked for last.
    History {
        /// The commit under the cursor, the newest is 0.
        at: usize,
        /// The first line of the window.
        top: usize,
    },
    /// What differs between two of its states.
    Difference {
        /// The first line of the window.
        top: usize,
        /// The commit under the cursor of the list behind it.
        behind: usize,
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
            Self::Day { top, .. }
            | Self::Check { top, .. }
            | Self::History { top, .. }
            | Self::Difference { top, .. } => *top,
        }
    }

    fn scroll(&mut self, to: usize) {
        match self {
            Self::Day { top, .. }
            | Self::Check { top, .. }
            | Self::History { top, .. }
            | Self::Difference { top, .. } => *top = to,
        }
    }

    /// The sheet shows the check of this feed.
    pub(crate) fn is_about(&self, feed: &str) -> bool {
        matches!(self, Self::Check { feeds, .. } if feeds.iter().any(|known| known == feed))
    }
}

impl App {
    pub(super) fn sheet_key(&mut self, mut sheet: Sheet, key: Key) -> Vec<Effect> {
        if let Sheet::History { at, top } = sheet {
            return self.history_key(at, top, key);
        }
        let (width, page) = room(self.size);
        let last = lines(self, &sheet, width).len().saturating_sub(page);
        let top = sheet.top().min(last);
        let to = match key.code {
            KeyCode::Esc | KeyCode::Char('q') => {
                if let Sheet::Difference { behind, .. } = sheet {
                    self.overlay = Some(Overlay::Sheet(Sheet::History { at: behind, top: 0 }));
                }
                return Vec::new();
            }
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

    /// A key over the commits: the cursor moves from one to the next, and the window follows it.
    fn history_key(&mut self, at: usize, top: usize, key: Key) -> Vec<Effect> {
        let (_, page) = room(self.size);
        let last = self.listed_commits().len().saturating_sub(1);
        let to = match key.code {
            KeyCode::Esc | KeyCode::Char('q') => return Vec::new(),
            KeyCode::Char('c') if key.ctrl => return Vec::new(),
            KeyCode::Enter | KeyCode::Char('d') if !key.ctrl => {
                self.overlay = Some(Overlay::Sheet(Sheet::History { at, top }));
                return self.compare_commit(at);
            }
            KeyCode::Char('p') if !key.ctrl => {
                self.overlay = Some(Overlay::Sheet(Sheet::History { at, top }));
                return self.pin_commit(at);
            }
            KeyCode::Char('u') if !key.ctrl => return self.ask_rollback(at, Sheet::History { at, top }),
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => at + 1,
            KeyCode::PageUp => at.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => at + page,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => at,
        };
        let at = to.min(last);
        let top = top.min(at).max((at + 1).saturating_sub(page));
        self.overlay = Some(Overlay::Sheet(Sheet::History { at, top }));
        Vec::new()
    }
}
