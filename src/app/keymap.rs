//! Keys become actions: the defaults of the table, changed by a keymap file.
//!
//! ```toml
//! [feeds]
//! export-now = ["ctrl-e"]   # takes the place of the default keys
//! archive = []              # no key at all
//! ```
//!
//! A key may mean two things only where both cannot be meant: in two views that are never in front together.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::action::{ACTIONS, Action, Context};
use super::key::Key;
use crate::feed::nearest;
use crate::log::escape_controls;
use crate::{Error, Kind, Result};

/// The annotated default keymap.
pub const DEFAULT_FILE: &str = include_str!("../../assets/keymap.toml");

/// Which key means what, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    keys: BTreeMap<(Context, Action), Vec<Key>>,
    actions: BTreeMap<(Context, Key), Action>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::of(default_keys())
    }
}

fn default_keys() -> BTreeMap<(Context, Action), Vec<Key>> {
    let mut keys = BTreeMap::new();
    for info in ACTIONS {
        for context in info.contexts {
            // A test holds that every key of the table can be read.
            let own: Vec<Key> = info.keys.iter().filter_map(|key| key.parse().ok()).collect();
            keys.insert((*context, info.action), own);
        }
    }
    keys
}

impl Keymap {
    fn of(keys: BTreeMap<(Context, Action), Vec<Key>>) -> Self {
        let mut actions = BTreeMap::new();
        for ((context, action), own) in &keys {
            for key in own {
                actions.insert((*context, *key), *action);
            }
        }
        Self { keys, actions }
    }

    /// The defaults with the changes of a keymap file.
    ///
    /// # Errors
    /// All that is wrong with the file at once: unknown contexts and actions with the nearest that there is, keys that
    /// are none, and keys that would mean two things.
    pub fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text
            .parse()
            .map_err(|e| Error::new(Kind::Config, format!("the keymap is no TOML: {e}")).because(e))?;
        let mut keys = default_keys();
        let mut problems = Vec::new();
        for (word, section) in &table {
            let context = Context::ALL.into_iter().find(|context| context.name() == word);
            match (context, section) {
                (None, _) => problems.push(unknown("context", word, Context::ALL.iter().map(|c| c.name()))),
                (Some(context), toml::Value::Table(section)) => {
                    read_section(context, section, &mut keys, &mut problems);
                }
                (Some(_), _) => problems.push(format!("{word} is not a section: write [{word}]")),
            }
        }
        clashes(&keys, &mut problems);
        if problems.is_empty() {
            return Ok(Self::of(keys));
        }
        Err(Error::new(Kind::Config, format!("the keymap cannot be used:\n  {}\n ", problems.join("\n  ")))
            .next("correct these lines; what is left out keeps its default"))
    }

    /// What `key` means where these contexts are in front, the first one first.
    pub fn action(&self, key: Key, contexts: &[Context]) -> Option<Action> {
        contexts.iter().find_map(|context| self.actions.get(&(*context, key)).copied())
    }

    /// The keys of an action in `context`.
    pub fn keys(&self, context: Context, action: Action) -> &[Key] {
        self.keys.get(&(context, action)).map_or(&[], Vec::as_slice)
    }

    /// The keys of an action in the first of these contexts that has it, as text: `ctrl-b, pageup`.
    pub fn keys_text(&self, contexts: &[Context], action: Action) -> String {
        let keys = contexts.iter().map(|context| self.keys(*context, action)).find(|keys| !keys.is_empty());
        keys.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

fn read_section(
    context: Context,
    section: &toml::Table,
    keys: &mut BTreeMap<(Context, Action), Vec<Key>>,
    problems: &mut Vec<String>,
) {
    let here = || ACTIONS.iter().filter(|info| info.contexts.contains(&context));
    for (name, value) in section {
        let Some(info) = here().find(|info| info.name == name) else {
            problems.push(match Action::by_name(name) {
                Some(action) => {
                    let places: Vec<_> = action.info().contexts.iter().map(|c| c.name()).collect();
                    format!("[{}] has no action {name}: it belongs to {}", context.name(), places.join(", "))
                }
                None => unknown("action", name, here().map(|info| info.name)),
            });
            continue;
        };
        let words: Option<Vec<&str>> = match value {
            toml::Value::String(key) => Some(vec![key.as_str()]),
            toml::Value::Array(list) => list.iter().map(toml::Value::as_str).collect(),
            _ => None,
        };
        let Some(words) = words else {
            problems.push(format!("[{}] {name}: write a list of keys, [\"e\", \"ctrl-e\"]", context.name()));
            continue;
        };
        let mut own = Vec::new();
        for word in words {
            match word.parse::<Key>() {
                Ok(key) => own.push(key),
                Err(problem) => {
                    problems.push(format!("[{}] {name}: {}", context.name(), escape_controls(&problem)));
                }
            }
        }
        keys.insert((context, info.action), own);
    }
}

fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let shown = escape_controls(word);
    match nearest(word, known) {
        Some(nearest) => format!("there is no {what} {shown}; did you mean {nearest}?"),
        None => format!("there is no {what} {shown}"),
    }
}

/// Every key that would mean two things at once.
fn clashes(keys: &BTreeMap<(Context, Action), Vec<Key>>, problems: &mut Vec<String>) {
    let mut users: BTreeMap<Key, Vec<(Context, Action)>> = BTreeMap::new();
    for (place, own) in keys {
        for key in own {
            users.entry(*key).or_default().push(*place);
        }
    }
    for (key, places) in users {
        for (i, (context, action)) in places.iter().enumerate() {
            for (other_context, other) in places.iter().skip(i + 1) {
                if action != other && context.meets(*other_context) {
                    problems.push(format!(
                        "{key} means two things: {} in [{}] and {} in [{}]",
                        action.info().name,
                        context.name(),
                        other.info().name,
                        other_context.name()
                    ));
                }
            }
        }
    }
}

/// The default keymap as a file: what `assets/keymap.toml` holds, made from the table.
pub fn render() -> String {
    let mut text = String::from(
        "# keymap.toml: every key of the screen. What stands here takes the place of the default; what is left out keeps it.\n\
         # A key is a character (G is shift-g), or one of enter esc tab space backspace delete insert left right up down\n\
         # home end pageup pagedown f1 to f24, with ctrl-, alt- or shift- before it. [] takes an action's keys away.\n",
    );
    for context in Context::ALL {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n[{}]\n", context.name());
        for info in ACTIONS.iter().filter(|info| info.contexts.contains(&context)) {
            let keys: Vec<_> = info.keys.iter().map(|key| format!("\"{key}\"")).collect();
            let _ =
                writeln!(text, "{:<41} # {}", format!("{} = [{}]", info.name, keys.join(", ")), info.text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_file_is_the_table() {
        if std::env::var_os("LAKEHAND_WRITE_KEYMAP").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/keymap.toml"), render()).unwrap();
        }
        assert!(render() == DEFAULT_FILE, "run once with LAKEHAND_WRITE_KEYMAP=1");
        assert_eq!(Keymap::parse(DEFAULT_FILE).unwrap(), Keymap::default());
    }

    #[test]
    fn every_row_of_the_table_is_sound() {
        for info in ACTIONS {
            for key in info.keys {
                assert_eq!(key.parse::<Key>().unwrap().to_string(), *key);
            }
            assert!(!info.dangerous || info.changes, "{} is dangerous and changes nothing?", info.name);
            assert_eq!(Action::by_name(info.name), Some(info.action), "{} is there twice", info.name);
            assert_eq!(info.action.info().name, info.name);
        }
    }

    #[test]
    fn a_key_is_moved_and_the_old_one_is_free() {
        let keymap = Keymap::parse("[feeds]\nexport-now = \"ctrl-e\"\narchive = []\n").unwrap();
        let key = |text: &str| text.parse::<Key>().unwrap();
        let contexts = [Context::Feeds, Context::Lists, Context::Everywhere];
        assert_eq!(keymap.action(key("ctrl-e"), &contexts), Some(Action::ExportNow));
        assert_eq!(keymap.action(key("e"), &contexts), None);
        assert_eq!(keymap.action(key("a"), &contexts), None);
        assert_eq!(keymap.action(key("e"), &[Context::Detail]), Some(Action::ExportNow));
        assert_eq!(keymap.keys_text(&contexts, Action::PageUp), "pageup, ctrl-b, ctrl-u");
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let error = Keymap::parse(
            "[feeds]\nexport-mow = [\"e\"]\narchive = [\"q\"]\nfollow = [\"z\"]\nopen = [\"entr\"]\n[fedes]\nadd = []\n",
        )
        .unwrap_err()
        .to_string();
        for part in [
            "there is no action export-mow; did you mean export-now?",
            "q means two things",
            "[feeds] has no action follow: it belongs to logs",
            "open: entr is no key",
            "there is no context fedes; did you mean feeds?",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(Keymap::parse("[feeds").is_err());
    }
}
