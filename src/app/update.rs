//! Dispatch: a message changes the state and gives what is to be done outside.
//!
//! ```text
//! key ─▶ overlay, else prompt, else keymap of the view in front ─▶ Action ─▶ perform ─▶ the view's own answer
//! data, events ─▶ state   (held back while the screen is frozen; failures are told all the same)
//! ```

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::action::{Action, Context};
use super::effect::Effect;
use super::key::Key;
use super::message::{Message, Target};
use super::overlays::{Help, Overlay, Palette};
use super::state::{App, Held, Tab};
use super::tabs::{FeedColumn, Level, RunState};
use super::view::Tone;
use crate::export::event::What;
use crate::export::{Event, Outcome, Trigger};
use crate::log::Month;

/// Messages that a frozen screen holds back; with more it thaws, because memory has an end.
const HELD_MOST: usize = 20_000;

impl App {
    /// What is to be done first.
    pub fn start(&mut self) -> Vec<Effect> {
        vec![
            Effect::LoadCatalog,
            Effect::LoadMonths,
            Effect::LoadLog(Month::of(self.clock)),
            Effect::CheckHealth,
            Effect::Mouse(self.mouse),
        ]
    }

    /// Takes a message; what is given back is to be carried out, in order.
    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Message::Engine(event) = &message {
            effects.extend(self.tell(event));
        }
        let data = matches!(
            message,
            Message::Catalog(_)
                | Message::Dataset { .. }
                | Message::Locks(_)
                | Message::Engine(_)
                | Message::Health { .. }
                | Message::LogAppended(_)
                | Message::Schedules(_)
        );
        if let (Some(held), true) = (&mut self.frozen, data) {
            held.push(message);
            if held.len() > HELD_MOST {
                self.toast("too much happened: the screen is no longer frozen", Tone::Warn);
                effects.extend(self.thaw());
            }
            return effects;
        }
        // A tick knows itself whether it brought something to draw.
        if !matches!(message, Message::Tick { .. }) {
            self.revision += 1;
        }
        effects.extend(self.apply(message));
        effects
    }

    fn apply(&mut self, message: Message) -> Vec<Effect> {
        match message {
            Message::Key(key) => return self.key(key),
            Message::Paste(text) => self.paste(&text),
            Message::Click(target) => return self.click(target),
            Message::Wheel { down } => {
                let action = if down { Action::Down } else { Action::Up };
                return (0..3).flat_map(|_| self.move_in_view(action)).collect();
            }
            Message::Resize { width, height } => self.size = (width, height),
            Message::Focus(focused) => self.focused = focused,
            Message::Tick { now } => self.tick(now),
            Message::Catalog(catalog) => return self.set_catalog(catalog),
            Message::Dataset { feed, metadata, usage } => {
                let (metadata, error) = match metadata {
                    Ok(metadata) => (metadata, None),
                    Err(error) => (None, Some(error.to_string())),
                };
                let usage = usage.or_else(|| self.held.remove(&feed).and_then(|held| held.usage));
                self.held.insert(feed.clone(), Held { metadata, error, usage });
                self.reorder_feeds_by_state();
                self.place_dataset(&feed);
                if self.partitions.feed.as_ref() == Some(&feed) {
                    self.rebuild_partitions();
                }
            }
            Message::Locks(locks) => self.set_locks(locks),
            Message::Engine(event) => return self.engine_event(&event),
            Message::Health { at, server } => match server {
                Ok(info) => {
                    self.health.info = Some(info);
                    self.health.answered = Some(at);
                    self.health.error = None;
                }
                Err(error) => self.health.error = Some(error.to_string()),
            },
            Message::Sources(sources) => self.sources = Some(sources.map_err(|error| error.to_string())),
            Message::Months(months) => self.logs.months = months,
            Message::Log { month, log } => match log {
                Ok(log) => self.logs.set_month(month, log),
                Err(error) => self.logs.error = Some(error.to_string()),
            },
            Message::LogAppended(records) => self.logs.append(records),
            Message::Files { feed, partition, files } => {
                let open = &mut self.partitions.files;
                if self.partitions.feed.as_ref() == Some(&feed) && open.partition == partition {
                    open.keys = files.iter().flatten().map(|file| file.name.clone()).collect();
                    open.cursor.refresh(&open.keys);
                    open.read = Some(files.map_err(|error| error.to_string()));
                }
            }
            Message::Rows { path, grid } => {
                let open = &mut self.partitions.grid;
                if open.path == path {
                    open.asked = None;
                    open.grid = Some(grid.map_err(|error| error.to_string()));
                }
            }
            Message::Plan { feed, plan } => {
                self.plans.insert(feed, plan.map_err(|error| error.to_string()));
                self.renew_menu();
            }
            Message::EditorClosed { path, problems } => return self.editor_closed(&path, problems),
            Message::Done { text, undo } => {
                if !undo.is_empty() {
                    self.undo.push(undo);
                }
                if !text.is_empty() {
                    self.toast(text, Tone::Good);
                }
                return vec![Effect::LoadCatalog];
            }
            Message::Failed(error) => self.toast(error.to_string(), Tone::Bad),
            Message::Schedules(schedules) => {
                self.schedules = schedules;
                self.reorder_feeds_by_state();
            }
        }
        Vec::new()
    }

    fn editor_closed(
        &mut self,
        path: &std::path::Path,
        problems: crate::Result<Vec<crate::feed::Problem>>,
    ) -> Vec<Effect> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match problems {
            Ok(problems) => match problems.as_slice() {
                [] => self.toast(format!("{name} is valid"), Tone::Good),
                [one] => self.toast(format!("{name}: {one}"), Tone::Bad),
                [first, rest @ ..] => {
                    self.toast(format!("{name}: {first}; and {} more", rest.len()), Tone::Bad);
                }
            },
            Err(error) => self.toast(error.to_string(), Tone::Bad),
        }
        vec![Effect::Redraw, Effect::LoadCatalog]
    }

    /// The ends of exports are told at once, whatever is in front, frozen or not.
    fn tell(&mut self, event: &Event) -> Vec<Effect> {
        let What::Finished(finished) = &event.what else { return Vec::new() };
        let long =
            TimeDelta::from_std(finished.elapsed).is_ok_and(|elapsed| elapsed >= self.setup.notify_after);
        let asked = self.exports.latest(&event.feed).is_some_and(|run| run.trigger == Trigger::Asked);
        let (title, body, notify) = match &finished.outcome {
            Outcome::Failed(error) => {
                self.toast(format!("{} failed: {error}", event.feed), Tone::Bad);
                (format!("{} failed", event.feed), error.to_string(), true)
            }
            Outcome::Done { text } | Outcome::Skipped { text } => {
                if asked {
                    self.toast(format!("{}: {text}", event.feed), Tone::Good);
                }
                (format!("{} is exported", event.feed), text.clone(), long)
            }
            Outcome::Cancelled => {
                self.toast(format!("{} was cancelled", event.feed), Tone::Plain);
                return Vec::new();
            }
        };
        if notify && !self.focused { vec![Effect::Notify { title, body }, Effect::Bell] } else { Vec::new() }
    }

    fn tick(&mut self, now: DateTime<Utc>) {
        let before = self.clock;
        self.clock = now;
        let mut new = self.toasts.expire(now);
        if self.frozen.is_none() {
            new |= self.sample_exports(now);
            // Ages are told in minutes, and a wait in seconds.
            let minute = |time: DateTime<Utc>| time.timestamp().div_euclid(60);
            new |= minute(before) != minute(now);
            new |= before.second() != now.second() && self.is_counting();
            new |= self.is_stale_at(before) != self.is_stale_at(now);
            self.now = now;
        }
        self.revision += u64::from(new);
    }

    /// Something on the screen changes every second.
    fn is_counting(&self) -> bool {
        self.exports.runs.iter().any(|run| run.is_alive() || matches!(run.state, RunState::External(_)))
    }

    /// The last answer of the server is older than two intervals.
    pub(crate) fn is_stale_at(&self, now: DateTime<Utc>) -> bool {
        self.health.answered.is_some_and(|answered| now - answered > self.setup.health_every * 2)
    }

    /// When a `Tick` is needed although nothing happened; `None` when the screen may sleep.
    pub fn next_deadline(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        const LIVE: TimeDelta = TimeDelta::milliseconds(250);
        let toast = self.toasts.deadline();
        if self.frozen.is_some() {
            return toast;
        }
        let live = self.exports.runs.iter().any(|run| run.progress.is_some()).then(|| now + LIVE);
        let second = self.is_counting().then(|| now + TimeDelta::seconds(1));
        let stale = self.health.answered.map(|answered| answered + self.setup.health_every * 2);
        let stale = stale.map(|at| at + TimeDelta::milliseconds(1)).filter(|at| *at > now);
        // Ages: at the next whole minute.
        let ages = self.health.answered.is_some() || !self.held.is_empty();
        let minute =
            ages.then(|| DateTime::from_timestamp((now.timestamp().div_euclid(60) + 1) * 60, 0)).flatten();
        [toast, live, second, stale, minute].into_iter().flatten().min()
    }

    fn thaw(&mut self) -> Vec<Effect> {
        let held = self.frozen.take().unwrap_or_default();
        self.now = self.clock;
        self.revision += 1;
        held.into_iter().flat_map(|message| self.apply(message)).collect()
    }

    /// The contexts whose keys count now, the nearest first.
    pub(crate) fn contexts(&self) -> [Context; 3] {
        let near = match self.tab {
            Tab::Feeds if self.detail.is_some() => Context::Detail,
            Tab::Feeds => Context::Feeds,
            Tab::Partitions => match self.partitions.level {
                Level::Datasets | Level::Partitions | Level::Calendar => Context::Partitions,
                Level::Files => Context::Files,
                Level::Grid => Context::Grid,
            },
            Tab::Exports => Context::Exports,
            Tab::Logs => Context::Logs,
        };
        [near, Context::Lists, Context::Everywhere]
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        if let Some(overlay) = self.overlay.take() {
            return self.overlay_key(overlay, key);
        }
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        match self.setup.keymap.action(key, &self.contexts()) {
            Some(action) => self.perform(action),
            None => Vec::new(),
        }
    }

    fn paste(&mut self, text: &str) {
        match &mut self.overlay {
            Some(Overlay::Help(help)) => help.search.paste(text),
            Some(Overlay::Palette(palette)) => palette.search.paste(text),
            Some(Overlay::Form(form)) => form.paste(text),
            Some(Overlay::Confirm(_) | Overlay::Menu(_)) => {}
            None => {
                if let Some(prompt) = &mut self.prompt {
                    prompt.input.paste(text);
                    self.prompt_changed();
                }
            }
        }
    }

    fn click(&mut self, target: Target) -> Vec<Effect> {
        if let Some(overlay) = self.overlay.take() {
            return match target {
                Target::Outside => Vec::new(),
                Target::Row(row) => self.overlay_click(overlay, row),
                _ => {
                    self.overlay = Some(overlay);
                    Vec::new()
                }
            };
        }
        match target {
            Target::Tab(tab) => self.tab = tab,
            Target::Hint(action) => return self.perform(action),
            Target::Column(column) => {
                return u8::try_from(column + 1).map(|n| self.perform(Action::Sort(n))).unwrap_or_default();
            }
            Target::Row(row) => self.click_row(row),
            Target::Outside => {}
        }
        Vec::new()
    }

    /// Does what an operator wants, where it may be done.
    pub fn perform(&mut self, action: Action) -> Vec<Effect> {
        self.revision += 1;
        let info = action.info();
        if info.changes && self.setup.read_only {
            self.toast(format!("read-only: {} is refused", info.name), Tone::Warn);
            return Vec::new();
        }
        let contexts = self.contexts();
        if !info.contexts.iter().any(|context| contexts.contains(context)) {
            let places: Vec<_> = info.contexts.iter().map(|context| context.word()).collect();
            self.toast(format!("{} works in {}", info.name, places.join(", ")), Tone::Plain);
            return Vec::new();
        }
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Help => self.overlay = Some(Overlay::Help(Help::default())),
            Action::Palette => self.overlay = Some(Overlay::Palette(Palette::default())),
            Action::NextTab | Action::PreviousTab => {
                let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
                let step = if action == Action::NextTab { 1 } else { Tab::ALL.len() - 1 };
                self.tab = Tab::ALL[(at + step) % Tab::ALL.len()];
            }
            Action::TabFeeds => {
                self.tab = Tab::Feeds;
                self.detail = None;
            }
            Action::TabPartitions => self.tab = Tab::Partitions,
            Action::TabExports => self.tab = Tab::Exports,
            Action::TabLogs => self.tab = Tab::Logs,
            Action::NextTheme => {
                self.theme = self.theme.next();
                self.toast(format!("theme {}", self.theme.word()), Tone::Plain);
            }
            Action::ToggleMouse => {
                self.mouse = !self.mouse;
                return vec![Effect::Mouse(self.mouse)];
            }
            Action::Freeze if self.frozen.is_some() => return self.thaw(),
            Action::Freeze => self.frozen = Some(Vec::new()),
            Action::Refresh => return self.refresh(),
            Action::Filter => self.open_prompt(),
            Action::Back => return self.back(),
            Action::Copy => return self.open_copy_menu(),
            Action::CopyName
            | Action::CopyPath
            | Action::CopyQuery
            | Action::CopyError
            | Action::CopyCommand => {
                return self.copy_now(action);
            }
            Action::ShowPartitions => {
                let feed = self.feed_in_front();
                return feed.map(|feed| self.open_dataset(&feed)).unwrap_or_default();
            }
            Action::ShowLog => {
                let feed = self.feed_in_front();
                self.show_log(feed);
            }
            Action::Sort(_) | Action::SortNext | Action::SortReverse => return self.sort(action),
            Action::Up
            | Action::Down
            | Action::PageUp
            | Action::PageDown
            | Action::Top
            | Action::Bottom
            | Action::Left
            | Action::Right => return self.move_in_view(action),
            _ => return self.in_view(action),
        }
        Vec::new()
    }

    /// What only the view in front can answer.
    fn in_view(&mut self, action: Action) -> Vec<Effect> {
        match self.tab {
            Tab::Feeds => self.feeds_action(action),
            Tab::Partitions => self.partitions_action(action),
            Tab::Exports => self.exports_action(action),
            Tab::Logs => self.logs_action(action),
        }
    }

    /// The feed that a view is about.
    pub(crate) fn feed_in_front(&self) -> Option<String> {
        match self.tab {
            Tab::Feeds => match &self.detail {
                Some(detail) => Some(detail.feed.clone()),
                None => self.feeds.cursor.key().cloned(),
            },
            Tab::Exports => {
                let id = self.exports.cursor.key()?;
                self.exports.by_id(*id).map(|run| run.feed.clone())
            }
            Tab::Partitions => match self.partitions.level {
                Level::Datasets => self.partitions.datasets.key().cloned(),
                _ => self.partitions.feed.clone(),
            },
            Tab::Logs => self.logs.feed.clone(),
        }
    }

    fn back(&mut self) -> Vec<Effect> {
        match self.tab {
            Tab::Feeds if self.detail.is_some() => self.detail = None,
            Tab::Feeds if self.feeds.cursor.clear() => {}
            Tab::Partitions
                if self.partitions.level != Level::Datasets && self.partitions.filter_text.is_empty() =>
            {
                return self.partitions_action(Action::Back);
            }
            Tab::Logs if !self.logs.search.is_empty() => self.set_search(""),
            Tab::Logs if self.logs.feed.is_some() => return self.logs_action(Action::ByFeed),
            _ => {
                if self.filter_text().is_empty() {
                    self.toasts.clear();
                } else {
                    self.set_filter("");
                }
            }
        }
        Vec::new()
    }

    fn refresh(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::LoadCatalog, Effect::CheckHealth, Effect::LoadMonths];
        let feeds = self.feeds.names.iter().filter(|key| self.feeds.feed(key).is_some());
        effects.extend(feeds.cloned().map(Effect::LoadDataset));
        if self.tab == Tab::Partitions
            && self.partitions.level == Level::Files
            && let Some(feed) = self.partitions.feed.clone()
        {
            effects.push(Effect::LoadFiles { feed, partition: self.partitions.files.partition.clone() });
        }
        if let Some(detail) = &self.detail {
            effects.push(Effect::LoadPlan(detail.feed.clone()));
        }
        effects
    }

    fn sort(&mut self, action: Action) -> Vec<Effect> {
        let at = FeedColumn::ALL.iter().position(|column| *column == self.feeds.sort).unwrap_or(0);
        match (self.tab, action) {
            (Tab::Feeds, Action::Sort(n)) if !self.in_detail() => {
                if let Some(column) = FeedColumn::ALL.get(usize::from(n).saturating_sub(1)) {
                    self.sort_feeds(*column);
                }
            }
            (Tab::Feeds, Action::SortNext) if !self.in_detail() => {
                self.sort_feeds(FeedColumn::ALL[(at + 1) % FeedColumn::ALL.len()]);
            }
            (Tab::Feeds, Action::SortReverse) if !self.in_detail() => self.sort_feeds(self.feeds.sort),
            (Tab::Partitions, Action::SortReverse) => {
                self.partitions.reverse = !self.partitions.reverse;
                self.reorder_partitions();
            }
            (Tab::Partitions, Action::SortNext) => {
                self.partitions.sort = (self.partitions.sort + 1) % 5;
                self.reorder_partitions();
            }
            (Tab::Partitions, action) => return self.partitions_action(action),
            _ => {}
        }
        Vec::new()
    }

    fn move_in_view(&mut self, action: Action) -> Vec<Effect> {
        let page = self.page();
        match self.tab {
            Tab::Feeds => {
                if !self.scroll_detail(action) {
                    step(&mut self.feeds.cursor, &self.feeds.keys, action, page);
                }
            }
            Tab::Partitions => {
                let partitions = &mut self.partitions;
                match partitions.level {
                    Level::Datasets => step(&mut partitions.datasets, &partitions.dataset_keys, action, page),
                    Level::Partitions => step(&mut partitions.cursor, &partitions.keys, action, page),
                    Level::Calendar => self.move_calendar(action),
                    Level::Files => step(&mut partitions.files.cursor, &partitions.files.keys, action, page),
                    Level::Grid => return self.move_grid(action),
                }
            }
            Tab::Exports => step(&mut self.exports.cursor, &self.exports.keys, action, page),
            Tab::Logs => return self.logs_action(action),
        }
        Vec::new()
    }

    fn click_row(&mut self, row: usize) {
        let page = self.page();
        let partitions = &mut self.partitions;
        match self.tab {
            Tab::Feeds if self.detail.is_some() => {}
            Tab::Feeds => self.feeds.cursor.go(row, &self.feeds.keys, page),
            Tab::Partitions => match partitions.level {
                Level::Datasets => partitions.datasets.go(row, &partitions.dataset_keys, page),
                Level::Partitions => partitions.cursor.go(row, &partitions.keys, page),
                Level::Files => partitions.files.cursor.go(row, &partitions.files.keys, page),
                Level::Calendar => {}
                Level::Grid => {
                    let row = row as u64;
                    if matches!(&partitions.grid.grid, Some(Ok(grid)) if row < grid.total) {
                        partitions.grid.row = row;
                    }
                }
            },
            Tab::Exports => self.exports.cursor.go(row, &self.exports.keys, page),
            Tab::Logs => self.click_log(row),
        }
    }
}

/// Moves a cursor of a list.
fn step<K: Ord + Clone>(cursor: &mut super::cursor::Cursor<K>, keys: &[K], action: Action, page: usize) {
    let lines = isize::try_from(page).unwrap_or(isize::MAX);
    match action {
        Action::Up => cursor.step(-1, keys, page),
        Action::Down => cursor.step(1, keys, page),
        Action::PageUp => cursor.step(-lines, keys, page),
        Action::PageDown => cursor.step(lines, keys, page),
        Action::Top => cursor.go(0, keys, page),
        Action::Bottom => cursor.go(usize::MAX, keys, page),
        _ => {}
    }
}
