//! `check`: does the lake hold what its records say? With `--repair`, it is mended.

use std::collections::BTreeMap;

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::ask::ask;
use super::check_source::Sources;
use super::choose::{entry, valid};
use super::presence::require_lake;
use super::{Start, catalog, catalogs, say, say_error, say_json};
use crate::cancel::Cancel;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::publish::{Registered, drift, of_feed};
use crate::export::this_process;
use crate::feed::{Catalog, Feed};
use crate::headless::{Exit, cancel_on_signal, stdout};
use crate::lake::verify::{self, Finding, FindingKind, Options, Report, Severity};
use crate::lake::{Lake, Limits};

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct CheckArgs {
    /// The feeds whose data is looked at; all of them when none is named
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// Every feed, archived ones too, and datasets that no feed names
    #[arg(long, conflicts_with = "feeds")]
    all: bool,
    /// Mend what can be mended; what does not belong into the data goes to `_lakehand/…/damaged/`, nothing is deleted
    #[arg(long)]
    repair: bool,
    /// With --repair: go on although more than a tenth of a dataset's rows would be taken from readers
    #[arg(long, requires = "repair")]
    accept_loss: bool,
    /// Read every row, and compare each file with its hash, and not only the footers
    #[arg(long)]
    deep: bool,
    /// Read the first, the last and some other ranges of each stream from Kafka and through ksqlDB, and compare every value;
    /// ksqlDB reads the topic once for it
    #[arg(long)]
    source: bool,
    /// With --source: draw the same ranges as the comparison that told this seed
    #[arg(long, value_name = "N", requires = "source")]
    seed: Option<u64>,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Default)]
pub(super) struct Totals {
    datasets: u64,
    files: u64,
    rows: u64,
    damage: u64,
    leftovers: u64,
    pub(super) notes: u64,
    repaired: u64,
    lost: u64,
    /// Streams that differ between the two ways of reading them.
    pub(super) different: u64,
    pub(super) failures: Vec<Kind>,
    /// A signal ended the run before every dataset was looked at.
    interrupted: bool,
}

impl Totals {
    fn count(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Damage => self.damage += 1,
            Severity::Leftover => self.leftovers += 1,
            Severity::Note => self.notes += 1,
        }
    }
}

pub(super) fn run(start: &Start, args: &CheckArgs) -> Result<Exit> {
    let config = start.config()?;
    require_lake(&config)?;
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake).stopped_by(cancel.clone());
    let feeds = choose(&config, &args.feeds)?;
    let sources = args.source.then(|| Sources::new(&config, &cancel, args.seed)).transpose()?;
    let catalogs = catalogs(&config)?;
    let mut totals = Totals::default();
    for feed in &feeds {
        // Between two datasets, and inside of one where nothing is left half done.
        if cancel.is_cancelled() {
            break;
        }
        let mut checked = dataset(&config, &lake, feed, &catalogs, args, &mut totals);
        if checked.is_ok() {
            checked = cold_days(&config, &lake, feed, args, &cancel, &mut totals);
        }
        if let (Ok(()), Some(sources)) = (&checked, &sources) {
            let named = args.feeds.contains(&feed.name);
            checked = sources.check(&config, &lake, feed, named, args.json, &mut totals);
        }
        if let Err(error) = checked {
            if error.kind() == Kind::Interrupted {
                break;
            }
            totals.failures.push(error.kind());
            if args.json {
                say_json(&json!({
                    "event": "failed", "feed": feed.name, "kind": error.kind().name(), "error": error.to_string(),
                }));
            } else {
                say(&format!("{:<32} cannot be checked: {error}", feed.name));
            }
        }
    }
    totals.interrupted = cancel.is_cancelled();
    if args.feeds.is_empty() && !totals.interrupted {
        for name in verify::without_feed(&lake, &feeds)? {
            totals.notes += 1;
            if args.json {
                say_json(&json!({ "event": "without-feed", "dataset": name }));
            } else {
                say(&format!("{name:<32} note: no valid feed names it, and it is not looked at"));
            }
        }
    }
    let exit = stdout::or_lost(Exit::of_run(totals.interrupted, &totals.failures).or_lost(totals.lost > 0));
    end(args, &totals, feeds.len(), exit);
    Ok(exit)
}

/// One feed a dataset, archived ones too: their data stays in the lake.
fn choose(config: &Config, names: &[String]) -> Result<Vec<Feed>> {
    let catalog = Catalog::load(&config.feed_paths())?;
    let mut chosen = BTreeMap::new();
    for name in names {
        entry(&catalog, name)?;
    }
    for entry in catalog.entries.iter().filter(|e| names.is_empty() || names.contains(&e.name)) {
        match entry.feed() {
            Some(feed) => {
                chosen.entry((feed.kind.keyword(), feed.dataset())).or_insert_with(|| feed.clone());
            }
            None if !names.is_empty() => {
                valid(&catalog, &entry.name)?;
            }
            None => say_error(&format!(
                "feed {} is invalid, and its data is not looked at; `lakehand feeds validate {}` says why",
                entry.name, entry.name
            )),
        }
    }
    Ok(chosen.into_values().collect())
}

fn dataset(
    config: &Config,
    lake: &Lake,
    feed: &Feed,
    catalogs: &[Registered],
    args: &CheckArgs,
    totals: &mut Totals,
) -> Result<()> {
    let options = Options { deep: args.deep, accept_loss: args.accept_loss };
    let owner =
        this_process(if args.repair { "lakehand check --repair" } else { "lakehand check" }, Utc::now());
    let (done, report) = if args.repair {
        let limits = Limits { min_free_bytes: config.export.min_free_bytes, ..Limits::default() };
        let repaired = match verify::repair(lake, feed, limits.clone(), options, owner.clone()) {
            // Only the share of rows that would go is refused: whoever is at the terminal may decide.
            Err(e) if verify::waits_for_consent(&e) && !args.json && consents(feed, &e)? => {
                let options = Options { accept_loss: true, ..options };
                verify::repair(lake, feed, limits, options, owner)?
            }
            other => other?,
        };
        (repaired.done, repaired.left)
    } else {
        (Vec::new(), verify::check(lake, feed, options, &owner)?)
    };
    if !done.is_empty() {
        catalog::behind(config, feed);
    }
    for finding in &done {
        totals.repaired += 1;
        show(feed, finding, true, args.json);
    }
    for finding in &report.findings {
        totals.count(finding);
        show(feed, finding, false, args.json);
    }
    for finding in in_catalogs(lake, feed, catalogs, &report.dataset) {
        totals.notes += 1;
        show(feed, &finding, false, args.json);
    }
    if let Some(why) = &report.unlocked {
        let text = format!(
            "{}: looked at without its lock ({why}): a commit under way may look like damage",
            feed.name
        );
        say_error(&text);
    }
    if !report.is_sound() {
        totals.failures.push(Kind::Damaged);
    }
    totals.datasets += 1;
    totals.lost += report.lost;
    totals.files += report.files;
    totals.rows += report.rows;
    sum_up(feed, &report, args.json);
    Ok(())
}

/// The days that lie in the cold tier: names and sizes by one listing, contents too with `--deep`.
fn cold_days(
    config: &Config,
    lake: &Lake,
    feed: &Feed,
    args: &CheckArgs,
    cancel: &Cancel,
    totals: &mut Totals,
) -> Result<()> {
    let Some(verified) = super::tier::verify_cold(config, lake, feed, args.deep, cancel)? else {
        return Ok(());
    };
    for finding in &verified.findings {
        totals.count(finding);
        show(feed, finding, false, args.json);
    }
    if !verified.is_sound() {
        totals.failures.push(Kind::Damaged);
    }
    Ok(())
}

/// Differences of one table that are told.
const TOLD: usize = 5;

/// In what catalogues differ from the lake. One that is out of reach is no damage of the lake, nor is what it holds.
fn in_catalogs(lake: &Lake, feed: &Feed, catalogs: &[Registered], dataset: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for registered in of_feed(catalogs, feed) {
        let name = registered.name;
        let finding = |kind, what| Finding {
            dataset: dataset.to_owned(),
            kind,
            severity: Severity::Note,
            path: String::new(),
            what,
            repair: None,
        };
        match drift(lake, feed, registered) {
            Ok(found) => {
                let more = found.len().saturating_sub(TOLD);
                for (at, difference) in found.iter().take(TOLD).enumerate() {
                    let more =
                        if more > 0 && at + 1 == TOLD { format!("; and {more} more") } else { String::new() };
                    let what = format!(
                        "{name}: {}{more}; `lakehand catalog sync {}` mends it",
                        difference.sentence(),
                        feed.name
                    );
                    findings.push(finding(FindingKind::CatalogDrift, what));
                }
            }
            Err(error) => findings.push(finding(FindingKind::CatalogUnknown, format!("{name}: {error}"))),
        }
    }
    findings
}

/// Without a terminal nobody consents.
fn consents(feed: &Feed, refused: &Error) -> Result<bool> {
    let answer = ask(&format!("{}: {}. Do it?", feed.name, refused.what()))?;
    Ok(answer == Some(true))
}

pub(super) fn show(feed: &Feed, finding: &Finding, repaired: bool, json: bool) {
    let repair = finding.repair.as_ref().map(ToString::to_string);
    if json {
        return say_json(&json!({
            "event": if repaired { "repaired" } else { "finding" },
            "feed": feed.name,
            "dataset": finding.dataset,
            "finding": finding.kind.name(),
            "severity": finding.severity.name(),
            "path": finding.path,
            "what": finding.what,
            "repair": repair,
        }));
    }
    // What is in the books has a path of its own.
    let place = match finding.path.as_str() {
        "" => finding.dataset.clone(),
        path if path.split('/').any(|part| part.starts_with("_lakehand")) => path.to_owned(),
        path => format!("{}/{path}", finding.dataset),
    };
    let word = if repaired { "repaired" } else { finding.severity.name() };
    say(&format!("{place}: {word}: {}: {}", finding.kind.name(), finding.what));
    if let (Some(repair), false) = (repair, repaired) {
        say(&format!("    --repair would {repair}"));
    }
}

fn sum_up(feed: &Feed, report: &Report, json: bool) {
    if json {
        return say_json(&json!({
            "event": "dataset",
            "feed": feed.name,
            "dataset": report.dataset,
            "files": report.files,
            "rows": report.rows,
            "sound": report.is_sound(),
        }));
    }
    let word = if report.is_sound() { "sound" } else { "DAMAGED" };
    say(&format!("{:<32} {word}: {} rows in {} files", feed.name, report.rows, report.files));
}

fn end(args: &CheckArgs, totals: &Totals, asked: usize, exit: Exit) {
    let Totals {
        datasets,
        files,
        rows,
        damage,
        leftovers,
        notes,
        repaired,
        interrupted,
        lost,
        different,
        ..
    } = totals;
    if args.json {
        return say_json(&json!({
            "event": "summary", "datasets": datasets, "files": files, "rows": rows, "damage": damage, "leftovers": leftovers,
            "notes": notes, "repaired": repaired, "interrupted": interrupted, "lost": lost, "different": different, "exit": exit.code(),
        }));
    }
    let mut line = format!(
        "{datasets} datasets, {rows} rows in {files} files: {damage} damaged, {leftovers} left over, {notes} notes"
    );
    if *lost > 0 {
        line += &format!(", {lost} records known to be lost");
    }
    if args.source {
        line += &format!(", {different} streams that differ between Kafka and ksqlDB");
    }
    if args.repair {
        line += &format!(", {repaired} repaired");
    } else if damage + leftovers > 0 {
        line += "; `lakehand check --repair` mends what can be mended";
    }
    if *interrupted {
        line += &format!("; stopped on request, {datasets} of {asked} datasets were looked at");
    }
    say(&line);
}
