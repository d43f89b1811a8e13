//! Days of what the lake holds: exported again and taken back.
//!
//! ```text
//! e, u   on a day     ─▶ refused with words, or a question ─▶ ExportDay, UndoDay
//! z      on a day or a dataset  ─▶ the same ─▶ Compact
//! i      on a day     ─▶ a sheet with all that is known of it
//! ```
//!
//! [`super::checks`] has what is done to whole datasets.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Level;
use super::partitions::Item;
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::message::Days;
use crate::app::overlays::{Confirm, Overlay, Sheet};
use crate::app::state::App;
use crate::app::view::text::{count, files as of_files, size};
use crate::app::view::{FeedState, Tone};
use crate::feed::partition_path::is_inside;
use crate::feed::{FeedKind, PartitionPath, StorageMode};
use crate::lake::{DayState, ReplacedSet};

/// What is known of the days of the open dataset.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownDays {
    /// The feed of which it is known.
    pub(crate) feed: String,
    /// By partition.
    pub(crate) states: BTreeMap<String, DayState>,
    /// By partition, the newest set.
    pub(crate) replaced: BTreeMap<String, ReplacedSet>,
    /// Why nothing is known.
    pub(crate) error: Option<String>,
}

/// What an action on a day is about.
pub(crate) struct Chosen {
    pub(crate) feed: String,
    pub(crate) day: NaiveDate,
    /// The folder of the day, or the longer partition in which it lies.
    pub(crate) folder: String,
}

impl App {
    /// Takes what is known of the days.
    pub(crate) fn set_days(&mut self, feed: String, days: crate::Result<Days>) {
        if self.partitions.feed.as_ref() != Some(&feed) {
            return;
        }
        let mut known = KnownDays { feed, ..KnownDays::default() };
        match days {
            Ok(days) => {
                known.states =
                    days.states.into_iter().map(|state| (state.partition.clone(), state)).collect();
                // The oldest first: the newest stays.
                known.replaced = days.replaced.into_iter().map(|set| (set.partition.clone(), set)).collect();
            }
            Err(error) => known.error = Some(error.to_string()),
        }
        self.partitions.known = known;
        // The filter may look at the state of a day.
        if !self.partitions.filter.is_empty() {
            self.reorder_partitions();
        }
    }

    /// The days of the open dataset are read again when something of it has changed.
    pub(crate) fn ask_days(&self, feed: &str) -> Vec<Effect> {
        let open = self.partitions.feed.as_deref() == Some(feed) && self.partitions.level != Level::Datasets;
        if open && self.is_stream(feed) { vec![Effect::LoadDays(feed.to_owned())] } else { Vec::new() }
    }

    /// The dataset of this feed is a stream's: its partitions are times.
    pub(crate) fn is_stream(&self, feed: &str) -> bool {
        self.metadata(feed).is_some_and(|metadata| metadata.kind == FeedKind::Stream.keyword())
    }

    /// What is known of a partition of the open dataset.
    pub(crate) fn day_state(&self, partition: &str) -> Option<&DayState> {
        let known = &self.partitions.known;
        known.states.get(partition).filter(|_| self.partitions.feed.as_deref() == Some(&known.feed))
    }

    /// What of a partition of the open dataset was replaced.
    pub(crate) fn day_replaced(&self, partition: &str) -> Option<&ReplacedSet> {
        let known = &self.partitions.known;
        known.replaced.get(partition).filter(|_| self.partitions.feed.as_deref() == Some(&known.feed))
    }

    fn item_in_front(&self) -> Option<&Item> {
        let at = self.partitions.order.get(self.partitions.cursor.at())?;
        self.partitions.items.get(*at)
    }

    /// The day under the cursor, or why there is none.
    pub(crate) fn chosen_day(&self) -> Result<Chosen, String> {
        let partitions = &self.partitions;
        let feed = partitions.feed.clone().filter(|_| partitions.level != Level::Datasets);
        let feed = feed.ok_or_else(|| "choose a day first: enter opens the dataset".to_owned())?;
        if self.metadata(&feed).is_some_and(|metadata| metadata.kind == FeedKind::Table.keyword()) {
            return Err(format!(
                "{feed} is a table: it has versions and no days; e on the feed makes a new one"
            ));
        }
        if partitions.level == Level::Calendar {
            let day = partitions.day.ok_or_else(|| "there is no day under the cursor".to_owned())?;
            return Ok(Chosen { feed, day, folder: PartitionPath::of_day(day).to_string() });
        }
        let item = self.item_in_front().ok_or_else(|| "there is no day under the cursor".to_owned())?;
        if item.missing > 0 {
            let day: NaiveDate = item.path.parse().map_err(|_| {
                "several days are missing here: choose one in the calendar, v shows it".to_owned()
            })?;
            return Ok(Chosen { feed, day, folder: PartitionPath::of_day(day).to_string() });
        }
        let (day, folder) = span_of(&item.path).ok_or_else(|| format!("{} is no day", item.path))?;
        Ok(Chosen { feed, day, folder })
    }

    /// The actions on a day.
    pub(crate) fn day_action(&mut self, action: Action) -> Vec<Effect> {
        let chosen = match self.chosen_day() {
            Ok(chosen) => chosen,
            Err(why) => {
                self.toast(why, Tone::Plain);
                return Vec::new();
            }
        };
        if action == Action::ShowDay {
            self.overlay = Some(Overlay::Sheet(Sheet::day(&chosen.folder)));
            return self.ask_days(&chosen.feed);
        }
        let refusal = self.refusal(&chosen.feed).map(|why| format!("{} {why}", chosen.feed));
        let refusal = refusal.or_else(|| {
            if action == Action::ExportDay { self.no_export(&chosen) } else { self.no_undo(&chosen) }
        });
        if let Some(why) = refusal {
            self.toast(why, Tone::Warn);
            return Vec::new();
        }
        self.overlay = Some(Overlay::Confirm(if action == Action::ExportDay {
            self.ask_export(chosen)
        } else {
            self.ask_undo(chosen)
        }));
        Vec::new()
    }

    /// Asks before the small files of the day in front, or of the dataset, become few.
    pub(crate) fn compact_action(&mut self) -> Vec<Effect> {
        let chosen = match (self.partitions.level, self.partitions.datasets.key()) {
            (Level::Datasets, None) => return Vec::new(),
            (Level::Datasets, Some(feed)) => Ok((feed.clone(), None)),
            _ => self.chosen_day().map(|chosen| (chosen.feed.clone(), Some(chosen))),
        };
        let (feed, chosen) = match chosen {
            Ok(chosen) => chosen,
            Err(why) => {
                self.toast(why, Tone::Plain);
                return Vec::new();
            }
        };
        let refusal = if self.is_stream(&feed) {
            self.refusal(&feed).map(|why| format!("{feed} {why}"))
        } else {
            Some(format!("{feed} is no stream: only those have small files"))
        };
        if let Some(why) = refusal {
            self.toast(why, Tone::Warn);
            return Vec::new();
        }
        let (what, number, target) = if let Some(Chosen { day, folder, .. }) = &chosen {
            (day.to_string(), self.held_below(folder).1, format!("{feed}/{folder}"))
        } else {
            let number = self.metadata(&feed).map_or(0, |metadata| metadata.total_files);
            (feed.clone(), number, feed.clone())
        };
        self.overlay = Some(Overlay::Confirm(Confirm {
            question: format!("Make few files of the small ones of {what}?"),
            consequence: format!(
                "It has {} now. No row changes, and Kafka is not asked. The new files are read back before they take their place; those of before go to the bin, and u on the day puts them back. c on the export stops it.",
                of_files(number)
            ),
            targets: vec![target],
            yes: false,
            effects: vec![Effect::Compact { feed, day: chosen.map(|chosen| chosen.day) }],
            behind: None,
        }));
        Vec::new()
    }

    fn no_export(&self, chosen: &Chosen) -> Option<String> {
        let feed = self.feeds.feed(&chosen.feed);
        if feed.is_some_and(|feed| feed.storage_mode == StorageMode::Ignore) {
            return Some(format!(
                "{} has storage_mode ignore: what is there is never exported again",
                chosen.feed
            ));
        }
        let read = self.metadata(&chosen.feed).is_some_and(|metadata| !metadata.positions.is_empty());
        (!read)
            .then(|| format!("nothing of {} was exported yet: there is no day to export again", chosen.feed))
    }

    fn no_undo(&self, chosen: &Chosen) -> Option<String> {
        let known = &self.partitions.known;
        if known.feed != chosen.feed {
            return Some("the days are still being read".to_owned());
        }
        let replaced = known.replaced.keys().any(|path| is_inside(path, &chosen.folder));
        (!replaced)
            .then(|| format!("nothing of {} was replaced: there is nothing to put back", chosen.folder))
    }

    /// Rows, files and bytes that the lake holds below a folder.
    fn held_below(&self, folder: &str) -> (u64, u64, u64) {
        let items =
            self.partitions.items.iter().filter(|item| item.missing == 0 && is_inside(&item.path, folder));
        items.fold((0, 0, 0), |sum, item| add(sum, (item.rows, item.files, item.bytes)))
    }

    fn ask_export(&self, chosen: Chosen) -> Confirm {
        let (rows, files, bytes) = self.held_below(&chosen.folder);
        let Chosen { feed, day, folder } = chosen;
        // What is pinned stays in the bin beside it.
        let pinned = self.metadata(&feed).is_some_and(|metadata| metadata.is_pinned(&folder));
        let earlier = !pinned && self.partitions.known.replaced.keys().any(|path| is_inside(path, &folder));
        let mut consequence = if files == 0 {
            "The lake holds nothing of it now. Its rows are read again.".to_owned()
        } else {
            format!(
                "What the lake holds ({} rows in {}, {}) goes to the bin. Its rows are read again, and nothing changes unless all \
                 of them come. u puts it back, or `feeds undo` in a shell.",
                count(rows),
                of_files(files),
                size(bytes)
            )
        };
        if self.is_cold(&feed, &folder) {
            consequence += " It comes home from the cold tier first.";
        }
        if earlier {
            consequence += " What was replaced before goes for good.";
        }
        Confirm {
            question: format!("Export {day} again?"),
            consequence,
            targets: vec![format!("{feed}/{folder}")],
            yes: false,
            effects: vec![Effect::ExportDay { feed, day }],
            behind: None,
        }
    }

    /// Something of the folder lies in the cold tier and not here.
    fn is_cold(&self, feed: &str, folder: &str) -> bool {
        let known = self.metadata(feed).into_iter().flat_map(|metadata| &metadata.partitions);
        known.filter(|partition| is_inside(&partition.path, folder)).any(|partition| partition.cold.is_some())
    }

    fn ask_undo(&self, chosen: Chosen) -> Confirm {
        let (rows, files, _) = self.held_below(&chosen.folder);
        let Chosen { feed, day, folder } = chosen;
        let sets = self.partitions.known.replaced.iter().filter(|(path, _)| is_inside(path, &folder));
        let back = sets.fold((0, 0, 0), |sum, (_, set)| add(sum, (set.rows, set.files, set.bytes)));
        let fewer = if back.0 < rows {
            format!(" The lake then holds up to {} rows fewer.", count(rows - back.0))
        } else {
            String::new()
        };
        Confirm {
            question: format!("Put back what {day} was before?"),
            consequence: format!(
                "{} rows in {} ({}) come back out of the bin. The {} rows in {} of now go there; late rows stay. u again takes it \
                 back.{fewer}",
                count(back.0),
                of_files(back.1),
                size(back.2),
                count(rows),
                of_files(files)
            ),
            targets: vec![format!("{feed}/{folder}")],
            yes: false,
            effects: vec![Effect::UndoDay { feed, day }],
            behind: None,
        }
    }

    /// Why nothing of a feed can be exported or swapped now.
    pub(crate) fn refusal(&self, feed: &str) -> Option<String> {
        match self.state(feed) {
            FeedState::Invalid { .. } => Some("is invalid: mend its file first".to_owned()),
            FeedState::Archived => Some("is archived: restore it first".to_owned()),
            FeedState::Disabled => Some("is disabled: enable it first".to_owned()),
            FeedState::Running { .. } | FeedState::Waiting { .. } => {
                Some("is being exported already".to_owned())
            }
            FeedState::Queued => Some("waits for its turn already".to_owned()),
            FeedState::Locked { by } => Some(format!("is held by {by}")),
            FeedState::Failed { .. }
            | FeedState::Unreadable { .. }
            | FeedState::Damaged { .. }
            | FeedState::CaughtUp { .. }
            | FeedState::Idle => None,
        }
    }
}

/// Sums of rows, files and bytes.
fn add(a: (u64, u64, u64), b: (u64, u64, u64)) -> (u64, u64, u64) {
    (a.0.saturating_add(b.0), a.1.saturating_add(b.1), a.2.saturating_add(b.2))
}

/// A day of a partition, and the folder that is exported again with it: hours belong to their day.
fn span_of(path: &str) -> Option<(NaiveDate, String)> {
    let partition = PartitionPath::parse(path)?;
    let folder = partition.day().map_or(partition, PartitionPath::of_day);
    Some((partition.first_day()?, folder.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_tells_which_day_to_ask_for() {
        let of = |path| span_of(path).map(|(day, folder)| (day.to_string(), folder));
        let told = |day: &str, folder: &str| Some((day.to_owned(), folder.to_owned()));
        assert_eq!(of("year=2025/month=01/day=15/hour=07"), told("2025-01-15", "year=2025/month=01/day=15"));
        assert_eq!(of("year=2025/month=03"), told("2025-03-01", "year=2025/month=03"));
        assert_eq!(of("year=2025"), told("2025-01-01", "year=2025"));
        assert_eq!(of("version=v2"), None);
    }
}
