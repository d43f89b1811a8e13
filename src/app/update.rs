//! Dispatch: a message changes the state and gives what is to be done outside.

use chrono::{DateTime, Utc};

use super::effect::Effect;
use super::message::Message;
use super::overlays::Toasts;
use super::state::{App, Health, Setup, Tab};
use super::tabs::{Exports, Feeds, Logs, Partitions};
use crate::log::Level;

impl App {
    /// A screen before anything is known. The runtime sends `Catalog`, `Dataset`, … as they come.
    pub fn new(setup: Setup) -> Self {
        Self {
            now: setup.now,
            focused: true,
            tab: Tab::Feeds,
            theme: setup.theme,
            mouse: setup.mouse,
            feeds: Feeds::default(),
            detail: None,
            partitions: Partitions::default(),
            exports: Exports::default(),
            logs: Logs {
                records: std::collections::VecDeque::new(),
                first: 0,
                capacity: setup.log_capacity,
                month: None,
                months: Vec::new(),
                shown: std::collections::VecDeque::new(),
                at: 0,
                top: 0,
                following: true,
                below: 0,
                level: Level::Info,
                feed: None,
                search: String::new(),
                wrap: false,
                shift: 0,
                error: None,
            },
            overlay: None,
            prompt: None,
            toasts: Toasts::default(),
            health: Health::default(),
            held: std::collections::BTreeMap::new(),
            locks: std::collections::BTreeMap::new(),
            schedules: std::collections::BTreeMap::new(),
            sources: None,
            undo: Vec::new(),
            frozen: None,
            revision: 1,
            quitting: false,
            setup,
        }
    }

    /// Takes a message; what is given back is to be carried out, in order.
    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        let _ = message;
        Vec::new()
    }

    /// When a `Tick` is needed although nothing happened; `None` when the screen may sleep.
    pub fn next_deadline(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let _ = now;
        None
    }
}
