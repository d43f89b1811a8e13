//! What every view has around it: header, tabs, hints at the foot, prompt, toasts.

use super::Tone;
use super::text::{ago, count, escaped, one_line};
use crate::app::overlays::Sheet;
use crate::app::tabs::Level;
use crate::app::{ACTIONS, Action, App, Overlay, PromptKind, Tab};

/// The name of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabView {
    /// Which.
    pub tab: Tab,
    /// `Feeds 8`, `Exports 2`
    pub title: String,
    /// The tab is in front.
    pub active: bool,
}

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HealthState {
    /// Nobody asked yet.
    #[default]
    Unknown,
    /// The server answered.
    Good,
    /// The server answered, and that is longer ago than two intervals.
    Stale,
    /// The server did not answer, or is not well.
    Bad,
}

/// The server in the header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthView {
    /// How it is.
    pub state: HealthState,
    /// The server's address.
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
    /// `2 running, 1 queued, 12,345 rows/s`, and first what the exports wait for; empty when nothing runs.
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
    FrameView {
        lake: escaped(&app.setup.lake.display().to_string()),
        health: health(app),
        badges: badges(app),
        work: work(app),
        tabs: tabs(app),
        hints: hints(app),
        prompt: prompt(app),
        toasts: app.toasts.iter().map(|t| ToastView { text: one_line(&t.text), tone: t.tone }).collect(),
    }
}

fn health(app: &App) -> HealthView {
    let health = &app.health;
    let state = match (&health.error, health.answered) {
        (Some(_), _) => HealthState::Bad,
        (None, None) => HealthState::Unknown,
        (None, Some(_)) if app.is_stale_at(app.now) => HealthState::Stale,
        (None, Some(_)) => HealthState::Good,
    };
    let text = match (&health.error, &health.info) {
        (Some(error), _) => one_line(error),
        (None, Some(info)) => escaped(&info.text),
        (None, None) => "not asked yet".to_owned(),
    };
    let url = health.info.as_ref().map_or(app.setup.server.as_str(), |info| info.url.as_str());
    let last = health.answered.map(|at| format!("{}, {}", at.format("%H:%M:%S"), ago(at, app.now)));
    HealthView { state, url: escaped(url), text, last: last.unwrap_or_default() }
}

fn badges(app: &App) -> Vec<Badge> {
    let all = [
        (app.setup.read_only, "read-only", Tone::Warn),
        (app.frozen.is_some(), "frozen", Tone::Warn),
        (app.mouse, "mouse", Tone::Dim),
    ];
    all.into_iter().filter(|(on, ..)| *on).map(|(_, word, tone)| Badge { word, tone }).collect()
}

fn work(app: &App) -> String {
    let (running, queued) = app.exports.counts();
    if running + queued == 0 {
        return String::new();
    }
    let alive = app.exports.runs.iter().filter(|run| run.is_alive() && run.started.is_some());
    let rate: u64 = alive.map(crate::app::tabs::Run::rate).sum();
    let mut work: Vec<_> = app.exports.waits_for().into_iter().collect();
    work.push(format!("{running} running"));
    if queued > 0 {
        work.push(format!("{queued} queued"));
    }
    if rate > 0 {
        work.push(format!("{} rows/s", count(rate)));
    }
    work.join(", ")
}

fn tabs(app: &App) -> Vec<TabView> {
    let (running, queued) = app.exports.counts();
    let number = |tab| match tab {
        Tab::Feeds => app.feeds.entries().len(),
        Tab::Partitions => 0,
        Tab::Exports => running + queued,
        Tab::Logs => app.logs.below,
    };
    let tab = |tab: Tab| {
        let title = match number(tab) {
            0 => tab.name().to_owned(),
            n => format!("{} {}", tab.name(), count(n as u64)),
        };
        TabView { tab, title, active: tab == app.tab }
    };
    Tab::ALL.map(tab).to_vec()
}

fn hints(app: &App) -> Vec<Hint> {
    let own = |key: &str, text, action| Hint { key: key.to_owned(), text, action };
    match &app.overlay {
        Some(Overlay::Help(_) | Overlay::Palette(_)) => {
            return vec![own("enter", "run", Action::Open), own("esc", "close", Action::Back)];
        }
        Some(Overlay::Confirm(_)) => {
            return vec![own("y", "yes", Action::Open), own("n", "no", Action::Back)];
        }
        Some(Overlay::Menu(_)) => {
            return vec![own("enter", "copy", Action::Open), own("esc", "close", Action::Back)];
        }
        Some(Overlay::Form(_)) => {
            return vec![
                own("enter", "write", Action::Open),
                own("tab", "next field", Action::Down),
                own("esc", "close", Action::Back),
            ];
        }
        Some(Overlay::Sheet(Sheet::Day { .. })) => {
            return vec![own("j k", "scroll", Action::Down), own("esc", "close", Action::Back)];
        }
        Some(Overlay::Sheet(Sheet::History { .. })) => {
            let mut hints = vec![own("d", "differs", Action::ShowHistory)];
            if !app.setup.read_only {
                hints.push(own("p", "pin", Action::ShowHistory));
                hints.push(own("u", "roll back", Action::ShowHistory));
            }
            hints.push(own("j k", "move", Action::Down));
            hints.push(own("esc", "close", Action::Back));
            return hints;
        }
        Some(Overlay::Sheet(Sheet::Difference { .. })) => {
            return vec![own("j k", "scroll", Action::Down), own("esc", "back", Action::Back)];
        }
        Some(Overlay::Sheet(Sheet::Check { feeds, .. })) => {
            let mut hints = Vec::new();
            if feeds.iter().any(|feed| app.is_checking(feed)) {
                hints.push(own("x", "cancel", Action::Cancel));
            }
            if !app.setup.read_only && feeds.iter().any(|feed| app.can_repair(feed)) {
                hints.push(own("r", "repair", Action::Open));
            }
            hints.push(own("d", "every row", Action::Check));
            hints.push(own("c", "again", Action::Check));
            hints.push(own("j k", "scroll", Action::Down));
            hints.push(own("esc", "close", Action::Back));
            return hints;
        }
        None => {}
    }
    if app.prompt.is_some() {
        return vec![
            own("enter", "keep", Action::Open),
            own("esc", "as before", Action::Back),
            own("up", "earlier ones", Action::Up),
        ];
    }
    let contexts = app.contexts();
    // What is told everywhere: how to find the rest comes before the rest.
    let first = [Action::Help, Action::Palette];
    let here = ACTIONS.iter().filter(|info| !info.hint.is_empty() && !first.contains(&info.action));
    let here = here.filter(|info| info.contexts.iter().any(|context| contexts.contains(context)));
    let infos = first.iter().map(|action| action.info()).chain(here);
    infos
        .filter(|info| !(info.changes && app.setup.read_only))
        .filter(|info| app.is_possible(info.action) && app.hints_at(info.action))
        .filter_map(|info| {
            let keys = contexts.iter().flat_map(|context| app.setup.keymap.keys(*context, info.action));
            let key = keys.map(ToString::to_string).next()?;
            Some(Hint { key, text: info.hint, action: info.action })
        })
        .collect()
}

fn prompt(app: &App) -> Option<PromptView> {
    let prompt = app.prompt.as_ref()?;
    let (shown, total) = match app.tab {
        Tab::Feeds => (app.feeds.keys.len(), app.feeds.entries().len()),
        Tab::Exports => (app.exports.keys.len(), app.exports.runs.len()),
        Tab::Partitions if app.partitions.level == Level::Datasets => {
            (app.partitions.dataset_keys.len(), app.held.len())
        }
        Tab::Partitions => (app.partitions.keys.len(), app.partitions.items.len()),
        Tab::Logs => (app.logs.hits, app.logs.shown.len()),
    };
    let label = match prompt.kind {
        PromptKind::Filter => "filter",
        PromptKind::Search => "search",
    };
    Some(PromptView {
        label,
        text: escaped(prompt.input.text()),
        cursor: prompt.input.cursor(),
        note: format!("{} of {}", count(shown as u64), count(total as u64)),
    })
}
