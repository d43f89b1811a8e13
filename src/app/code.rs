//! The code that reads the dataset in front: for which engine, into the clipboard, and on the feed's page.

use super::effect::Effect;
use super::overlays::{Menu, MenuItem, Overlay};
use super::state::App;
use super::view::Tone;
use crate::Result;
use crate::lake::{Lake, nothing_yet};
use crate::log::escape_controls;
use crate::reading::{Code, Days, Engine, Language, code};

impl App {
    /// The code for a feed's dataset as the lake holds it now.
    pub(crate) fn code(&self, key: &str, engine: Engine) -> Option<Result<Code>> {
        let feed = self.feeds.feed(key)?;
        let held = self.held.get(key)?;
        let dataset = Lake::new(&self.setup.lake_absolute).dataset_dir(feed).and_then(|dir| {
            let metadata = held.metadata.as_ref().ok_or_else(|| nothing_yet(feed, &dir))?;
            metadata.facts(feed, &dir)
        });
        Some(dataset.and_then(|dataset| code(&dataset, engine, Language::Python, Days::default())))
    }

    /// Copies the code for the engine chosen last.
    pub(crate) fn copy_code(&mut self) -> Vec<Effect> {
        let engine = self.engine;
        let key = self.feed_in_front();
        let code = key.as_deref().and_then(|key| Some((key, self.code(key, engine)?)));
        match code {
            None => self.toast("there is no dataset to read", Tone::Plain),
            Some((_, Err(error))) => self.toast(error.to_string(), Tone::Warn),
            Some((key, Ok(code))) => {
                let text = format!("copied: how {} reads {}", engine.name(), escape_controls(key));
                self.toast(text, Tone::Good);
                return vec![Effect::Copy(code.text())];
            }
        }
        Vec::new()
    }

    /// Asks for which engine.
    pub(crate) fn open_engines(&mut self) {
        let Some(key) = self.feed_in_front().filter(|key| self.code(key, self.engine).is_some()) else {
            self.toast("there is no dataset to read", Tone::Plain);
            return;
        };
        let items = Engine::ALL.map(|(_, name, engine)| {
            let code = self.code(&key, engine).and_then(Result::ok);
            let preview = code.as_ref().map(|code| escape_controls(last_statement(code)).into_owned());
            MenuItem {
                key: letter(engine),
                text: name,
                preview: preview.unwrap_or_default(),
                effect: None,
                engine: Some(engine),
            }
        });
        let at = items.iter().position(|item| item.engine == Some(self.engine)).unwrap_or(0);
        self.overlay =
            Some(Overlay::Menu(Menu { title: format!("Read {key} with"), items: items.into(), at }));
    }
}

/// The line that says how it is read.
fn last_statement(code: &Code) -> &str {
    let lines = || code.body.lines();
    let reads = |line: &&str| line.starts_with("SELECT") || line.starts_with("df = ");
    lines().find(reads).or_else(|| lines().last()).unwrap_or_default()
}

/// The letter of the menu.
fn letter(engine: Engine) -> char {
    match engine {
        Engine::DuckDb => 'd',
        Engine::Polars => 'p',
        Engine::Pandas => 'n',
        Engine::PyArrow => 'a',
        Engine::Spark => 's',
        Engine::DataFusion => 'f',
        Engine::Daft => 't',
        Engine::ClickHouse => 'c',
    }
}
