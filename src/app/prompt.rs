//! The line at the foot: the filter of the list in front, or the search in the log.
//!
//! What is typed holds at once; enter keeps it, esc brings back what was before, up recalls earlier ones.

use super::effect::Effect;
use super::filter::Filter;
use super::input::Input;
use super::key::{Key, KeyCode};
use super::state::{App, Prompt, PromptKind, Tab};
use super::tabs::{Level, exports, feeds};

/// Filters that are remembered.
const REMEMBERED: usize = 20;

impl App {
    /// The filter in force in the view in front; in the log what is searched for.
    pub(crate) fn filter_text(&self) -> &str {
        match self.tab {
            Tab::Feeds => &self.feeds.filter_text,
            Tab::Partitions => &self.partitions.filter_text,
            Tab::Exports => &self.exports.filter_text,
            Tab::Logs => &self.logs.search,
        }
    }

    pub(crate) fn set_filter(&mut self, text: &str) {
        match self.tab {
            Tab::Feeds => {
                text.clone_into(&mut self.feeds.filter_text);
                self.feeds.filter = Filter::parse(text, &feeds::FIELDS);
                self.reorder_feeds();
            }
            Tab::Partitions => self.set_partition_filter(text),
            Tab::Exports => {
                text.clone_into(&mut self.exports.filter_text);
                self.exports.filter = Filter::parse(text, &exports::FIELDS);
                self.reorder_exports();
            }
            Tab::Logs => self.set_search(text),
        }
    }

    pub(crate) fn open_prompt(&mut self) {
        let level = self.partitions.level;
        let filtered = self.tab != Tab::Partitions || matches!(level, Level::Datasets | Level::Partitions);
        if self.in_detail() || !filtered {
            return;
        }
        let before = self.filter_text().to_owned();
        let kind = if self.tab == Tab::Logs { PromptKind::Search } else { PromptKind::Filter };
        self.prompt = Some(Prompt { kind, input: Input::new(before.clone()), before });
    }

    pub(crate) fn prompt_key(&mut self, key: Key) -> Vec<Effect> {
        let Some(mut prompt) = self.prompt.take() else { return Vec::new() };
        match key.code {
            KeyCode::Esc => self.set_filter(&prompt.before),
            KeyCode::Char('c') if key.ctrl => self.set_filter(&prompt.before),
            KeyCode::Enter => {
                let text = prompt.input.text().to_owned();
                if !text.is_empty() {
                    self.history.retain(|old| *old != text);
                    self.history.push(text);
                    if self.history.len() > REMEMBERED {
                        self.history.remove(0);
                    }
                }
            }
            KeyCode::Up | KeyCode::Down => {
                let at = self.history.iter().position(|old| old == prompt.input.text());
                let recalled = match (key.code, at) {
                    (KeyCode::Up, None) => self.history.last(),
                    (KeyCode::Up, Some(at)) => self.history.get(at.saturating_sub(1)),
                    (_, Some(at)) => self.history.get(at + 1),
                    (_, None) => None,
                };
                if let Some(text) = recalled {
                    prompt.input = Input::new(text.clone());
                }
                self.prompt = Some(prompt);
                self.prompt_changed();
            }
            _ => {
                prompt.input.key(key);
                self.prompt = Some(prompt);
                self.prompt_changed();
            }
        }
        Vec::new()
    }

    /// What is typed holds at once.
    pub(crate) fn prompt_changed(&mut self) {
        if let Some(text) = self.prompt.as_ref().map(|prompt| prompt.input.text().to_owned()) {
            self.set_filter(&text);
        }
    }
}
