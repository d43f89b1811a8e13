//! What is told, as it is found; and questions to others, each with a limit of time.

use std::time::Duration;

use super::Line;
use crate::error::{Error, Kind, Result};
use crate::export::log::within;

/// How long a question may take.
const LIMIT: Duration = Duration::from_secs(10);
/// After so long it is told that an answer is waited for.
const SOON: Duration = Duration::from_secs(1);

/// Something that `doctor` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// An answer is waited for: the topic, and what was asked.
    Waits(&'static str, String),
    /// What was looked at, and how it is.
    Line(Line),
}

/// Where it is told.
pub struct Lines<'a>(&'a mut dyn FnMut(Told));

impl<'a> Lines<'a> {
    /// Tells everything at once to `tell`.
    pub fn new(tell: &'a mut dyn FnMut(Told)) -> Self {
        Self(tell)
    }

    pub(super) fn push(&mut self, line: Line) {
        (self.0)(Told::Line(line));
    }

    pub(super) fn extend(&mut self, lines: impl IntoIterator<Item = Line>) {
        lines.into_iter().for_each(|line| self.push(line));
    }

    /// Tells why a feed cannot be read; true when nobody answers, so that the `left` others need not be asked about.
    pub(super) fn fails(&mut self, topic: &'static str, error: Error, feed: &str, left: usize) -> bool {
        let ends = error.kind() == Kind::Unreachable;
        self.push(Line::of(topic, &error.at("feed", feed)));
        if ends && left > 0 {
            let what = format!("{left} more feeds were not looked at, as nobody answers");
            self.push(Line::warn(topic, what, "call doctor again when that is mended"));
        }
        ends
    }

    /// Asks somebody else, for a bounded time: `what` continues "waiting for".
    ///
    /// # Errors
    /// Those of the question, and `Kind::Unreachable` when no answer comes in time.
    pub(super) async fn ask<T>(
        &mut self,
        topic: &'static str,
        what: &str,
        question: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut question = std::pin::pin!(question);
        if let Some(answer) = within(SOON, &mut question).await {
            return answer;
        }
        (self.0)(Told::Waits(topic, format!("waiting for {what}, at most {} s", LIMIT.as_secs())));
        within(LIMIT.saturating_sub(SOON), question).await.unwrap_or_else(|| {
            Err(Error::new(Kind::Unreachable, format!("{what}: no answer within {} s", LIMIT.as_secs()))
                .next("look at the server's load, and at its brokers"))
        })
    }
}
