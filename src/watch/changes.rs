//! From one catalogue to the next: what changed, and what is to be done about it.
//!
//! | before | now | change | done |
//! |---|---|---|---|
//! | nothing | valid | Appeared | exported when enabled |
//! | valid | another meaning | `MeaningChanged` | exported when enabled, stopped when not |
//! | valid | another description, `created_at` | `DescriptionChanged` | nothing |
//! | valid | another schedule | `ScheduleChanged` | nothing now |
//! | disabled | enabled | Enabled | exported |
//! | enabled | disabled | Disabled | stopped at the next safe point |
//! | any | invalid | Broke | nothing: the last good version stays in force |
//! | invalid | valid | Mended, and one of the above | as above |
//! | any | not in `active` | Left | stopped at the next safe point |
//!
//! The order of the fields in the file, white space and the order of a list whose order means nothing are no change.
//! Only active feeds are looked at. Pure.

use std::collections::BTreeMap;

use super::{Cause, Order};
use crate::config::OnStart;
use crate::feed::{Catalog, Entry, ExportMode, Feed, Place, Problem};

/// One thing that is different from what was known.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A valid feed is there that was not.
    Appeared(Box<Feed>),
    /// The feed means another export than before.
    MeaningChanged {
        /// Before.
        old: Box<Feed>,
        /// Now.
        new: Box<Feed>,
    },
    /// Only what people read is different.
    DescriptionChanged(Box<Feed>),
    /// Only the schedule is different, and perhaps the description.
    ScheduleChanged(Box<Feed>),
    /// The feed was disabled, and is not any more.
    Enabled(Box<Feed>),
    /// The feed was enabled, and is not any more.
    Disabled(Box<Feed>),
    /// The feed's file is not valid, or not valid in another way than before.
    Broke {
        /// The feed's name.
        name: String,
        /// All that is wrong.
        problems: Vec<Problem>,
        /// Whether there is a last good version, which stays in force.
        in_force: bool,
    },
    /// The feed's file is valid again; what it means now is told by a change of its own, where it differs.
    Mended(String),
    /// The feed's file is gone from the folder of active feeds: archived, removed or moved away.
    Left(String),
}

impl Change {
    /// The feed.
    pub fn feed(&self) -> &str {
        match self {
            Self::Appeared(feed)
            | Self::MeaningChanged { new: feed, .. }
            | Self::DescriptionChanged(feed)
            | Self::ScheduleChanged(feed)
            | Self::Enabled(feed)
            | Self::Disabled(feed) => &feed.name,
            Self::Broke { name, .. } | Self::Mended(name) | Self::Left(name) => name,
        }
    }

    /// What happened, in words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Appeared(_) => "appeared",
            Self::MeaningChanged { .. } => "changed",
            Self::DescriptionChanged(_) => "described anew",
            Self::ScheduleChanged(_) => "scheduled anew",
            Self::Enabled(_) => "enabled",
            Self::Disabled(_) => "disabled",
            Self::Broke { .. } => "broken",
            Self::Mended(_) => "mended",
            Self::Left(_) => "gone",
        }
    }
}

/// What is known of the active feeds: the version in force of each, and what is wrong with its file.
#[derive(Debug, Default)]
pub struct Known {
    feeds: BTreeMap<String, State>,
}

#[derive(Debug, Default)]
struct State {
    in_force: Option<Feed>,
    problems: Vec<Problem>,
}

impl Known {
    /// Takes the next catalogue; gives what changed, by feed.
    pub fn take(&mut self, catalog: &Catalog) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut active: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in catalog.entries.iter().filter(|entry| entry.place == Place::Active) {
            active.entry(&entry.name).or_insert(entry);
        }
        self.feeds.retain(|name, _| {
            let stays = active.contains_key(name.as_str());
            if !stays {
                changes.push(Change::Left(name.clone()));
            }
            stays
        });
        for (name, entry) in active {
            self.feeds.entry(name.to_owned()).or_default().take(entry, &mut changes);
        }
        changes
    }

    /// The versions in force, enabled or not, by name.
    pub fn in_force(&self) -> impl Iterator<Item = &Feed> {
        self.feeds.values().filter_map(|state| state.in_force.as_ref())
    }

    /// The version in force of a feed.
    pub fn get(&self, name: &str) -> Option<&Feed> {
        self.feeds.get(name)?.in_force.as_ref()
    }
}

impl State {
    fn take(&mut self, entry: &Entry, changes: &mut Vec<Change>) {
        let Some(new) = entry.feed() else {
            if self.problems != entry.problems() {
                self.problems = entry.problems().to_vec();
                changes.push(Change::Broke {
                    name: entry.name.clone(),
                    problems: self.problems.clone(),
                    in_force: self.in_force.is_some(),
                });
            }
            return;
        };
        if !std::mem::take(&mut self.problems).is_empty() {
            changes.push(Change::Mended(entry.name.clone()));
        }
        changes.extend(compare(self.in_force.as_ref(), new));
        self.in_force = Some(new.clone());
    }
}

/// What makes `new` different from `old`; the weightiest difference when there are several.
fn compare(old: Option<&Feed>, new: &Feed) -> Option<Change> {
    let boxed = || Box::new(new.clone());
    let Some(old) = old else { return Some(Change::Appeared(boxed())) };
    if meaning(old) != meaning(new) {
        return Some(Change::MeaningChanged { old: Box::new(old.clone()), new: boxed() });
    }
    match (old.enabled, new.enabled) {
        (false, true) => Some(Change::Enabled(boxed())),
        (true, false) => Some(Change::Disabled(boxed())),
        _ if old.schedule != new.schedule => Some(Change::ScheduleChanged(boxed())),
        _ if old != new => Some(Change::DescriptionChanged(boxed())),
        _ => None,
    }
}

/// What an export does, without what only people read, without when, and without whether.
fn meaning(feed: &Feed) -> Feed {
    let mut exclude_columns = feed.exclude_columns.clone();
    exclude_columns.sort_unstable();
    Feed {
        description: String::new(),
        created_at: None,
        schedule: None,
        enabled: true,
        exclude_columns,
        ..feed.clone()
    }
}

/// What is to be done about a change.
pub fn decide(change: &Change) -> Vec<Order> {
    let export = |feed: &Feed| Order::Export { feed: Box::new(feed.clone()), cause: Cause::Changed };
    let cancel = |feed: &str| Order::Cancel { feed: feed.to_owned() };
    match change {
        Change::Appeared(feed) | Change::Enabled(feed) if feed.enabled => vec![export(feed)],
        // A batch export under the old meaning comes to its end, and the next one follows it; one that follows its
        // stream has no end of its own.
        Change::MeaningChanged { old, new } if new.enabled => {
            let follows = old.enabled && old.mode == ExportMode::Follow;
            follows.then(|| cancel(&new.name)).into_iter().chain([export(new)]).collect()
        }
        Change::MeaningChanged { old, .. } if old.enabled => vec![cancel(&old.name)],
        Change::Disabled(feed) => vec![cancel(&feed.name)],
        Change::Left(name) => vec![cancel(name)],
        _ => Vec::new(),
    }
}

/// Whether a feed is exported when the program starts. One that follows its stream goes on, except after "none".
pub fn decide_on_start(feed: &Feed, on_start: OnStart, has_data: impl FnOnce() -> bool) -> Option<Order> {
    let wanted = feed.enabled
        && match on_start {
            OnStart::None => false,
            OnStart::All => true,
            OnStart::New => feed.mode == ExportMode::Follow || !has_data(),
        };
    wanted.then(|| Order::Export { feed: Box::new(feed.clone()), cause: Cause::Started })
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
