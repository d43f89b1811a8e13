//! Messages that go by themselves.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::view::Tone;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// What it says, not escaped.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    /// When it goes.
    pub until: DateTime<Utc>,
}

/// The messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Toasts {
    list: VecDeque<Toast>,
}

/// More than these are not kept: the log has them all.
const MOST: usize = 4;

impl Toasts {
    /// Shows a message: four seconds, ten when something is wrong.
    pub fn push(&mut self, text: impl Into<String>, tone: Tone, now: DateTime<Utc>) {
        let text = text.into();
        let seconds = if matches!(tone, Tone::Bad | Tone::Warn) { 10 } else { 4 };
        // The same message again is the old one, shown longer.
        self.list.retain(|toast| toast.text != text);
        if self.list.len() == MOST {
            self.list.pop_front();
        }
        self.list.push_back(Toast { text, tone, until: now + TimeDelta::seconds(seconds) });
    }

    /// Lets go what is over; true when something went.
    pub fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let before = self.list.len();
        self.list.retain(|toast| toast.until > now);
        self.list.len() < before
    }

    /// When the next one goes.
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        self.list.iter().map(|toast| toast.until).min()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Toast> {
        self.list.iter()
    }

    /// Takes all away; false when there were none.
    pub fn clear(&mut self) -> bool {
        let any = !self.list.is_empty();
        self.list.clear();
        any
    }
}
