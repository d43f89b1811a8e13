//! The commits of a dataset: listed, compared, pinned, rolled back.

use chrono::TimeDelta;
use lakehand::app::{Difference, Effect, Message, Setup};
use lakehand::feed::{FeedKind, Place};
use lakehand::lake::{
    Bundle, CommitEntry, CommitKind, Held, History, Pin, RowChange, RowKind, Target, ValueChange,
    VersionsDiff,
};
use lakehand::{Error, Kind};

use crate::support::{Journey, entry, start, started, stream};

const DAY: &str = "year=2025/month=01/day=15";

fn commit(seq: u64, kind: CommitKind, rows: (u64, u64), version: Option<u32>) -> CommitEntry {
    let bundle = |rows: u64| Bundle { files: u64::from(rows > 0), rows, bytes: rows * 10 };
    CommitEntry {
        id: format!("{seq:06}-run"),
        seq,
        at: start() - TimeDelta::hours(10 - i64::try_from(seq).unwrap()),
        kind,
        added: bundle(rows.0),
        removed: bundle(rows.1),
        version,
        partitions: vec![version.map_or(DAY.to_owned(), |version| format!("version=v{version}"))],
        held: Held { bin: u64::from(seq < 3), data: u64::from(seq >= 3), log: 0, files: 1 },
        in_bin: Vec::new(),
        log: None,
        pins: Vec::new(),
    }
}

fn table(pinned: bool) -> History {
    let mut commits = vec![
        commit(3, CommitKind::Snapshot, (30, 20), Some(3)),
        commit(2, CommitKind::Snapshot, (20, 10), Some(2)),
        commit(1, CommitKind::Snapshot, (10, 0), Some(1)),
    ];
    let mut pins = Vec::new();
    if pinned {
        commits[1].pins.push("v2".to_owned());
        pins.push(Pin { path: "version=v2".to_owned(), at: start(), name: Some("audit".to_owned()) });
    }
    History { is_table: true, current_version: Some(3), commits, older: 7, pins, lacks: None }
}

fn days() -> History {
    let mut again = commit(3, CommitKind::DayAgain, (40, 40), None);
    again.in_bin.push(DAY.to_owned());
    let mut many = commit(1, CommitKind::Append, (90, 0), None);
    many.partitions.push("year=2025/month=01/day=16".to_owned());
    History { commits: vec![again, commit(2, CommitKind::Append, (5, 0), None), many], ..History::default() }
}

/// A feed of this kind, its commits in front.
fn open(kind: FeedKind, history: History) -> Journey {
    let mut journey = Journey::new(vec![entry("totals", kind, Place::Active, true)]);
    journey.press("H").reads("reading the commits");
    assert_eq!(journey.take(), [Effect::LoadHistory("totals".into())]);
    journey.tell(Message::History { feed: "totals".into(), history: Ok(history) });
    journey
}

#[test]
fn versions_are_compared_pinned_and_rolled_back() {
    let mut journey = open(FeedKind::Table, table(false));
    journey.reads("History of totals").reads("> 3 01-15").reads("v3 current").reads("7 older commits");
    journey.press("d").reads("totals: v2 to v3").reads("comparing");
    let compared = ("v2".to_owned(), "v3".to_owned());
    let asked =
        Effect::LoadDifference { feed: "totals".into(), from: compared.0.clone(), to: compared.1.clone() };
    assert_eq!(journey.take(), [asked]);
    let row = RowChange {
        kind: RowKind::Changed,
        key: vec![Some("card".to_owned())],
        values: vec![ValueChange { column: "TOTAL".to_owned(), old: Some("5".to_owned()), new: None }],
    };
    let found = VersionsDiff {
        key: vec!["METHOD".to_owned()],
        added: 10,
        changed: 1,
        same: 19,
        changes: vec![row],
        ..VersionsDiff::default()
    };
    let difference = |compared: (String, String), may_show: bool| Message::Difference {
        feed: "totals".into(),
        compared,
        found: Ok(Difference::Versions { found: found.clone(), may_show }),
    };
    // An answer to another question is not shown.
    journey.tell(difference(("v1".to_owned(), "v2".to_owned()), true)).reads("comparing");
    journey.tell(difference(compared.clone(), true));
    journey.reads("10 rows added, 0 removed, 1 changed, 19 the same; by METHOD").reads("changed card");
    journey.reads("TOTAL: 5 -> null").reads("1 of 11 rows");
    // Values of a restricted feed are not.
    journey
        .tell(difference(compared, false))
        .reads("changed …")
        .reads("TOTAL: … -> …")
        .reads("--show-values");
    assert!(!journey.screen().contains("card"));
    journey.press("esc").reads("> 3 01-15").press("u").sees("! v3 is the current version");
    journey.press("j p");
    let pin = |pinned| Effect::Pin { feed: "totals".into(), target: Target::Version(2), pinned };
    assert_eq!(journey.take(), [pin(true)]);
    journey.tell(Message::History { feed: "totals".into(), history: Ok(table(true)) });
    journey.reads("v2 (audit) is pinned").press("p");
    assert_eq!(journey.take(), [pin(false)]);
    // The oldest one listed has nothing before it.
    journey.press("G d").sees("! no version before it is listed");
    journey.press("u").reads("Make v1 current again?").press("enter").reads("> 1 01-15");
    assert!(journey.take().is_empty(), "No is what stands in front");
    journey.press("u y").reads("> 1 01-15");
    let rollback = Effect::Rollback { feed: "totals".into(), target: Target::Version(1), set: None };
    assert_eq!(journey.take(), [rollback]);
    // What the lake then holds comes, and the commits are read again.
    journey.tell(Message::Dataset { feed: "totals".into(), metadata: Ok(None), usage: None });
    assert!(journey.take().contains(&Effect::LoadHistory("totals".into())));
    journey.press("q");
    assert!(journey.app.overlay.is_none());
}

#[test]
fn a_version_that_is_gone_is_not_rolled_back_to() {
    let mut history = table(false);
    history.commits[2].held = Held { files: 1, ..Held::default() };
    let mut journey = open(FeedKind::Table, history);
    journey.press("G u").sees("! v1 is not there any more");
    assert!(journey.take().is_empty());
}

#[test]
fn a_day_goes_back_by_the_commit_that_changed_it() {
    let mut journey = open(FeedKind::Stream, days());
    journey.reads("day again").reads("can be undone");
    journey.press("enter");
    let asked =
        Effect::LoadDifference { feed: "totals".into(), from: "000002-run".into(), to: "000003-run".into() };
    assert_eq!(journey.take(), [asked]);
    let failed = Err(Error::new(Kind::Io, "the journal cannot be read"));
    let compared = ("000002-run".to_owned(), "000003-run".to_owned());
    journey.tell(Message::Difference { feed: "totals".into(), compared, found: failed });
    journey.reads("the journal cannot be read").press("q");
    journey.press("u").reads("Take commit 000003 of 2025-01-15 back?").press("y");
    let day = Target::Day("2025-01-15".parse().unwrap());
    let rollback =
        Effect::Rollback { feed: "totals".into(), target: day, set: Some("000003-run".to_owned()) };
    assert_eq!(journey.take(), [rollback]);
    journey.press("j u").sees("! nothing that this commit put aside is in the bin");
    journey.press("j p").sees("! the commit is about 2 days");
    journey.press("d").sees("! no commit before it is listed");
    assert!(journey.take().is_empty());
}

#[test]
fn what_cannot_be_changed_now_is_refused_with_words() {
    let setup = Setup { read_only: true, ..Setup::new(start()) };
    let mut journey = Journey::with(setup, vec![stream("payments")]);
    journey.press("H");
    journey.tell(Message::History { feed: "payments".into(), history: Ok(days()) });
    journey.take();
    journey.press("p").sees("! read-only").press("u");
    assert!(journey.take().is_empty());
    let mut journey = Journey::new(vec![stream("payments")]);
    let (message, _progress) = started("payments");
    journey.tell(message).press("H");
    journey.tell(Message::History { feed: "payments".into(), history: Ok(days()) });
    journey.take();
    journey.press("u").sees("! payments is being exported already");
    assert!(journey.take().is_empty());
    // What could not be read is told, and nothing else.
    let failed = Err(Error::new(Kind::Io, "cannot read the disk"));
    journey.tell(Message::History { feed: "payments".into(), history: failed }).reads("cannot read the disk");
    journey.press("d p u").reads("cannot read the disk");
    assert!(journey.take().is_empty());
}
