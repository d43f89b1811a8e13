//! The command palette: every command by a few letters of its name.

use crate::app::action::{ACTIONS, Action};
use crate::app::input::Input;

/// The palette's state; its rows come from [`crate::app::view::palette`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    /// What is searched for.
    pub search: Input,
    /// The row of the cursor.
    pub at: usize,
}

/// All actions that match, the best first; all of them in the order of the table while nothing is typed.
pub(crate) fn rows(search: &str) -> Vec<Action> {
    let search: String = search.to_lowercase().split_whitespace().collect();
    let mut found: Vec<(i32, Action)> = ACTIONS
        .iter()
        .filter_map(|info| {
            let by_name = score(&search, info.name);
            // What the text says counts less than the name.
            let by_text = || score(&search, &info.text.to_lowercase()).map(|score| score - 100);
            by_name.or_else(by_text).map(|score| (score, info.action))
        })
        .collect();
    found.sort_by_key(|(score, _)| -score);
    found.into_iter().map(|(_, action)| action).collect()
}

/// How well the letters of `search` stand in `text`, in their order; `None` when they do not. Letters in a row and at the
/// beginning of a word count more, a longer text less.
pub(crate) fn score(search: &str, text: &str) -> Option<i32> {
    let mut score = 0;
    let mut letters = search.chars().peekable();
    let (mut before, mut run) = ('-', 0);
    for c in text.chars() {
        if letters.peek() == Some(&c) {
            letters.next();
            run += 1;
            score += run * 2 + if before.is_alphanumeric() { 0 } else { 8 };
        } else {
            run = 0;
        }
        before = c;
    }
    let short = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
    letters.peek().is_none().then(|| if search.is_empty() { 0 } else { score * 4 - short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_the_command() {
        assert_eq!(rows("expn")[0], Action::ExportNow);
        assert_eq!(rows("en")[0], Action::ExportNow);
        assert_eq!(rows("arch")[0], Action::Archive);
        assert_eq!(rows("theme")[0], Action::NextTheme);
        assert_eq!(rows("calendar")[0], Action::ToggleCalendar);
        assert_eq!(rows("").len(), ACTIONS.len());
        assert!(rows("zzz").is_empty());
    }
}
