//! Maintenance of the lake on the screen: days read, exports of a day taken back, datasets checked and mended. Blocking.
//!
//! What changes the lake is written into the log as an export is.

use chrono::{NaiveDate, Utc};

use super::load;
use super::work::{Reply, Teller};
use crate::app::{Days, Message};
use crate::error::Result;
use crate::export::{Cancel, this_process};
use crate::feed::Feed;
use crate::lake::verify::{self, Options};
use crate::lake::{self, Dataset, Lake, Limits, Owner, Reset};
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

/// Takes the last new export of a day back, and shows what the lake then holds.
pub(super) fn undo(lake: &Lake, feed: &Feed, limits: Limits, day: NaiveDate, teller: &Teller) {
    let undone =
        Dataset::open(lake, feed, limits, owner("lakehand: undo of a day")).and_then(|mut dataset| {
            for text in dataset.recovery().told() {
                note(feed, Level::Warn, "recovered", &text, teller);
            }
            dataset.undo_day(day, None, Utc::now())
        });
    match undone {
        Ok(done) => {
            let text = done.sentence();
            note(feed, Level::Info, "undone", &text, teller);
            teller.say(Message::Done { text: format!("{}: {text}", feed.name), undo: Vec::new() });
        }
        Err(error) => {
            note(feed, Level::Error, "undo failed", &error.to_string(), teller);
            teller.say(Message::Failed(error.at("feed", &feed.name)));
        }
    }
    teller.say(load::dataset(&feed.name, lake.dataset_dir(feed)));
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
