//! Help: the keys of the view in front, searched from the first keystroke; enter runs what was found.

use crate::app::action::{ACTIONS, Action};
use crate::app::input::Input;
use crate::app::state::App;

/// The state of the help; its rows come from [`crate::app::view::help`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Help {
    /// What is searched for.
    pub search: Input,
    /// The row of the cursor.
    pub at: usize,
}

/// The actions of the view in front that match all words of `search`, by key, name or text.
pub(crate) fn rows(app: &App, search: &str) -> Vec<Action> {
    let contexts = app.contexts();
    let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    ACTIONS
        .iter()
        .filter(|info| info.contexts.iter().any(|context| contexts.contains(context)))
        .filter(|info| app.is_possible(info.action))
        .filter(|info| {
            let keys = app.setup.keymap.keys_text(&contexts, info.action);
            // A key is searched for as it is written, a word in whatever case.
            search.trim() == keys || {
                let text = format!("{} {} {}", keys.to_lowercase(), info.name, info.text.to_lowercase());
                words.iter().all(|word| text.contains(word))
            }
        })
        .map(|info| info.action)
        .collect()
}
