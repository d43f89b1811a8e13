//! The feeds: which there are, in which order they are shown, which are marked, and what is done to them.
//!
//! A row's key is the feed's name, so that the cursor stays on a feed that is archived; of two files of one name the
//! second has its place behind the name.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::app::action::Action;
use crate::app::cursor::Cursor;
use crate::app::effect::Effect;
use crate::app::filter::Filter;
use crate::app::overlays::{Confirm, Form, Overlay};
use crate::app::state::App;
use crate::app::tabs::{Detail, Run};
use crate::app::view::feeds::{FeedState, state_of};
use crate::app::view::{Order, Tone};
use crate::export::Trigger;
use crate::feed::{Catalog, Entry, Feed, Place};
use crate::lake::Reset;

/// A column of the table, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeedColumn {
    /// The name.
    #[default]
    Name,
    /// The state, the most pressing first.
    State,
    /// Stream or table.
    Kind,
    /// The storage mode.
    Mode,
    /// Bytes in the lake.
    Size,
    /// Rows in the lake.
    Rows,
    /// The last export.
    Last,
    /// The next run.
    Next,
    /// How far the catalogues are behind.
    Catalog,
}

impl FeedColumn {
    /// All, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::State,
        Self::Kind,
        Self::Mode,
        Self::Size,
        Self::Rows,
        Self::Last,
        Self::Next,
        Self::Catalog,
    ];
}

/// The fields of its filter.
pub(crate) const FIELDS: [&str; 6] = ["name", "state", "kind", "mode", "source", "description"];

/// The state of the view.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    /// What is in the folders; `None` before it was read for the first time.
    pub(crate) catalog: Option<Catalog>,
    /// The key of each entry of the catalog.
    pub(crate) names: Vec<String>,
    /// Indexes into the catalog, filtered and sorted.
    pub(crate) order: Vec<usize>,
    /// The keys of `order`.
    pub(crate) keys: Vec<String>,
    /// The cursor and the marks.
    pub(crate) cursor: Cursor<String>,
    /// The column by which it is sorted.
    pub(crate) sort: FeedColumn,
    /// Largest first.
    pub(crate) reverse: bool,
    /// What is shown, as typed.
    pub(crate) filter_text: String,
    /// What is shown.
    pub(crate) filter: Filter,
    /// The last valid version of feeds whose file is invalid now: it stays in force.
    pub(crate) last_good: BTreeMap<String, Feed>,
    /// Where in the catalog a key is.
    places: BTreeMap<String, usize>,
}

impl Feeds {
    pub(crate) fn entries(&self) -> &[Entry] {
        self.catalog.as_ref().map_or(&[], |catalog| &catalog.entries)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.places.get(key).and_then(|at| self.entries().get(*at))
    }

    /// What is in force for this key: the file's meaning, or the last good one.
    pub(crate) fn feed(&self, key: &str) -> Option<&Feed> {
        self.entry(key).and_then(Entry::feed).or_else(|| self.last_good.get(key))
    }

    /// Takes a new list of feeds.
    fn set(&mut self, catalog: Catalog) {
        let mut last_good = std::mem::take(&mut self.last_good);
        for (entry, key) in self.entries().iter().zip(&self.names) {
            if let Some(feed) = entry.feed() {
                last_good.insert(key.clone(), feed.clone());
            }
        }
        self.names.clear();
        self.places.clear();
        for (at, entry) in catalog.entries.iter().enumerate() {
            let mut key = entry.name.clone();
            while self.places.contains_key(&key) {
                key.push_str(if entry.place == Place::Archived { " (archived)" } else { " (active)" });
            }
            self.places.insert(key.clone(), at);
            self.names.push(key);
        }
        last_good.retain(|key, _| {
            self.places
                .get(key)
                .and_then(|at| catalog.entries.get(*at))
                .is_some_and(|entry| entry.feed().is_none())
        });
        self.last_good = last_good;
        self.catalog = Some(catalog);
    }

    /// How the column is sorted, for its head.
    pub(crate) fn order_of(&self, column: FeedColumn) -> Option<Order> {
        (column == self.sort).then_some(if self.reverse { Order::Down } else { Order::Up })
    }
}

impl App {
    pub(crate) fn set_catalog(&mut self, catalog: Catalog) -> Vec<Effect> {
        let dataset = |feed: &Feed| (feed.kind, feed.source.clone());
        let known: BTreeMap<String, _> =
            self.feeds.names.iter().map(|key| (key.clone(), self.feeds.feed(key).map(dataset))).collect();
        let open = self.detail.as_ref().map(|detail| detail.feed.clone());
        let open_before = open.as_ref().and_then(|key| self.feeds.feed(key).cloned());
        self.feeds.set(catalog);
        // What the lake holds of a feed is asked for once when the feed appears, and after each commit.
        let mut new = Vec::new();
        for key in &self.feeds.names {
            let now = self.feeds.feed(key).map(dataset);
            let before = known.get(key).cloned().flatten();
            if before.is_some() && now != before {
                // It means another dataset now: what is known belongs to the old one.
                self.held.remove(key);
                self.plans.remove(key);
            }
            if now.is_some() && !self.held.contains_key(key) && (now != before) {
                new.push(Effect::LoadDataset(key.clone()));
            }
        }
        let feeds = &self.feeds;
        self.held.retain(|key, _| feeds.entry(key).is_some());
        self.catalogs.retain(|key, _| feeds.entry(key).is_some());
        if let Some(key) = open
            && self.feeds.feed(&key).is_some_and(|feed| Some(feed) != open_before.as_ref())
        {
            // The feed on the screen reads another way now.
            self.plans.remove(&key);
            new.push(Effect::LoadPlan(key));
        }
        self.measure_all();
        self.reorder_feeds();
        self.reorder_datasets();
        self.rebuild_partitions();
        new
    }

    /// Filters and sorts anew.
    pub(crate) fn reorder_feeds(&mut self) {
        let entries = self.feeds.entries();
        let names = &self.feeds.names;
        let by_state = self.feeds.sort == FeedColumn::State;
        let mut order: Vec<usize> = (0..entries.len()).collect();
        if !self.feeds.filter.is_empty() {
            order.retain(|at| {
                let (Some(entry), Some(key)) = (entries.get(*at), names.get(*at)) else { return false };
                let feed = self.feeds.feed(key);
                let state = state_of(self, key, entry);
                self.feeds.filter.matches(&[
                    ("name", key),
                    ("state", state.name()),
                    ("kind", feed.map_or("", |f| f.kind.keyword())),
                    ("mode", feed.map_or("", |f| f.storage_mode.keyword())),
                    ("source", feed.map_or("", |f| &f.source)),
                    ("description", feed.map_or("", |f| &f.description)),
                ])
            });
        }
        let metadata = |at: usize| names.get(at).and_then(|key| self.metadata(key));
        let feed = |at: usize| names.get(at).and_then(|key| self.feeds.feed(key));
        match self.feeds.sort {
            // The catalog is in this order.
            FeedColumn::Name | FeedColumn::State => {}
            FeedColumn::Kind => order.sort_by_cached_key(|at| feed(*at).map(|f| f.kind)),
            FeedColumn::Mode => order.sort_by_cached_key(|at| feed(*at).map(|f| f.storage_mode.keyword())),
            FeedColumn::Size => order.sort_by_cached_key(|at| metadata(*at).map(|m| m.total_bytes)),
            FeedColumn::Rows => order.sort_by_cached_key(|at| metadata(*at).map(|m| m.total_records)),
            FeedColumn::Last => order.sort_by_cached_key(|at| metadata(*at).and_then(|m| m.last_export)),
            FeedColumn::Catalog => order.sort_by_cached_key(|at| {
                Reverse(names.get(*at).and_then(|key| crate::app::view::catalog::rank(self, key)))
            }),
            FeedColumn::Next => order.sort_by_cached_key(|at| {
                // Feeds that never run by themselves come last.
                let next = names.get(*at).and_then(|key| self.schedules.get(key));
                Reverse(next.map(|next| Reverse(*next)))
            }),
        }
        if by_state {
            order.sort_by_cached_key(|at| {
                let (Some(entry), Some(key)) = (entries.get(*at), names.get(*at)) else { return u8::MAX };
                state_of(self, key, entry).rank()
            });
        }
        if self.feeds.reverse {
            order.reverse();
        }
        let keys: Vec<String> = order.iter().filter_map(|at| names.get(*at).cloned()).collect();
        self.feeds.cursor.refresh(&keys);
        self.feeds.order = order;
        self.feeds.keys = keys;
    }

    /// What happened to runs, locks or the lake can move rows only where the order or the filter looks at it.
    pub(crate) fn reorder_feeds_by_state(&mut self) {
        if self.feeds.sort != FeedColumn::Name || !self.feeds.filter.is_empty() {
            self.reorder_feeds();
        }
    }

    pub(crate) fn sort_feeds(&mut self, column: FeedColumn) {
        self.feeds.reverse = self.feeds.sort == column && !self.feeds.reverse;
        self.feeds.sort = column;
        self.reorder_feeds();
    }

    /// The keys that an action on feeds is about.
    pub(crate) fn target_feeds(&self) -> Vec<String> {
        if let Some(detail) = self.detail.as_ref().filter(|_| self.in_detail()) {
            return vec![detail.feed.clone()];
        }
        self.feeds.cursor.targets(&self.feeds.keys)
    }

    pub(crate) fn open_feed(&mut self, key: &str) -> Vec<Effect> {
        self.detail = Some(Detail::new(key));
        self.tab = crate::app::Tab::Feeds;
        let mut effects = vec![Effect::LoadDataset(key.to_owned())];
        if self.feeds.entry(key).is_some_and(|entry| entry.feed().is_some()) {
            self.plans.remove(key);
            effects.push(Effect::LoadPlan(key.to_owned()));
        }
        effects
    }

    /// Splits targets into those for which `refusal` gives nothing, and says about the others why not.
    pub(super) fn fit(
        &mut self,
        targets: Vec<String>,
        refusal: impl Fn(&Self, &str) -> Option<String>,
    ) -> Vec<String> {
        let (mut fit, mut said) = (Vec::new(), Vec::new());
        for target in targets {
            match refusal(self, &target) {
                None => fit.push(target),
                Some(why) => said.push(format!("{target} {why}")),
            }
        }
        match said.as_slice() {
            [] => {}
            [one] => self.toast(one.clone(), Tone::Warn),
            [first, rest @ ..] => self.toast(format!("{first}; and {} more", rest.len()), Tone::Warn),
        }
        fit
    }

    pub(crate) fn export_feeds(&mut self, targets: Vec<String>) -> Vec<Effect> {
        let feeds = self.fit(targets, Self::refusal);
        if feeds.is_empty() {
            return Vec::new();
        }
        self.feeds.cursor.unmark();
        vec![Effect::Export { feeds, trigger: Trigger::Asked }]
    }

    pub(crate) fn retry_feeds(&mut self, targets: Vec<String>) -> Vec<Effect> {
        let failed = self.fit(targets, |app, key| {
            let over = app.exports.latest(key).is_some_and(Run::unfinished);
            (!over).then(|| "did not fail".to_owned())
        });
        self.export_feeds(failed)
    }

    pub(crate) fn cancel_feeds(&mut self, targets: Vec<String>) -> Vec<Effect> {
        let feeds = self.fit(targets, |app, key| {
            let alive = app.exports.latest(key).is_some_and(Run::is_alive);
            (!alive).then(|| "is not being exported here".to_owned())
        });
        self.ask(
            "Cancel the export of",
            feeds.clone(),
            "It stops at the next safe point; what was committed stays.",
            vec![Effect::Cancel(feeds)],
        )
    }

    pub(crate) fn feeds_action(&mut self, action: Action) -> Vec<Effect> {
        let targets = self.target_feeds();
        match action {
            Action::Open => {
                let key = self.feeds.cursor.key().cloned();
                return key.map(|key| self.open_feed(&key)).unwrap_or_default();
            }
            Action::Select => {
                self.feeds.cursor.toggle();
                let (keys, page) = (std::mem::take(&mut self.feeds.keys), self.page());
                self.feeds.cursor.step(1, &keys, page);
                self.feeds.keys = keys;
            }
            Action::SelectRange => self.feeds.cursor.range(&self.feeds.keys),
            Action::SelectAll => self.feeds.cursor.toggle_all(&self.feeds.keys),
            Action::ExportNow => return self.export_feeds(targets),
            Action::Retry => return self.retry_feeds(targets),
            Action::Cancel => return self.cancel_feeds(targets),
            Action::ExportAll => {
                let names = self.feeds.names.iter();
                let ready = |state: FeedState| {
                    matches!(
                        state,
                        FeedState::Idle
                            | FeedState::CaughtUp { .. }
                            | FeedState::Failed { .. }
                            | FeedState::Unreadable { .. }
                            | FeedState::Damaged { .. }
                    )
                };
                let feeds: Vec<_> = names.filter(|key| ready(self.state(key))).cloned().collect();
                let effects = vec![Effect::Export { feeds: feeds.clone(), trigger: Trigger::Asked }];
                return self.ask(
                    "Export",
                    feeds,
                    "They run one after the other, as many at once as is set.",
                    effects,
                );
            }
            Action::ToggleEnabled => return self.toggle_enabled(targets),
            Action::Archive => {
                let feeds = self.fit(targets, |app, key| {
                    let archived = app.feeds.entry(key).is_none_or(|entry| entry.place == Place::Archived);
                    archived.then(|| "is archived already".to_owned())
                });
                return self.ask(
                    "Archive",
                    feeds.clone(),
                    "A running export stops at the next safe point. The data stays in the lake; u takes it back.",
                    vec![Effect::Archive(feeds)],
                );
            }
            Action::Restore => {
                let feeds = self.fit(targets, |app, key| {
                    let active = app.feeds.entry(key).is_none_or(|entry| entry.place == Place::Active);
                    active.then(|| "is not archived".to_owned())
                });
                if !feeds.is_empty() {
                    self.feeds.cursor.unmark();
                    return vec![Effect::Restore(feeds)];
                }
            }
            Action::Add => {
                self.overlay = Some(Overlay::Form(Form::new()));
                return vec![Effect::LoadSources];
            }
            Action::Edit => {
                let key = if self.in_detail() { targets.first() } else { self.feeds.cursor.key() };
                let entry = key.and_then(|key| self.feeds.entry(key));
                return entry.map(|entry| Effect::Edit(entry.path.clone())).into_iter().collect();
            }
            Action::Undo => return self.take_back(),
            Action::AcceptSchema => {
                let effects = targets.iter().cloned().map(Effect::AcceptSchema).collect();
                let text = "The source's columns of now become those of the lake; old files keep theirs.";
                return self.ask("Accept the schema of", targets, text, effects);
            }
            Action::ResetFromStart => return self.ask_reset(&targets, Reset::FromStart),
            Action::ResetContinue => return self.ask_reset(&targets, Reset::Continue),
            _ => {}
        }
        Vec::new()
    }

    /// Asks for a decision about the log behind a feed: both logs are named.
    fn ask_reset(&mut self, targets: &[String], how: Reset) -> Vec<Effect> {
        let Some(feed) = targets.first().cloned() else { return Vec::new() };
        let Some(metadata) = self.metadata(&feed) else {
            self.toast(format!("nothing of {feed} is in the lake yet"), Tone::Plain);
            return Vec::new();
        };
        let logs = match (&metadata.log, &metadata.other_log) {
            (Some(held), Some(now)) => {
                format!("The lake was read from {held}; the stream is over {now} now. ")
            }
            _ if how == Reset::Continue => {
                self.toast(format!("{feed}: no other log waits for a decision"), Tone::Plain);
                return Vec::new();
            }
            _ => String::new(),
        };
        let (what, follows) = match how {
            Reset::FromStart => (
                "Begin anew with",
                "The dataset gets another name and stays; the next export reads the stream from its first offset.",
            ),
            Reset::Continue => (
                "Go on in the other log with",
                "The next export reads the other log at the offsets where the old one was left: rows before them are not read.",
            ),
        };
        let effects = vec![Effect::Reset { feed: feed.clone(), how }];
        self.ask(what, vec![feed], &format!("{logs}{follows}"), effects)
    }

    fn toggle_enabled(&mut self, targets: Vec<String>) -> Vec<Effect> {
        let feeds = self.fit(targets, |app, key| match app.feeds.entry(key) {
            Some(entry) if entry.feed().is_none() => Some("is invalid: mend its file first".to_owned()),
            Some(entry) if entry.place == Place::Archived => Some("is archived: restore it first".to_owned()),
            Some(_) => None,
            None => Some("is gone".to_owned()),
        });
        let on = |key: &String| self.feeds.feed(key).is_some_and(|feed| feed.enabled);
        // A mixed choice is switched off first: the safe side.
        let enabled = !feeds.iter().any(on);
        let feeds: Vec<_> = feeds.iter().filter(|key| on(key) != enabled).cloned().collect();
        if feeds.is_empty() {
            return Vec::new();
        }
        self.feeds.cursor.unmark();
        vec![Effect::SetEnabled { feeds, enabled }]
    }

    fn take_back(&mut self) -> Vec<Effect> {
        let Some(changes) = self.undo.pop() else {
            self.toast("there is nothing to undo", Tone::Plain);
            return Vec::new();
        };
        vec![Effect::Undo(changes)]
    }

    /// Asks before an action that is about `targets`; nothing when there are none.
    pub(crate) fn ask(
        &mut self,
        what: &str,
        targets: Vec<String>,
        consequence: &str,
        effects: Vec<Effect>,
    ) -> Vec<Effect> {
        let question = match targets.as_slice() {
            [] => return Vec::new(),
            [one] => format!("{what} {one}?"),
            many => format!("{what} {} feeds?", many.len()),
        };
        self.overlay = Some(Overlay::Confirm(Confirm {
            question,
            consequence: consequence.to_owned(),
            targets,
            yes: false,
            effects,
            behind: None,
        }));
        Vec::new()
    }
}
