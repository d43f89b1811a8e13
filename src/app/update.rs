//! Dispatch: a message changes the state and gives what is to be done outside.
//!
//! ```text
//! key ─▶ overlay, else prompt, else keymap of the view in front ─▶ Action ─▶ perform ─▶ the view's own answer
//! data, events ─▶ state   (held back while the screen is frozen; failures are told all the same)
//! ```

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::action::{Action, Context};
use super::effect::Effect;
use super::key::{Key, KeyCode};
use super::message::{Message, Target};
use super::overlays::Overlay;
use super::state::{App, DatasetState, Tab};
use super::tabs::{Level, RunState};
use super::view::Tone;
use crate::export::event::What;
use crate::export::{Event, Outcome, Trigger};
use crate::lake::{Metadata, PartitionUsage};
use crate::log::Month;

/// Messages that a frozen screen holds back; with more it thaws, because memory has an end.
const HELD_MOST: usize = 20_000;
/// Changes that can be taken back.
const UNDO_MOST: usize = 50;

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
                | Message::Catalogs { .. }
                | Message::Disk { .. }
                | Message::Days { .. }
                | Message::History { .. }
                | Message::Difference { .. }
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
        // These know themselves whether they brought something to draw.
        if !matches!(message, Message::Tick { .. } | Message::Disk { .. }) {
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
            Message::Wheel { down } if self.overlay.is_some() => {
                return self.key(Key::plain(if down { KeyCode::Down } else { KeyCode::Up }));
            }
            Message::Wheel { down } => {
                let action = if down { Action::Down } else { Action::Up };
                return (0..3).flat_map(|_| self.move_in_view(action)).collect();
            }
            Message::Resize { width, height } => self.size = (width, height),
            Message::Focus(focused) => self.focused = focused,
            Message::Tick { now } => self.tick(now),
            Message::Catalog(catalog) => return self.set_catalog(catalog),
            Message::Dataset { feed, metadata, usage } => return self.set_dataset(&feed, metadata, usage),
            Message::Catalogs { feed, states } => {
                self.catalogs.insert(feed, states);
                self.reorder_feeds_by_state();
            }
            Message::Disk { free } => self.set_free(free),
            Message::Days { feed, days } => self.set_days(feed, days),
            told @ (Message::History { .. } | Message::Difference { .. }) => self.set_told(told),
            Message::Checked { feed, at, deep, mended, report } => {
                return self.set_checked(&feed, at, deep, mended, report);
            }
            Message::RepairRefused { feed, deep, what } => self.set_refused(&feed, deep, what),
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
                    if self.undo.len() > UNDO_MOST {
                        self.undo.remove(0);
                    }
                }
                if !text.is_empty() {
                    self.toast(text, Tone::Good);
                }
                let mut effects = vec![Effect::LoadCatalog];
                if let Some(detail) = &self.detail {
                    effects.push(Effect::LoadDataset(detail.feed.clone()));
                    effects.push(Effect::LoadPlan(detail.feed.clone()));
                }
                return effects;
            }
            Message::Failed(error) => self.toast(error.to_string(), Tone::Bad),
            Message::Schedules(schedules) => {
                self.schedules = schedules;
                self.reorder_feeds_by_state();
            }
        }
        Vec::new()
    }

    fn set_dataset(
        &mut self,
        feed: &str,
        metadata: crate::Result<Option<Metadata>>,
        usage: Option<crate::Result<Vec<PartitionUsage>>>,
    ) -> Vec<Effect> {
        let (metadata, error) = match metadata {
            Ok(metadata) => (metadata, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let (usage, unwalked) = match usage {
            Some(Ok(usage)) => (Some(usage), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => self.held.remove(feed).map_or((None, None), |held| (held.usage, held.unwalked)),
        };
        self.held.insert(feed.to_owned(), DatasetState { metadata, error, usage, unwalked, growth: None });
        self.measure(feed);
        self.reorder_feeds_by_state();
        self.place_dataset(feed);
        if self.partitions.feed.as_deref() == Some(feed) {
            self.rebuild_partitions();
        }
        self.ask_again(feed)
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
            if before.date_naive() != now.date_naive() {
                self.measure_all();
            }
        }
        self.revision += u64::from(new);
    }

    /// Something on the screen changes every second.
    fn is_counting(&self) -> bool {
        self.checks.values().any(|checked| checked.running.is_some())
            || self
                .exports
                .runs
                .iter()
                .any(|run| run.is_alive() || matches!(run.state, RunState::External(_)))
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

    pub(super) fn thaw(&mut self) -> Vec<Effect> {
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
            Some(Overlay::Confirm(_) | Overlay::Menu(_) | Overlay::Sheet(_)) => {}
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
}
