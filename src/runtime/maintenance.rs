//! Maintenance of the lake on the screen: days read, versions and days rolled back, pinned and compared, datasets checked and
//! mended. Blocking.
//!
//! What changes the lake is written into the log as an export is.

use std::path::Path;

use chrono::Utc;

use super::load;
use super::work::{Reply, Teller};
use crate::app::{Days, Difference, Message};
use crate::error::Result;
use crate::export::{Cancel, this_process};
use crate::feed::{Feed, FeedKind};
use crate::lake::verify::{self, Options};
use crate::lake::{self, Asked, Dataset, Lake, Limits, Owner, Reset, Target};
use crate::log::{Level, Record};
use crate::ui::terminal::contained;

/// A dataset that is to be checked or repaired.
pub(super) struct ToCheck {
    /// The feed's name.
    pub(super) name: String,
    /// The feed, or why its file says nothing.
    pub(super) feed: Result<Feed>,
    /// Says whether the check shall stop.
    pub(super) cancel: Cancel,
}

/// What is known of each day.
pub(super) fn days(dir: Result<std::path::PathBuf>) -> Result<Days> {
    let dir = dir?;
    Ok(Days { states: lake::completeness(&dir)?, replaced: lake::replaced(&dir)? })
}

/// A change of a dataset by its history.
pub(super) enum Change {
    /// A version becomes current again; of a day the last new export is taken back, or this set of the bin.
    Rollback(Target, Option<String>),
    /// It is pinned, or is no more.
    Pin(Target, bool),
}

impl Change {
    /// What the log says of it.
    fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Rollback(Target::Day(_), _) => ("lakehand: undo of a day", "undone", "undo failed"),
            Self::Rollback(Target::Version(_), _) => ("lakehand: rollback", "rolled back", "rollback failed"),
            Self::Pin(_, true) => ("lakehand: pin", "pinned", "pin failed"),
            Self::Pin(_, false) => ("lakehand: unpin", "unpinned", "unpin failed"),
        }
    }

    fn make(&self, dataset: &mut Dataset) -> Result<String> {
        let now = Utc::now();
        Ok(match self {
            Self::Rollback(Target::Day(day), set) => dataset.undo_day(*day, set.as_deref(), now)?.sentence(),
            Self::Rollback(Target::Version(version), _) => dataset.undo_version(*version, now)?.sentence(),
            Self::Pin(target, true) => dataset.pin(*target, None, now)?.sentence(),
            Self::Pin(target, false) => {
                format!("{} is not pinned any more", dataset.unpin(*target, now)?.target())
            }
        })
    }
}

/// Makes the change, and shows what the lake then holds.
pub(super) fn change(lake: &Lake, feed: &Feed, limits: Limits, change: &Change, teller: &Teller) {
    let (what, done_word, failed_word) = change.words();
    let done = Dataset::open(lake, feed, limits, owner(what)).and_then(|mut dataset| {
        for text in dataset.recovery().told() {
            note(feed, Level::Warn, "recovered", &text, teller);
        }
        change.make(&mut dataset)
    });
    match done {
        Ok(text) => {
            note(feed, Level::Info, done_word, &text, teller);
            teller.say(Message::Done { text: format!("{}: {text}", feed.name), undo: Vec::new() });
        }
        Err(error) => {
            note(feed, Level::Error, failed_word, &error.to_string(), teller);
            teller.say(Message::Failed(error.at("feed", &feed.name)));
        }
    }
    teller.say(load::dataset(&feed.name, lake.dataset_dir(feed)));
}

/// Rows of a difference that are shown.
const SHOWN: usize = 100;

/// Compares two versions of a table, or two commits of a stream.
pub(super) fn compare(
    dir: &Path,
    feed: &Feed,
    from: &str,
    to: &str,
    memory_bytes: u64,
) -> Result<Difference> {
    if let (Ok(Target::Version(old)), Ok(Target::Version(new)), FeedKind::Table) =
        (from.parse(), to.parse(), feed.kind)
    {
        let asked = Asked { key: Vec::new(), rows: SHOWN, memory_bytes, cancel: Cancel::default() };
        let found = lake::diff_versions(dir, old, new, &asked)?;
        return Ok(Difference::Versions { found, may_show: feed.visibility.shows_values() });
    }
    Ok(Difference::Commits(lake::diff_commits(dir, from, to)?))
}

/// Does what was decided about a dataset whose log is another one, as `feeds reset` does.
pub(super) fn reset(lake: &Lake, feed: &Feed, how: Reset, teller: &Teller) {
    let done = Reset::check(lake, feed).and_then(|()| {
        let dataset = Dataset::open(lake, feed, Limits::default(), owner("lakehand: feeds reset"))?;
        how.perform(dataset, Utc::now())
    });
    match done {
        Ok(what) => {
            note(feed, Level::Warn, "feed reset", &what, teller);
            teller.say(Message::Done { text: format!("{}: {what}", feed.name), undo: Vec::new() });
        }
        Err(error) => {
            note(feed, Level::Error, "reset failed", &error.to_string(), teller);
            teller.say(Message::Failed(error.at("feed", &feed.name)));
        }
    }
    teller.say(load::dataset(&feed.name, lake.dataset_dir(feed)));
}

/// Looks at datasets, one after the other.
pub(super) fn check(lake: &Lake, feeds: Vec<ToCheck>, deep: bool, teller: &Teller) {
    for ToCheck { name, feed, cancel } in feeds {
        let lake = lake.clone().stopped_by(cancel);
        // A panic is this check's failure, and not one that is under way for ever.
        let report = contained(|| {
            feed.and_then(|feed| {
                verify::check(&lake, &feed, Options { deep, ..Options::default() }, &owner("lakehand: check"))
            })
        })
        .flatten();
        teller.say(Message::Checked { feed: name, at: Utc::now(), deep, mended: None, report });
    }
}

/// Mends datasets, one after the other.
///
/// What takes many rows from readers is refused, and the model asks the operator with the numbers.
pub(super) fn repair(lake: &Lake, feeds: Vec<ToCheck>, limits: &Limits, options: Options, teller: &Teller) {
    let deep = options.deep;
    for ToCheck { name, feed, cancel } in feeds {
        let lake = lake.clone().stopped_by(cancel);
        let mended = contained(|| {
            let feed = feed?;
            let owner = owner("lakehand: repair");
            let repaired = verify::repair(&lake, &feed, limits.clone(), options, owner)?;
            for finding in &repaired.done {
                let repair = finding.repair.as_ref().map_or(String::new(), ToString::to_string);
                let text = format!("{} in {}: {}: {repair}", finding.kind.name(), finding.path, finding.what);
                note(&feed, Level::Warn, "repaired", &text, teller);
            }
            Ok(repaired)
        })
        .flatten();
        let (mended, report) = match mended {
            Ok(repaired) => (repaired.done, Ok(repaired.left)),
            Err(error) if verify::waits_for_consent(&error) => {
                teller.say(Message::RepairRefused { feed: name, deep, what: error.what().to_owned() });
                continue;
            }
            Err(error) => (Vec::new(), Err(error)),
        };
        teller.say(Message::Checked { feed: name, at: Utc::now(), deep, mended: Some(mended), report });
    }
}

fn owner(what: &str) -> Owner {
    this_process(what, Utc::now())
}

fn note(feed: &Feed, level: Level, message: &str, what: &str, teller: &Teller) {
    teller.say(Reply::Note(Record::new(Utc::now(), level, Some(&feed.name), message).fact("what", what)));
}
