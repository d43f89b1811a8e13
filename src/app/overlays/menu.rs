//! A short list of choices, each with its letter: what of a feed is copied, or for which engine.

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::key::{Key, KeyCode};
use crate::app::overlays::Overlay;
use crate::app::state::{App, Tab};
use crate::app::tabs::Level;
use crate::app::view::Tone;
use crate::feed::Entry;
use crate::log::escape_controls;
use crate::reading::Engine;

/// One choice.
#[derive(Debug, Clone, PartialEq)]
pub struct MenuItem {
    /// The item's letter.
    pub key: char,
    /// What it is.
    pub text: &'static str,
    /// The item's value, escaped; empty when there is none, and then it cannot be chosen.
    pub preview: String,
    /// What is done.
    pub effect: Option<Effect>,
    /// The engine that is chosen by it.
    pub engine: Option<Engine>,
}

/// The list.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu {
    /// What is chosen.
    pub title: String,
    /// The choices.
    pub items: Vec<MenuItem>,
    /// The cursor.
    pub at: usize,
}

pub(super) enum Answer {
    Closed,
    Chosen(usize),
    Stays,
}

impl Menu {
    pub(super) fn key(&mut self, key: Key) -> Answer {
        match key.code {
            KeyCode::Esc => return Answer::Closed,
            KeyCode::Char('c') if key.ctrl => return Answer::Closed,
            KeyCode::Enter => return Answer::Chosen(self.at),
            KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Down => self.at = (self.at + 1).min(self.items.len().saturating_sub(1)),
            code => {
                if let Some(at) = self.items.iter().position(|item| code == KeyCode::Char(item.key)) {
                    return Answer::Chosen(at);
                }
                if code == KeyCode::Char('q') {
                    return Answer::Closed;
                }
            }
        }
        Answer::Stays
    }
}

/// What can be copied: letter, words, action.
const CHOICES: [(char, &str, Action); 5] = [
    ('n', "name", Action::CopyName),
    ('p', "path of the file", Action::CopyPath),
    ('s', "statement that reads it", Action::CopyQuery),
    ('e', "error", Action::CopyError),
    ('c', "shell command", Action::CopyCommand),
];

impl App {
    pub(crate) fn open_copy_menu(&mut self) -> Vec<Effect> {
        let items = self.copy_items();
        if items.iter().all(|item| item.effect.is_none()) {
            self.toast("there is nothing to copy", Tone::Plain);
            return Vec::new();
        }
        let title = match self.feed_in_front() {
            Some(feed) => format!("Copy of {feed}"),
            None => "Copy".to_owned(),
        };
        self.overlay = Some(Overlay::Menu(Menu { title, items, at: 0 }));
        // The statement is the server's matter: asked for now, it is here when it is wanted.
        let feed = self.feed_in_front().filter(|feed| {
            self.tab != Tab::Partitions
                && !self.plans.contains_key(feed)
                && self.feeds.entry(feed).is_some_and(|entry| entry.feed().is_some())
        });
        feed.map(Effect::LoadPlan).into_iter().collect()
    }

    /// The plan came while the menu was open.
    pub(crate) fn renew_menu(&mut self) {
        let items = self.copy_items();
        if let Some(Overlay::Menu(menu)) = &mut self.overlay
            && menu.items.iter().all(|item| item.engine.is_none())
        {
            menu.items = items;
        }
    }

    fn copy_items(&self) -> Vec<MenuItem> {
        CHOICES
            .into_iter()
            .map(|(key, text, action)| {
                let value = self.copy_text(action);
                let preview =
                    value.as_deref().map(|value| escape_controls(value).into_owned()).unwrap_or_default();
                MenuItem { key, text, preview, effect: value.map(Effect::Copy), engine: None }
            })
            .collect()
    }

    pub(crate) fn copy_now(&mut self, action: Action) -> Vec<Effect> {
        let Some(text) = self.copy_text(action) else {
            self.toast("there is nothing to copy", Tone::Plain);
            return Vec::new();
        };
        self.copied(text)
    }

    pub(super) fn choose(&mut self, menu: Menu, at: usize) -> Vec<Effect> {
        let engine = menu.items.get(at).and_then(|item| item.engine);
        if let Some(engine) = engine {
            self.engine = engine;
            return self.copy_code();
        }
        match menu.items.get(at).map(|item| item.effect.clone()) {
            Some(Some(Effect::Copy(text))) => self.copied(text),
            Some(Some(effect)) => vec![effect],
            Some(None) => {
                self.overlay = Some(Overlay::Menu(menu));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn copied(&mut self, text: String) -> Vec<Effect> {
        let mut shown: String = escape_controls(&text).chars().take(40).collect();
        if text.chars().count() > 40 {
            shown.push('…');
        }
        self.toast(format!("copied: {shown}"), Tone::Good);
        vec![Effect::Copy(text)]
    }

    fn copy_text(&self, action: Action) -> Option<String> {
        if self.tab == Tab::Partitions {
            let path = match self.partitions.level {
                Level::Files => self.partitions.files.under_cursor().map(|file| &file.path),
                Level::Grid => Some(&self.partitions.grid.path),
                _ => None,
            };
            return path.filter(|_| action == Action::CopyPath).map(|path| path.display().to_string());
        }
        let key = self.feed_in_front()?;
        let entry = self.feeds.entry(&key);
        let name = entry.map_or(key.as_str(), |entry| entry.name.as_str());
        match action {
            Action::CopyName => Some(name.to_owned()),
            Action::CopyPath => entry.map(|entry| entry.path.display().to_string()),
            Action::CopyQuery => {
                let plan = self.plans.get(&key)?.as_ref().ok()?;
                Some(plan.queries.join("\n")).filter(|text| !text.is_empty())
            }
            Action::CopyError => self.why(&key),
            Action::CopyCommand => Some(self.command(name)),
            _ => None,
        }
    }

    /// Why a feed is not as it should be.
    pub(crate) fn why(&self, key: &str) -> Option<String> {
        let problems = self.feeds.entry(key).map(Entry::problems).unwrap_or_default();
        if !problems.is_empty() {
            return Some(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
        let run = match self.tab {
            Tab::Exports => self.exports.cursor.key().and_then(|id| self.exports.by_id(*id)),
            _ => self.exports.latest(key),
        };
        run.and_then(|run| run.error()).map(ToString::to_string).or_else(|| self.unreadable(key).cloned())
    }

    /// The shell command that does the same as `e`.
    pub(crate) fn command(&self, name: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let quoted = if !name.is_empty() && name.chars().all(plain) && !name.starts_with('-') {
            name.to_owned()
        } else {
            format!("'{}'", name.replace('\'', "'\\''"))
        };
        format!("{} export --feed {quoted}", self.setup.program)
    }
}
