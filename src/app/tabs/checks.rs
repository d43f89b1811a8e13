//! Checks of what the lake holds, and repairs.
//!
//! ```text
//! C, K  on datasets ─▶ Check ─▶ Checked … ─▶ a sheet of findings ─ r ─▶ a question with each repair ─▶ Repair
//!                                                 ▲                                                     │
//!                                                 └─ a question with the number of rows ◀─ RepairRefused ┘
//! ```

use chrono::{DateTime, Utc};

use super::Run;
use crate::app::effect::Effect;
use crate::app::overlays::{Confirm, Overlay, Sheet};
use crate::app::state::{App, Tab};
use crate::app::view::Tone;
use crate::app::view::text::{findings, one_line};
use crate::error::Kind;
use crate::lake::verify::{Finding, Report, Severity};

/// What is begun of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A look at it; `deep` reads every row.
    Check { deep: bool },
    /// What was found is mended.
    Repair { deep: bool, accept_loss: bool },
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
    /// The repair that waits for the operator's consent.
    pub(crate) refused: Option<RefusedRepair>,
}

/// A repair that did nothing, as it would take many rows from readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedRepair {
    /// Every row was read, and is to be read again.
    pub(crate) deep: bool,
    /// How many rows, of how many, in how many files.
    pub(crate) what: String,
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

impl App {
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
        self.begin(fit, Work::Check { deep })
    }

    /// Notes that checks or repairs begin; those under way are not begun again.
    pub(crate) fn begin(&mut self, feeds: Vec<String>, work: Work) -> Vec<Effect> {
        let now = self.clock;
        let feeds: Vec<String> = feeds
            .into_iter()
            .filter(|feed| {
                let checked = self.checks.entry(feed.clone()).or_default();
                let idle = checked.running.is_none();
                if idle {
                    checked.running = Some((now, matches!(work, Work::Repair { .. })));
                    checked.refused = None;
                }
                idle
            })
            .collect();
        match work {
            _ if feeds.is_empty() => Vec::new(),
            Work::Check { deep } => vec![Effect::Check { feeds, deep }],
            Work::Repair { deep, accept_loss } => vec![Effect::Repair { feeds, deep, accept_loss }],
        }
    }

    /// A check or a repair of this feed is under way.
    pub(crate) fn is_checking(&self, feed: &str) -> bool {
        self.checks.get(feed).is_some_and(|checked| checked.running.is_some())
    }

    /// Asks the checks and repairs of a sheet that are under way to stop.
    pub(crate) fn stop_checks(&mut self, sheet: &Sheet) -> Vec<Effect> {
        let Sheet::Check { feeds, .. } = sheet else { return Vec::new() };
        let feeds: Vec<String> = feeds.iter().filter(|feed| self.is_checking(feed)).cloned().collect();
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
            refused: None,
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
                self.feeds.feed(name).is_some_and(|feed| seen.insert((feed.kind.keyword(), feed.dataset())))
            })
            .cloned()
            .collect()
    }

    /// Asks before what was found is mended: each repair by name.
    pub(crate) fn ask_repair(&mut self, sheet: Sheet) -> Vec<Effect> {
        let Sheet::Check { feeds, .. } = &sheet else { return Vec::new() };
        if let Some(question) = self.question_of_loss(&sheet).filter(|_| !self.setup.read_only) {
            self.overlay = Some(Overlay::Confirm(question));
            return Vec::new();
        }
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
            effects: vec![Effect::Repair { feeds: fit, deep, accept_loss: false }],
            behind: Some(sheet),
        }));
        Vec::new()
    }

    /// The last check of a feed found something that can be mended.
    pub(crate) fn can_repair(&self, feed: &str) -> bool {
        let report = self.checks.get(feed).filter(|checked| checked.running.is_none());
        let findings = report.and_then(|checked| checked.report.as_ref()?.as_ref().ok());
        findings.is_some_and(|report| report.findings.iter().any(|finding| finding.repair.is_some()))
    }

    /// A repair waits for consent. Where its findings are in front the question comes by itself.
    pub(crate) fn set_refused(&mut self, feed: &str, deep: bool, what: String) {
        let checked = self.checks.entry(feed.to_owned()).or_default();
        checked.running = None;
        checked.refused = Some(RefusedRepair { deep, what });
        match self.overlay.take() {
            Some(Overlay::Sheet(sheet)) if sheet.is_about(feed) => {
                let question = self.question_of_loss(&sheet);
                self.overlay = Some(question.map_or(Overlay::Sheet(sheet), Overlay::Confirm));
            }
            other => {
                self.overlay = other;
                self.toast(
                    format!("{feed}: the repair waits for your consent: C and r ask for it"),
                    Tone::Warn,
                );
            }
        }
    }

    /// The question whether the rows may be taken from readers, for the first dataset of a sheet whose repair waits for the
    /// answer. Each dataset is asked for by itself, with its own numbers.
    fn question_of_loss(&self, sheet: &Sheet) -> Option<Confirm> {
        let Sheet::Check { feeds, .. } = sheet else { return None };
        let waits = |feed: &String| Some((feed.clone(), self.checks.get(feed)?.refused.clone()?));
        let (feed, refused) = feeds.iter().find_map(waits)?;
        Some(Confirm {
            question: format!("Take rows of {} from readers?", one_line(&feed)),
            consequence: format!(
                "Nothing was repaired: {}. Their files go to damaged/ in _lakehand/ and are not deleted. Look at the findings first.",
                one_line(&refused.what)
            ),
            targets: self.feeds.feed(&feed).map(crate::feed::Feed::dataset).into_iter().collect(),
            yes: false,
            effects: vec![Effect::Repair { feeds: vec![feed], deep: refused.deep, accept_loss: true }],
            behind: Some(sheet.clone()),
        })
    }

    /// What was in front of a question is there again; a repair that was consented to begins.
    pub(crate) fn answered(&mut self, question: Confirm, yes: bool) -> Vec<Effect> {
        self.overlay = question.behind.map(Overlay::Sheet);
        if !yes {
            return Vec::new();
        }
        if let [Effect::Repair { feeds, deep, accept_loss }] = question.effects.as_slice() {
            return self.begin(feeds.clone(), Work::Repair { deep: *deep, accept_loss: *accept_loss });
        }
        self.feeds.cursor.unmark();
        question.effects
    }

    /// The datasets that a check is about: those marked, or the one in front.
    pub(crate) fn check_targets(&self) -> Vec<String> {
        match self.tab {
            Tab::Feeds => self.target_feeds(),
            _ => self.feed_in_front().into_iter().collect(),
        }
    }
}
