//! One feed, whole: a text that is scrolled. Its lines are made by [`crate::app::view::detail()`].

use crate::app::action::Action;
use crate::app::state::App;
use crate::app::view::detail::lines;

/// The state of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The feed.
    pub(crate) feed: String,
    /// The first line of the window.
    pub(crate) top: usize,
}

impl Detail {
    pub(crate) fn new(feed: &str) -> Self {
        Self { feed: feed.to_owned(), top: 0 }
    }
}

impl App {
    /// Scrolls; false when the action means something else.
    pub(crate) fn scroll_detail(&mut self, action: Action) -> bool {
        let page = self.page();
        let last = lines(self).len().saturating_sub(page);
        let Some(detail) = &mut self.detail else { return false };
        let top = detail.top.min(last);
        detail.top = match action {
            Action::Up => top.saturating_sub(1),
            Action::Down => top + 1,
            Action::PageUp => top.saturating_sub(page),
            Action::PageDown => top + page,
            Action::Top => 0,
            Action::Bottom => last,
            _ => return false,
        }
        .min(last);
        true
    }
}
