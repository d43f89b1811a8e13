//! The commits of a dataset over the view: compared, pinned, rolled back.
//!
//! ```text
//! H on a feed ─▶ LoadHistory ─▶ a sheet with a line a commit
//!    d, enter   ─▶ LoadDifference: with the version, or the commit, before it ─▶ a sheet
//!    p          ─▶ Pin: a version, or the day that the commit is about; again: unpinned
//!    u          ─▶ a question ─▶ Rollback
//! ```

use chrono::NaiveDate;

use crate::app::effect::Effect;
use crate::app::message::{Difference, Message};
use crate::app::overlays::{Confirm, Overlay, Sheet};
use crate::app::state::App;
use crate::app::view::Tone;
use crate::app::view::text::{count, files as of_files};
use crate::feed::PartitionPath;
use crate::lake::{CommitEntry, History, Target};

/// What is known of the commits of a dataset, and of the difference asked for last.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownHistory {
    /// The feed of which it is known.
    pub(crate) feed: String,
    /// `None`: it is being read.
    pub(crate) history: Option<Result<History, String>>,
    /// What is compared.
    pub(crate) compared: (String, String),
    /// `None`: it is being compared.
    pub(crate) difference: Option<Result<Difference, String>>,
}

impl App {
    /// Opens the commits of the feed in front.
    pub(crate) fn show_history(&mut self) -> Vec<Effect> {
        let Some(feed) = self.feed_in_front() else {
            self.toast("there is no feed under the cursor", Tone::Plain);
            return Vec::new();
        };
        self.commits = KnownHistory { feed: feed.clone(), ..KnownHistory::default() };
        self.overlay = Some(Overlay::Sheet(Sheet::History { at: 0, top: 0 }));
        vec![Effect::LoadHistory(feed)]
    }

    /// The commits of a dataset came, or a difference.
    pub(crate) fn set_told(&mut self, told: Message) {
        let commits = &mut self.commits;
        match told {
            Message::History { feed, history } if commits.feed == feed => {
                commits.history = Some(history.map_err(|error| error.to_string()));
            }
            Message::Difference { feed, compared, found }
                if commits.feed == feed && commits.compared == compared =>
            {
                commits.difference = Some(found.map_err(|error| error.to_string()));
            }
            _ => {}
        }
    }

    /// What is in front of a dataset is read again when something of it has changed: its days, its commits.
    pub(crate) fn ask_again(&self, feed: &str) -> Vec<Effect> {
        let mut effects = self.ask_days(feed);
        let is_open = matches!(&self.overlay, Some(Overlay::Sheet(Sheet::History { .. })));
        effects.extend((is_open && self.commits.feed == feed).then(|| Effect::LoadHistory(feed.to_owned())));
        effects
    }

    /// The commits that are listed, the newest first.
    pub(crate) fn listed_commits(&self) -> &[CommitEntry] {
        match &self.commits.history {
            Some(Ok(history)) => &history.commits,
            _ => &[],
        }
    }

    /// Compares the commit with the one before it: of a table its version with that before.
    pub(crate) fn compare_commit(&mut self, at: usize) -> Vec<Effect> {
        let commits = self.listed_commits();
        let Some(commit) = commits.get(at) else { return Vec::new() };
        let before = match commit.version {
            Some(version) => {
                let earlier = commits.iter().skip(at + 1).filter_map(|commit| commit.version);
                let earlier = earlier.into_iter().find(|earlier| *earlier != version);
                earlier.map(|earlier| (format!("v{earlier}"), format!("v{version}")))
            }
            None => commits.get(at + 1).map(|before| (before.id.clone(), commit.id.clone())),
        };
        let is_table = matches!(&self.commits.history, Some(Ok(history)) if history.is_table);
        let Some((from, to)) = before.filter(|_| !is_table || commit.version.is_some()) else {
            let why =
                if is_table { "no version before it is listed" } else { "no commit before it is listed" };
            self.toast(why, Tone::Plain);
            return Vec::new();
        };
        self.commits.compared = (from.clone(), to.clone());
        self.commits.difference = None;
        self.overlay = Some(Overlay::Sheet(Sheet::Difference { top: 0, behind: at }));
        vec![Effect::LoadDifference { feed: self.commits.feed.clone(), from, to }]
    }

    fn told(&mut self, why: String) -> Vec<Effect> {
        self.toast(why, Tone::Plain);
        Vec::new()
    }

    /// Why nothing of the open history can be changed now.
    fn no_change(&self) -> Option<String> {
        if self.setup.read_only {
            return Some("read-only: nothing is changed".to_owned());
        }
        self.refusal(&self.commits.feed).map(|why| format!("{} {why}", self.commits.feed))
    }

    /// Pins what the commit is about, or takes the pin away.
    pub(crate) fn pin_commit(&mut self, at: usize) -> Vec<Effect> {
        let Some(commit) = self.listed_commits().get(at).cloned() else { return Vec::new() };
        if let Some(why) = self.no_change() {
            return self.told(why);
        }
        match target_of(&commit) {
            Ok(target) => {
                let feed = self.commits.feed.clone();
                vec![Effect::Pin { feed, target, pinned: commit.pins.is_empty() }]
            }
            Err(why) => self.told(why),
        }
    }

    /// Asks before a version becomes current again, or a day what it was before the commit.
    pub(crate) fn ask_rollback(&mut self, at: usize, sheet: Sheet) -> Vec<Effect> {
        self.overlay = Some(Overlay::Sheet(sheet.clone()));
        let Some(commit) = self.listed_commits().get(at).cloned() else { return Vec::new() };
        if let Some(why) = self.no_change() {
            return self.told(why);
        }
        let target = match target_of(&commit) {
            Ok(target) => target,
            Err(why) => return self.told(why),
        };
        let current = match &self.commits.history {
            Some(Ok(history)) => history.current_version,
            _ => None,
        };
        let (question, consequence, set) = match target {
            Target::Version(version) => {
                if current == Some(version) {
                    return self.told(format!("v{version} is the current version"));
                }
                if !commit.held.can_come_back() {
                    return self.told(format!("v{version} is not there any more"));
                }
                let rows = count(commit.added.rows);
                let text = format!(
                    "Its {rows} rows become the table again. What is newer goes to the bin, and a rollback brings it back. The next \
                     export takes the table as it is then."
                );
                (format!("Make v{version} current again?"), text, None)
            }
            Target::Day(day) => {
                if commit.in_bin.is_empty() {
                    return self.told("nothing that this commit put aside is in the bin".to_owned());
                }
                let text = format!(
                    "{} rows in {} that the commit put aside come back. What it brought goes to the bin; late rows stay. A rollback \
                     takes it back.",
                    count(commit.removed.rows),
                    of_files(commit.removed.files)
                );
                (format!("Take commit {} of {day} back?", commit.number()), text, Some(commit.id.clone()))
            }
        };
        let feed = self.commits.feed.clone();
        let name = match target {
            Target::Version(version) => PartitionPath::Version(version).to_string(),
            Target::Day(day) => PartitionPath::of_day(day).to_string(),
        };
        self.overlay = Some(Overlay::Confirm(Confirm {
            question,
            consequence,
            targets: vec![format!("{feed}/{name}")],
            yes: false,
            effects: vec![Effect::Rollback { feed, target, set }],
            behind: Some(sheet),
        }));
        Vec::new()
    }
}

/// What a pin of the commit, or a rollback to it, is about; why not, in words.
fn target_of(commit: &CommitEntry) -> Result<Target, String> {
    if let Some(version) = commit.version {
        return Ok(Target::Version(version));
    }
    let days: Vec<NaiveDate> = {
        let of = |path: &String| PartitionPath::parse(path).and_then(PartitionPath::first_day);
        let mut days: Vec<NaiveDate> = commit.partitions.iter().filter_map(of).collect();
        days.dedup();
        days
    };
    match days.as_slice() {
        [one] => Ok(Target::Day(*one)),
        [] => Err("the commit is about no version and no day".to_owned()),
        many => Err(format!("the commit is about {} days: name one in a shell", many.len())),
    }
}
