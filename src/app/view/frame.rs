//! What every view has around it: header, tabs, hints at the foot, prompt, toasts.

use super::Tone;
use crate::app::{Action, App, Tab};

/// The name of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabView {
    /// Which.
    pub tab: Tab,
    /// `Feeds 8`, `Exports 2`
    pub title: String,
    /// It is in front.
    pub active: bool,
}

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HealthState {
    /// Nobody asked yet.
    #[default]
    Unknown,
    /// It answered.
    Good,
    /// It answered, and that is longer ago than two intervals.
    Stale,
    /// It did not answer, or is not well.
    Bad,
}

/// The server in the header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthView {
    /// How it is.
    pub state: HealthState,
    /// Its address.
    pub url: String,
    /// `ksqlDB 7.6.1, RUNNING`, or why it does not answer.
    pub text: String,
    /// `12:03:04, 2 min ago`: the last answer; empty when there was none.
    pub last: String,
}

/// A word in the header: `read-only`, `frozen`, `mouse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// The word.
    pub word: &'static str,
    /// How it is meant.
    pub tone: Tone,
}

/// A key and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The key.
    pub key: String,
    /// The word.
    pub text: &'static str,
    /// For a click.
    pub action: Action,
}

/// A line that is being typed at the foot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptView {
    /// `filter` or `search`
    pub label: &'static str,
    /// What was typed.
    pub text: String,
    /// The cursor, in characters.
    pub cursor: usize,
    /// How many match, or what is wrong with it.
    pub note: String,
}

/// A message that goes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToastView {
    /// The text, escaped.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// What is around every view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FrameView {
    /// The lake.
    pub lake: String,
    /// The server.
    pub health: HealthView,
    /// Words in the header.
    pub badges: Vec<Badge>,
    /// `2 running, 1 queued, 12,345 rows/s`; empty when nothing runs.
    pub work: String,
    /// The tabs.
    pub tabs: Vec<TabView>,
    /// The keys of the view in front, the most useful first: as many as fit are shown.
    pub hints: Vec<Hint>,
    /// The line that is being typed.
    pub prompt: Option<PromptView>,
    /// The newest last.
    pub toasts: Vec<ToastView>,
}

/// Everything around the view in front.
pub fn frame(app: &App) -> FrameView {
    let _ = app;
    FrameView::default()
}
