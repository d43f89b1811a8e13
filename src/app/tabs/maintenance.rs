//! Maintenance of what the lake holds: days exported again and taken back, datasets checked and mended.
//!
//! ```text
//! e, u   on a day     ─▶ refused with words, or a question ─▶ ExportDay, UndoDay
//! i      on a day     ─▶ a sheet with all that is known of it
//! C, K   on datasets  ─▶ Check ─▶ Checked … ─▶ a sheet of findings ─ r ─▶ a question with each repair ─▶ Repair
//! ```

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::partitions::Item;
use super::{Level, Run};
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::message::Days;
use crate::app::overlays::{Confirm, Overlay, Sheet};
use crate::app::state::{App, Tab};
use crate::app::view::text::{count, files as of_files, findings, one_line, size};
use crate::app::view::{FeedState, Tone};
use crate::error::Kind;
use crate::feed::partition_path::is_inside;
use crate::feed::{FeedKind, PartitionPath, StorageMode};
use crate::lake::verify::{Finding, Report, Severity};
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

/// A check of a dataset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checked {
    /// Since when one is under way, and whether it mends.
    pub(crate) running: Option<(DateTime<Utc>, bool)>,
    /// When the last one was over.
    pub(crate) at: Option<DateTime<Utc>>,
    /// Every row was read.
    pub(crate) deep: bool,
    /// What it found, or why it could not look.
    pub(crate) report: Option<std::result::Result<Report, String>>,
    /// What it mended.
    pub(crate) mended: Vec<Finding>,
}

impl Checked {
    /// Findings of damage.
    pub(crate) fn damage(&self) -> usize {
        self.of(Severity::Damage)
    }

    pub(crate) fn of(&self, severity: Severity) -> usize {
        let findings = self.report.iter().flatten().flat_map(|report| &report.findings);
        findings.filter(|finding| finding.severity == severity).count()
    }
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
        self.metadata(feed).is_some_and(|metadata| metadata.kind == FeedKind::Stream.word())
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
        if self.metadata(&feed).is_some_and(|metadata| metadata.kind == FeedKind::Table.word()) {
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
        let earlier = self.partitions.known.replaced.keys().any(|path| is_inside(path, &folder));
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
        if earlier {
            consequence += " What was replaced before goes for good.";
        }
        Confirm {
            question: format!("Export {day} again?"),
            consequence,
            targets: vec![format!("{feed}/{folder}")],
            yes: false,
            effects: vec![Effect::ExportDay { feed, day }],
        }
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
        }
    }

    /// Begins to check these feeds' datasets, and shows the findings.
    pub(crate) fn check_feeds(&mut self, feeds: Vec<String>, deep: bool) -> Vec<Effect> {
        let valid = |feed: &String| self.feeds.feed(feed).is_some();
        let (fit, invalid): (Vec<_>, Vec<_>) = feeds.into_iter().partition(valid);
        if let Some(first) = invalid.first() {
            let more =
                if invalid.len() > 1 { format!(" and {} more", invalid.len() - 1) } else { String::new() };
            self.toast(format!("{first}{more}: invalid, the data is not looked at"), Tone::Warn);
        }
        if fit.is_empty() {
            return Vec::new();
        }
        self.overlay = Some(Overlay::Sheet(Sheet::check(fit.clone())));
        self.begin_check(fit, deep, false)
    }

    /// Notes that checks or repairs begin; those under way are not begun again.
    pub(crate) fn begin_check(&mut self, feeds: Vec<String>, deep: bool, repair: bool) -> Vec<Effect> {
        let now = self.clock;
        let feeds: Vec<String> = feeds
            .into_iter()
            .filter(|feed| {
                let checked = self.checks.entry(feed.clone()).or_default();
                let idle = checked.running.is_none();
                checked.running = checked.running.or(Some((now, repair)));
                idle
            })
            .collect();
        if feeds.is_empty() {
            Vec::new()
        } else if repair {
            vec![Effect::Repair { feeds, deep }]
        } else {
            vec![Effect::Check { feeds, deep }]
        }
    }

    /// Asks the checks and repairs of a sheet that are under way to stop.
    pub(crate) fn stop_checks(&mut self, sheet: &Sheet) -> Vec<Effect> {
        let Sheet::Check { feeds, .. } = sheet else { return Vec::new() };
        let runs = |feed: &&String| self.checks.get(*feed).is_some_and(|checked| checked.running.is_some());
        let feeds: Vec<String> = feeds.iter().filter(runs).cloned().collect();
        if feeds.is_empty() {
            self.toast("no check is under way".to_owned(), Tone::Warn);
            return Vec::new();
        }
        vec![Effect::StopChecks(feeds)]
    }

    /// A check is over.
    pub(crate) fn set_checked(
        &mut self,
        feed: &str,
        at: DateTime<Utc>,
        deep: bool,
        mended: Option<Vec<Finding>>,
        report: crate::Result<Report>,
    ) -> Vec<Effect> {
        let was_repair = mended.is_some();
        if report.as_ref().is_err_and(|error| error.kind() == Kind::Interrupted) {
            // What an earlier check found is still what is known.
            self.checks.entry(feed.to_owned()).or_default().running = None;
            let what = if was_repair { "repair" } else { "check" };
            self.toast(format!("{feed}: the {what} was stopped"), Tone::Warn);
            return if was_repair { vec![Effect::LoadDataset(feed.to_owned())] } else { Vec::new() };
        }
        let checked = Checked {
            running: None,
            at: Some(at),
            deep,
            report: Some(report.map_err(|error| error.to_string())),
            mended: mended.unwrap_or_default(),
        };
        let (damage, done) = (checked.damage(), checked.mended.len());
        let failed = matches!(checked.report, Some(Err(_)));
        self.checks.insert(feed.to_owned(), checked);
        self.reorder_feeds_by_state();
        let seen = matches!(&self.overlay, Some(Overlay::Sheet(sheet)) if sheet.is_about(feed));
        if !seen && failed {
            self.toast(format!("{feed} could not be checked: C tells why"), Tone::Bad);
        } else if !seen && damage > 0 {
            self.toast(format!("{feed} is damaged, {}: C shows them", findings(damage)), Tone::Bad);
        } else if was_repair && !failed {
            self.toast(format!("{feed}: {} repaired", findings(done)), Tone::Good);
        } else if !seen {
            self.toast(format!("{feed} is sound"), Tone::Good);
        }
        if was_repair { vec![Effect::LoadDataset(feed.to_owned())] } else { Vec::new() }
    }

    /// The feeds that `check-all` is about: one a dataset is enough, and each is named.
    pub(crate) fn all_datasets(&self) -> Vec<String> {
        let names = self.feeds.names.iter().filter(|name| self.feeds.feed(name).is_some());
        let mut seen = std::collections::BTreeSet::new();
        names
            .filter(|name| {
                self.feeds.feed(name).is_some_and(|feed| seen.insert((feed.kind.word(), feed.dataset())))
            })
            .cloned()
            .collect()
    }

    /// Asks before what was found is mended: each repair by name.
    pub(crate) fn ask_repair(&mut self, sheet: Sheet) -> Vec<Effect> {
        let Sheet::Check { feeds, .. } = &sheet else { return Vec::new() };
        let mut deep = false;
        let (mut targets, mut fit) = (Vec::new(), Vec::new());
        for feed in feeds {
            let Some(checked) = self.checks.get(feed).filter(|checked| checked.running.is_none()) else {
                continue;
            };
            let findings = checked.report.iter().flatten().flat_map(|report| &report.findings);
            let before = targets.len();
            targets.extend(findings.filter_map(|finding| {
                let repair = finding.repair.as_ref()?;
                // What is done comes first: paths are long, and cut at their end.
                let path = if finding.path.is_empty() { &finding.dataset } else { &finding.path };
                Some(one_line(&format!("{repair}: {path}")))
            }));
            if targets.len() > before {
                fit.push(feed.clone());
                deep |= checked.deep;
            }
        }
        let busy = fit.iter().find(|feed| self.exports.latest(feed).is_some_and(Run::is_alive)).cloned();
        let why = if self.setup.read_only {
            Some("read-only: a repair is refused".to_owned())
        } else if targets.is_empty() {
            Some("there is nothing that can be repaired".to_owned())
        } else {
            busy.map(|feed| format!("{feed} is being exported: repair it when that is over"))
        };
        if let Some(why) = why {
            self.toast(why, Tone::Warn);
            self.overlay = Some(Overlay::Sheet(sheet));
            return Vec::new();
        }
        let number = targets.len();
        self.overlay = Some(Overlay::Confirm(Confirm {
            question: if number == 1 { "Repair it?".to_owned() } else { format!("Repair {}?", findings(number)) },
            consequence: "Nothing that holds rows is deleted: what does not belong into the data goes to damaged/ in _lakehand/. Each dataset is \
                          changed in one commit."
                .to_owned(),
            targets,
            yes: false,
            effects: vec![Effect::Repair { feeds: fit, deep }],
        }));
        Vec::new()
    }

    /// The last check of a feed found something that can be mended.
    pub(crate) fn can_repair(&self, feed: &str) -> bool {
        let report = self.checks.get(feed).filter(|checked| checked.running.is_none());
        let findings = report.and_then(|checked| checked.report.as_ref()?.as_ref().ok());
        findings.is_some_and(|report| report.findings.iter().any(|finding| finding.repair.is_some()))
    }

    /// After a question about a repair the findings are in front again; a repair that was consented to begins.
    pub(crate) fn answered(&mut self, effects: Vec<Effect>, yes: bool) -> Vec<Effect> {
        if let [Effect::Repair { feeds, deep: every_row }] = effects.as_slice() {
            self.overlay = Some(Overlay::Sheet(Sheet::check(feeds.clone())));
            return if yes { self.begin_check(feeds.clone(), *every_row, true) } else { Vec::new() };
        }
        if yes {
            self.feeds.cursor.unmark();
            return effects;
        }
        Vec::new()
    }

    /// The datasets that a check is about: those marked, or the one in front.
    pub(crate) fn check_targets(&self) -> Vec<String> {
        match self.tab {
            Tab::Feeds => self.target_feeds(),
            _ => self.feed_in_front().into_iter().collect(),
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
