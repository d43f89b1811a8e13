//! The datasets, a dataset's partitions, a partition's files, a file's rows: four levels, one inside the other.
//!
//! ```text
//! Datasets ─enter─▶ Partitions ⇄ Calendar ─enter─▶ Files ─enter─▶ Grid       esc goes back
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveDate;

use super::maintenance::KnownDays;
use crate::app::action::Action;
use crate::app::cursor::Cursor;
use crate::app::effect::Effect;
use crate::app::filter::Filter;
use crate::app::message::{FileInfo, Grid};
use crate::app::state::App;
use crate::app::tiers::Place;
use crate::app::view::days::mark;
use crate::feed::{FeedKind, PartitionPath};

/// Rows of a file that are asked for at once.
pub(crate) const CHUNK: usize = 200;
/// The fields of the filters.
pub(crate) const FIELDS: [&str; 4] = ["name", "kind", "state", "place"];

/// The level in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// All datasets.
    #[default]
    Datasets,
    /// The partitions of one, as a table.
    Partitions,
    /// The partitions of one, as a calendar.
    Calendar,
    /// The files of a partition.
    Files,
    /// The rows of a file.
    Grid,
}

/// A partition, or the place where some are missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Item {
    /// The folder below the dataset; of missing days `2025-01-04 … 2025-01-06`.
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    /// Days that are missing here; 0 for a partition.
    pub(crate) missing: i64,
    /// The partition is the version that readers take.
    pub(crate) current: bool,
    /// The disk does not hold what the metadata says: files and bytes found.
    pub(crate) found: Option<(u64, u64)>,
    /// When its rows were made.
    pub(crate) times: Option<String>,
    /// Where it lies.
    pub(crate) place: Place,
    /// Files and bytes of it on the lake's own disk.
    pub(crate) local: (u64, u64),
}

/// The files of a partition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Files {
    /// The partition's folder below the dataset.
    pub(crate) partition: String,
    /// `None` while they are read.
    pub(crate) read: Option<Result<Vec<FileInfo>, String>>,
    pub(crate) keys: Vec<String>,
    pub(crate) cursor: Cursor<String>,
}

impl Files {
    pub(crate) fn list(&self) -> &[FileInfo] {
        match &self.read {
            Some(Ok(files)) => files,
            _ => &[],
        }
    }

    pub(crate) fn under_cursor(&self) -> Option<&FileInfo> {
        self.list().get(self.cursor.at())
    }
}

/// The rows of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GridState {
    /// The file.
    pub(crate) path: PathBuf,
    /// What is loaded of it; `None` while it is read.
    pub(crate) grid: Option<Result<Grid, String>>,
    /// The row of the cursor, in the file.
    pub(crate) row: u64,
    /// The first row of the window.
    pub(crate) top: u64,
    /// The first column of the window.
    pub(crate) column: usize,
    /// Rows from here on were asked for.
    pub(crate) asked: Option<u64>,
}

/// The state of the view.
#[derive(Debug, Clone, Default)]
pub struct Partitions {
    /// The level in front.
    pub(crate) level: Level,
    /// The feed whose dataset is open.
    pub(crate) feed: Option<String>,
    /// Count bytes, not rows.
    pub(crate) bytes: bool,
    /// The partitions are shown as a calendar.
    pub(crate) calendar: bool,
    /// The feeds that have a dataset.
    pub(crate) dataset_keys: Vec<String>,
    pub(crate) datasets: Cursor<String>,
    /// The partitions of the open dataset, in the order of time.
    pub(crate) items: Vec<Item>,
    /// Rows and bytes of each day, where folders have days.
    pub(crate) days: BTreeMap<NaiveDate, (u64, u64)>,
    /// Where days lie that are not on the lake's disk alone.
    pub(crate) places: BTreeMap<NaiveDate, Place>,
    /// The day under the cursor of the calendar.
    pub(crate) day: Option<NaiveDate>,
    pub(crate) order: Vec<usize>,
    pub(crate) keys: Vec<String>,
    pub(crate) cursor: Cursor<String>,
    pub(crate) filter_text: String,
    pub(crate) filter: Filter,
    pub(crate) sort: usize,
    pub(crate) reverse: bool,
    pub(crate) files: Files,
    pub(crate) grid: GridState,
    /// What is known of the days of the open dataset.
    pub(crate) known: KnownDays,
}

/// The day of a folder: `year=2025/month=01/day=15[/hour=07]`; `None` where the folders have no days.
pub(crate) fn day_of(path: &str) -> Option<NaiveDate> {
    PartitionPath::parse(path)?.day()
}

impl App {
    /// The feeds that have a dataset, anew.
    pub(crate) fn reorder_datasets(&mut self) {
        let filter = self.partitions.level == Level::Datasets && !self.partitions.filter.is_empty();
        let names = self.feeds.names.iter();
        let keys: Vec<String> = names
            .filter(|key| self.metadata(key).is_some() || self.unreadable(key).is_some())
            .filter(|key| {
                let kind = self.feeds.feed(key).map_or("", |feed| feed.kind.keyword());
                !filter || self.partitions.filter.matches(&[("name", key), ("kind", kind)])
            })
            .cloned()
            .collect();
        self.partitions.datasets.refresh(&keys);
        self.partitions.dataset_keys = keys;
    }

    /// A feed that got its first dataset becomes a row where it belongs: at the start there is one after the other.
    pub(crate) fn place_dataset(&mut self, feed: &str) {
        let place = self.partitions.dataset_keys.binary_search_by(|key| key.as_str().cmp(feed));
        let held = self.metadata(feed).is_some() || self.unreadable(feed).is_some();
        match place {
            Ok(_) if held => {}
            Err(at) if held && self.partitions.filter.is_empty() && self.feeds.entry(feed).is_some() => {
                self.partitions.dataset_keys.insert(at, feed.to_owned());
                self.partitions.datasets.refresh(&self.partitions.dataset_keys);
            }
            _ => self.reorder_datasets(),
        }
    }

    /// The open dataset's partitions, anew.
    pub(crate) fn rebuild_partitions(&mut self) {
        let Some(key) = self.partitions.feed.clone() else { return };
        let is_table = self.feeds.feed(&key).is_some_and(|feed| feed.kind == FeedKind::Table);
        let mut items = Vec::new();
        let mut days: BTreeMap<NaiveDate, (u64, u64)> = BTreeMap::new();
        let mut places: BTreeMap<NaiveDate, Place> = BTreeMap::new();
        if let Some(held) = self.held.get(&key) {
            let metadata = held.metadata.as_ref();
            let mut found: BTreeMap<&str, (u64, u64)> = held
                .usage
                .iter()
                .flatten()
                .map(|usage| (usage.path.as_str(), (usage.found.files, usage.found.bytes)))
                .collect();
            let walked = held.usage.is_some();
            let current = metadata
                .and_then(|m| m.current_version)
                .map(|version| PartitionPath::Version(version).to_string());
            for partition in metadata.iter().flat_map(|m| &m.partitions) {
                let on_disk = found.remove(partition.path.as_str());
                let (place, local) =
                    (Place::of(partition), (partition.local_files(), partition.local_bytes()));
                let on_disk = if walked { Some(on_disk.unwrap_or_default()) } else { None };
                let day = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d %H:%M").to_string();
                items.push(Item {
                    path: partition.path.clone(),
                    rows: partition.records,
                    bytes: partition.bytes,
                    files: partition.files,
                    missing: 0,
                    current: current.as_ref() == Some(&partition.path),
                    found: on_disk.filter(|on_disk| *on_disk != local),
                    place,
                    local,
                    times: partition
                        .first_time
                        .zip(partition.last_time)
                        .map(|(first, last)| format!("{} to {}", day(first), day(last))),
                });
                if let Some(day) = day_of(&partition.path) {
                    let sum = days.entry(day).or_default();
                    sum.0 += partition.records;
                    sum.1 += partition.bytes;
                    places.entry(day).and_modify(|known| *known = known.with(place)).or_insert(place);
                }
            }
            // What is on disk and in no metadata is a row as well.
            for (path, (files, bytes)) in found {
                if files > 0 {
                    let found = Some((files, bytes));
                    items.push(Item { path: path.to_owned(), found, ..Item::default() });
                }
            }
        }
        items.extend(gaps(&days));
        items.sort_by_cached_key(|item| sort_key(&item.path, is_table));
        let partitions = &mut self.partitions;
        if partitions.day.is_none_or(|day| !days.is_empty() && !in_span(&days, day)) {
            partitions.day = days.last_key_value().map(|(day, _)| *day);
        }
        partitions.items = items;
        partitions.days = days;
        places.retain(|_, place| *place != Place::Hot);
        partitions.places = places;
        self.reorder_partitions();
    }

    /// Filters and sorts the open dataset's partitions.
    pub(crate) fn reorder_partitions(&mut self) {
        let partitions = &mut self.partitions;
        let items = &partitions.items;
        let mut order: Vec<usize> = (0..items.len()).collect();
        if !partitions.filter.is_empty() && partitions.level != Level::Datasets {
            let word = |missing| if missing { "missing" } else { "partition" };
            let states = &partitions.known.states;
            order.retain(|at| {
                items.get(*at).is_some_and(|item| {
                    let state = states.get(&item.path).map_or_else(String::new, |day| mark(day).text);
                    let kind = word(item.missing > 0);
                    let place = if item.missing > 0 { "" } else { item.place.word() };
                    partitions.filter.matches(&[
                        ("name", &item.path),
                        ("kind", kind),
                        ("state", &state),
                        ("place", place),
                    ])
                })
            });
        }
        let value = |at: &usize| {
            let Some(item) = items.get(*at) else { return 0 };
            match partitions.sort {
                1 => item.rows,
                2 => item.bytes,
                3 => item.files,
                _ => item.bytes.checked_div(item.files).unwrap_or(0),
            }
        };
        if partitions.sort > 0 {
            order.sort_by_cached_key(value);
        }
        if partitions.reverse {
            order.reverse();
        }
        partitions.keys =
            order.iter().filter_map(|at| items.get(*at).map(|item| item.path.clone())).collect();
        partitions.cursor.refresh(&partitions.keys);
        partitions.order = order;
    }

    pub(crate) fn open_dataset(&mut self, key: &str) -> Vec<Effect> {
        self.tab = crate::app::Tab::Partitions;
        let partitions = &mut self.partitions;
        if partitions.feed.as_deref() != Some(key) {
            partitions.feed = Some(key.to_owned());
            partitions.cursor = Cursor::default();
            partitions.day = None;
            partitions.sort = 0;
            partitions.reverse = false;
        }
        partitions.level = if partitions.calendar { Level::Calendar } else { Level::Partitions };
        self.set_partition_filter("");
        self.rebuild_partitions();
        if self.partitions.calendar && self.partitions.days.is_empty() {
            self.partitions.level = Level::Partitions;
        }
        vec![Effect::LoadDataset(key.to_owned())]
    }

    pub(crate) fn set_partition_filter(&mut self, text: &str) {
        text.clone_into(&mut self.partitions.filter_text);
        self.partitions.filter = Filter::parse(text, &FIELDS);
        if self.partitions.level == Level::Datasets {
            self.reorder_datasets();
        } else {
            self.reorder_partitions();
        }
    }

    pub(crate) fn partitions_action(&mut self, action: Action) -> Vec<Effect> {
        match (action, self.partitions.level) {
            (Action::Open, Level::Datasets) => {
                let key = self.partitions.datasets.key().cloned();
                return key.map(|key| self.open_dataset(&key)).unwrap_or_default();
            }
            (Action::Open, Level::Partitions) => {
                let at = self.partitions.order.get(self.partitions.cursor.at());
                let item = at.and_then(|at| self.partitions.items.get(*at));
                if let Some(path) = item.filter(|item| item.missing == 0).map(|item| item.path.clone()) {
                    return self.open_partition(path);
                }
            }
            (Action::Open, Level::Calendar) => {
                let day = self.partitions.day;
                let item = self.partitions.items.iter().find(|i| i.missing == 0 && day_of(&i.path) == day);
                if let Some(path) = item.map(|item| item.path.clone()) {
                    return self.open_partition(path);
                }
            }
            (Action::Open, Level::Files) => {
                let file = self.partitions.files.under_cursor();
                if file.is_some_and(|file| file.cold.is_some()) {
                    let text = "the file lies in the cold tier: F on its day brings it home";
                    self.toast(text, crate::app::view::Tone::Plain);
                } else if let Some(file) = file {
                    let path = file.path.clone();
                    self.partitions.grid = GridState { path, asked: Some(0), ..GridState::default() };
                    self.partitions.level = Level::Grid;
                    return vec![Effect::LoadRows {
                        path: self.partitions.grid.path.clone(),
                        from: 0,
                        count: CHUNK,
                    }];
                }
            }
            (Action::Back, Level::Grid) => self.partitions.level = Level::Files,
            (Action::Back, Level::Files) => {
                self.partitions.level =
                    if self.partitions.calendar { Level::Calendar } else { Level::Partitions };
            }
            (Action::Back, Level::Partitions | Level::Calendar) => {
                self.partitions.level = Level::Datasets;
                self.set_partition_filter("");
            }
            (Action::ExportDay | Action::UndoDay | Action::ShowDay, _) => return self.day_action(action),
            (Action::Compact, _) => return self.compact_action(),
            (Action::ToggleUnit, _) => self.partitions.bytes = !self.partitions.bytes,
            (Action::ToggleCalendar, Level::Partitions) if self.partitions.days.is_empty() => {
                self.toast("there is no calendar: the folders have no days", crate::app::view::Tone::Plain);
            }
            (Action::ToggleCalendar, Level::Partitions) => {
                let under = self.partitions.cursor.key().and_then(|path| day_of(path));
                self.partitions.day = under.or(self.partitions.day);
                self.partitions.calendar = true;
                self.partitions.level = Level::Calendar;
            }
            (Action::ToggleCalendar, Level::Calendar) => {
                self.partitions.calendar = false;
                self.partitions.level = Level::Partitions;
            }
            (Action::ToggleCalendar, Level::Datasets) => self.partitions.calendar = !self.partitions.calendar,
            (Action::Sort(n), Level::Partitions) if n <= 5 => {
                let column = usize::from(n) - 1;
                self.partitions.reverse = self.partitions.sort == column && !self.partitions.reverse;
                self.partitions.sort = column;
                self.reorder_partitions();
            }
            _ => {}
        }
        Vec::new()
    }

    fn open_partition(&mut self, partition: String) -> Vec<Effect> {
        let Some(feed) = self.partitions.feed.clone() else { return Vec::new() };
        self.partitions.files = Files { partition: partition.clone(), ..Files::default() };
        self.partitions.level = Level::Files;
        vec![Effect::LoadFiles { feed, partition }]
    }

    pub(crate) fn move_calendar(&mut self, action: Action) {
        let Some(day) = self.partitions.day else { return };
        let (Some((first, _)), Some((last, _))) =
            (self.partitions.days.first_key_value(), self.partitions.days.last_key_value())
        else {
            return;
        };
        let days = match action {
            Action::Up => -1,
            Action::Down => 1,
            Action::Left => -7,
            Action::Right => 7,
            Action::PageUp => -91,
            Action::PageDown => 91,
            Action::Top => -1_000_000,
            Action::Bottom => 1_000_000,
            _ => return,
        };
        let (first, last) = (*first, *last);
        let moved = day.checked_add_signed(chrono::TimeDelta::days(days));
        self.partitions.day = Some(moved.unwrap_or(if days < 0 { first } else { last }).clamp(first, last));
    }

    /// Moves in the rows of a file; asks for those that are not loaded.
    pub(crate) fn move_grid(&mut self, action: Action) -> Vec<Effect> {
        let page = self.page() as u64;
        let state = &mut self.partitions.grid;
        let Some(Ok(grid)) = &state.grid else { return Vec::new() };
        let last = grid.total.saturating_sub(1);
        state.row = match action {
            Action::Up => state.row.saturating_sub(1),
            Action::Down => state.row + 1,
            Action::PageUp => state.row.saturating_sub(page),
            Action::PageDown => state.row + page,
            Action::Top => 0,
            Action::Bottom => last,
            _ => state.row,
        }
        .min(last);
        state.column = match action {
            Action::Left => state.column.saturating_sub(1),
            Action::Right => (state.column + 1).min(grid.columns.len().saturating_sub(1)),
            _ => state.column,
        };
        state.top = state.top.clamp((state.row + 1).saturating_sub(page), state.row);
        let loaded = grid.from..grid.from + grid.rows.len() as u64;
        let wanted = state.top..(state.top + page).min(grid.total);
        let there = loaded.contains(&wanted.start) && wanted.end <= loaded.end;
        // Half a chunk before, so that a step back needs no other.
        let from = wanted.start.saturating_sub(CHUNK as u64 / 4);
        if there || wanted.is_empty() || state.asked == Some(from) {
            return Vec::new();
        }
        state.asked = Some(from);
        let count = CHUNK.max(usize::try_from(page).unwrap_or(CHUNK) * 2);
        vec![Effect::LoadRows { path: state.path.clone(), from, count }]
    }
}

fn in_span(days: &BTreeMap<NaiveDate, (u64, u64)>, day: NaiveDate) -> bool {
    days.first_key_value().is_some_and(|(first, _)| *first <= day)
        && days.last_key_value().is_some_and(|(last, _)| *last >= day)
}

/// A row for each stretch of days without a folder between the first and the last.
fn gaps(days: &BTreeMap<NaiveDate, (u64, u64)>) -> Vec<Item> {
    let mut gaps = Vec::new();
    for (before, after) in days.keys().zip(days.keys().skip(1)) {
        let missing = (*after - *before).num_days() - 1;
        if let (1.., Some(from), Some(to)) = (missing, before.succ_opt(), after.pred_opt()) {
            let path = if missing == 1 { from.to_string() } else { format!("{from} … {to}") };
            gaps.push(Item { path, missing, ..Item::default() });
        }
    }
    gaps
}

/// In the order of time: folders of days and gaps between them, versions by their number.
fn sort_key(path: &str, is_table: bool) -> (u32, String) {
    match PartitionPath::parse(path) {
        Some(PartitionPath::Version(version)) => (version, String::new()),
        Some(date) => (0, date.label()),
        None => (if is_table { u32::MAX } else { 0 }, path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_days_stand_between_the_days() {
        let day = |text: &str| (text.parse::<NaiveDate>().unwrap(), (1, 1));
        let days =
            BTreeMap::from([day("2025-01-03"), day("2025-01-05"), day("2025-01-06"), day("2025-01-10")]);
        let gaps = gaps(&days);
        let found: Vec<_> = gaps.iter().map(|gap| (gap.path.as_str(), gap.missing)).collect();
        assert_eq!(found, [("2025-01-04", 1), ("2025-01-07 … 2025-01-09", 3)]);
        let mut paths =
            ["year=2025/month=01/day=10", "2025-01-07 … 2025-01-09", "year=2025/month=01/day=06/hour=23"];
        paths.sort_by_key(|path| sort_key(path, false));
        assert_eq!(paths[0], "year=2025/month=01/day=06/hour=23");
        assert_eq!(paths[2], "year=2025/month=01/day=10");
        assert!(sort_key("version=v9", true) < sort_key("version=v10", true));
        assert_eq!(day_of("year=2025/month=13/day=01"), None);
        assert_eq!(day_of("year=2025/month=12"), None);
    }
}
