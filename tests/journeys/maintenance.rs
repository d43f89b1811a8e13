//! Days exported again and taken back, datasets checked and mended: what is asked, refused, shown and done.

use lakehand::app::{Days, Effect, Message, Overlay, Setup, view};
use lakehand::export::Trigger;
use lakehand::feed::{FeedKind, Place};
use lakehand::lake::verify::{Finding, FindingKind, Repair, Report, Severity};
use lakehand::lake::{DayState, Gap, LastFailure, Metadata, PartitionState, ReplacedSet, Why};
use lakehand::{Error, Kind};

use crate::support::{Journey, entry, metadata, queued, start, started, stream};

const TENTH: &str = "year=2025/month=01/day=10";
const ELEVENTH: &str = "year=2025/month=01/day=11";

fn held(paths: &[&str]) -> Metadata {
    let days: Vec<_> = paths.iter().map(|path| (*path, 100, 4096)).collect();
    let mut metadata = metadata(&days);
    metadata.positions.insert(0, 500);
    metadata
}

fn dataset(metadata: Metadata) -> Message {
    Message::Dataset { feed: "payments".into(), metadata: Ok(Some(metadata)), usage: None }
}

fn day(partition: &str, state: PartitionState, gaps: Vec<Gap>) -> DayState {
    DayState {
        partition: partition.into(),
        rows: 100,
        files: 2,
        offsets: [(0, [10, 119]), (1, [7, 9])].into(),
        gaps,
        lost: 0,
        state,
        complete: true,
        sealed_at: (state == PartitionState::Sealed).then(start),
    }
}

fn set(partition: &str) -> ReplacedSet {
    ReplacedSet {
        commit: "000007-again".into(),
        partition: partition.into(),
        at: Some(start()),
        files: 3,
        bytes: 9000,
        rows: 90,
        unread: 0,
    }
}

fn days(replaced: Vec<ReplacedSet>) -> Message {
    let gap = |first: i64, last: i64, why| Gap {
        partition: 0,
        first,
        last,
        missing: (last - first).cast_unsigned() + 1,
        why,
    };
    let gaps = vec![gap(20, 22, Why::Unexplained), gap(40, 40, Why::Quarantined)];
    let states = vec![day(TENTH, PartitionState::Sealed, vec![]), day(ELEVENTH, PartitionState::Open, gaps)];
    Message::Days { feed: "payments".into(), days: Ok(Days { states, replaced }) }
}

/// The partitions of a stream are open.
fn open(replaced: Vec<ReplacedSet>) -> Journey {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.tell(dataset(held(&[TENTH, ELEVENTH, "year=2025/month=01/day=13"])));
    journey.press("P").tell(dataset(held(&[TENTH, ELEVENTH, "year=2025/month=01/day=13"])));
    assert!(
        journey.take().contains(&Effect::LoadDays("payments".into())),
        "what is known of the days is asked for"
    );
    journey.tell(days(replaced));
    journey
}

#[test]
fn each_day_bears_a_mark_and_tells_what_is_known_of_it() {
    let mut journey = open(vec![]);
    journey.sees("year=2025/month=01/day=10 | 100 | 4.0 KiB | 2").sees("| sealed").sees("| gap 3");
    journey.sees("offsets 0:10..=119 1:7..=9 · no gap");
    journey.sees("the lake is complete through 2025-01-15 13:59:00Z");
    journey.press("j").sees("3 offsets unexplained (0:20..=22), 1 offsets quarantined (0:40..=40)");
    journey
        .press("/")
        .write("state:gap")
        .press("enter")
        .sees_no("day=10 |")
        .sees("day=11 | 100")
        .press("esc");
    journey.press("i").reads("Gaps between them").reads("3 offsets unexplained (0:20..=22): in no file");
    journey.reads("0: 10 to 119").reads("complete, and not sealed");
    // Scrolled to its end and back; q closes it and does not end the program.
    journey.press("G g pagedown q");
    assert!(journey.app.overlay.is_none());
    assert!(journey.take().iter().all(|effect| matches!(effect, Effect::LoadDays(_))));
    // The lake changes: it is read again.
    journey.tell(dataset(held(&[TENTH])));
    assert_eq!(journey.take(), [Effect::LoadDays("payments".into())]);
    journey
        .tell(Message::Days { feed: "payments".into(), days: Err(Error::new(Kind::Io, "the disk is gone")) });
    journey.sees("the disk is gone");
}

#[test]
fn a_key_exports_a_day_again_after_a_question() {
    let mut journey = open(vec![]);
    journey
        .press("j e")
        .reads("Export 2025-01-11 again?")
        .reads("100 rows in 2 files, 4.0 KiB")
        .reads("the bin");
    journey.reads("payments/year=2025/month=01/day=11").press("enter");
    assert!(journey.take().is_empty(), "No is what enter means");
    journey.press("e y");
    let date = "2025-01-11".parse().unwrap();
    assert_eq!(journey.take(), [Effect::ExportDay { feed: "payments".into(), day: date }]);
    // While it runs, another is refused; so is an undo.
    journey.tell(queued("payments", Trigger::Asked));
    journey.press("e").sees("payments waits for its turn already");
    let (message, _progress) = started("payments");
    journey.tell(message).press("e").sees("payments is being exported already");
    journey.press("u");
    assert!(journey.app.overlay.is_none() && journey.take().is_empty());
}

#[test]
fn a_missing_day_is_exported_again_by_itself_or_from_the_calendar() {
    let mut journey = open(vec![]);
    journey
        .press("j j")
        .sees("missing 2025-01-12")
        .press("e")
        .reads("Export 2025-01-12 again?")
        .reads("holds nothing of it");
    journey.press("n v").press("e").reads("again?").press("y");
    let effects = journey.take();
    assert!(
        matches!(effects.as_slice(), [Effect::ExportDay { feed, .. }] if feed == "payments"),
        "{effects:?}"
    );
    let mut journey = Journey::new(vec![stream("payments")]);
    let far = held(&[TENTH, "year=2025/month=01/day=14"]);
    journey
        .tell(dataset(far))
        .press("P j e")
        .sees("several days are missing here: choose one in the calendar");
    assert!(journey.take().iter().all(|effect| !matches!(effect, Effect::ExportDay { .. })));
}

#[test]
fn hours_belong_to_their_day_and_a_month_is_one() {
    let mut journey = Journey::new(vec![stream("payments")]);
    let hours = ["year=2025/month=01/day=10/hour=07", "year=2025/month=01/day=10/hour=08"];
    journey
        .tell(dataset(held(&hours)))
        .press("P e")
        .reads("Export 2025-01-10 again?")
        .reads("200 rows in 4 files");
    journey.press("n").tell(dataset(held(&["year=2025/month=02"]))).press("e");
    journey.reads("Export 2025-02-01 again?").reads("payments/year=2025/month=02");
}

#[test]
fn what_cannot_be_exported_again_is_refused_with_words() {
    let mut journey = Journey::new(vec![entry("totals", FeedKind::Table, Place::Active, true)]);
    let mut table = metadata(&[("version=v3", 100, 1000)]);
    table.kind = "table".into();
    journey.tell(Message::Dataset { feed: "totals".into(), metadata: Ok(Some(table)), usage: None });
    journey.press("P e").sees("totals is a table: it has versions and no days");
    journey.press("u i");
    assert!(journey.app.overlay.is_none());
    journey.press("esc e").sees("choose a day first: enter opens the dataset");

    let mut journey = Journey::new(vec![stream("payments")]);
    journey
        .tell(dataset(metadata(&[(TENTH, 1, 1)])))
        .press("P e")
        .sees("nothing of payments was exported yet");
    let mut journey = Journey::new(vec![entry("payments", FeedKind::Stream, Place::Active, false)]);
    journey.tell(dataset(held(&[TENTH]))).press("P e").sees("payments is disabled: enable it first");
    let mut journey =
        Journey::with(Setup { read_only: true, ..Setup::new(start()) }, vec![stream("payments")]);
    journey.tell(dataset(held(&[TENTH]))).press("P e").sees("read-only: export-day is refused");
    journey.press("u").sees("read-only: undo-day is refused");
}

#[test]
fn a_feed_that_failed_before_the_screen_began_is_shown_as_failed() {
    let mut journey = Journey::new(vec![stream("payments")]);
    let mut known = held(&[TENTH]);
    known.last_failure = Some(LastFailure {
        at: start(),
        kind: "schema".into(),
        what: "column AMOUNT is now a STRING".into(),
    });
    journey.tell(dataset(known)).sees("failed: column AMOUNT is now a STRING");
    journey.tell(dataset(held(&[TENTH]))).sees_no("failed").sees("caught up");
}

#[test]
fn a_key_puts_back_what_was_replaced() {
    let mut journey = open(vec![]);
    journey
        .press("u")
        .sees("nothing of year=2025/month=01/day=10 was replaced: there is nothing to put back");
    let mut journey = open(vec![set(TENTH)]);
    journey.sees("replaced now: 90 rows in 3 files, 8.8 KiB; u puts them back");
    journey.press("e").reads("before goes for good").press("n u");
    journey.reads("Put back what 2025-01-10 was before?").reads("90 rows in 3 files (8.8 KiB) come back");
    journey.reads("up to 10 rows fewer").press("y");
    let date = "2025-01-10".parse().unwrap();
    assert_eq!(journey.take(), [Effect::UndoDay { feed: "payments".into(), day: date }]);
    journey.press("i").reads("000007-again");
}

fn finding(kind: FindingKind, severity: Severity, repair: Option<Repair>) -> Finding {
    let (dataset, path) = ("streams/payments".into(), format!("{TENTH}/data_\u{1b}.parquet"));
    Finding { dataset, kind, severity, path, what: "it holds no byte".into(), repair }
}

fn damaged() -> Report {
    let findings = vec![
        finding(FindingKind::Empty, Severity::Damage, Some(Repair::MoveAside)),
        finding(FindingKind::Gap, Severity::Note, None),
    ];
    Report { dataset: "streams/payments".into(), findings, files: 3, rows: 300, unlocked: None, lost: 0 }
}

fn checked(report: lakehand::Result<Report>, mended: Option<Vec<Finding>>) -> Message {
    Message::Checked { feed: "payments".into(), at: start(), deep: false, mended, report }
}

#[test]
fn a_check_shows_findings_and_repairs_them_after_a_question() {
    let mut journey = Journey::new(vec![stream("payments"), stream("refunds")]);
    journey.press("C").reads("payments: checking … 0 s");
    assert_eq!(journey.take(), [Effect::Check { feeds: vec!["payments".into()], deep: false }]);
    journey.tick(3).reads("checking … 3 s");
    journey.press("r c d");
    assert!(
        journey.take().is_empty(),
        "what is under way is not begun again, and nothing is known to be repaired"
    );
    journey.press("x").reads("x stops it");
    assert_eq!(journey.take(), [Effect::StopChecks(vec!["payments".into()])]);
    journey.tell(checked(Err(Error::new(Kind::Interrupted, "stopped on request")), None));
    journey.reads("payments: not checked").sees("payments: the check was stopped");
    journey.press("x").sees("no check is under way").press("c");
    assert_eq!(journey.take(), [Effect::Check { feeds: vec!["payments".into()], deep: false }]);
    journey.tell(checked(Ok(damaged()), None));
    journey
        .reads("payments: DAMAGED: 1 finding, 1 note")
        .reads("damage: empty in")
        .reads("r would move it to damaged/");
    journey
        .reads("note: gap")
        .press("esc")
        .reads("▲ damaged: 1")
        .sees("damaged, 1 finding: C checks again and repairs");
    journey.press("enter").sees("checked now: damaged, 1 finding; C shows and repairs them").press("esc");

    journey.take();
    journey.press("C").tell(checked(Ok(damaged()), None)).press("r").reads("Repair it?").press("n");
    assert!(matches!(journey.app.overlay, Some(Overlay::Sheet(_))), "the findings are in front again");
    journey.press("r").take();
    journey.press("y").reads("payments: repairing … 0 s");
    assert_eq!(
        journey.take(),
        [Effect::Repair { feeds: vec!["payments".into()], deep: false, accept_loss: false }]
    );
    let mended = finding(FindingKind::Empty, Severity::Damage, Some(Repair::MoveAside));
    journey.tell(checked(Ok(Report { files: 2, ..Report::default() }), Some(vec![mended])));
    assert_eq!(journey.take(), [Effect::LoadDataset("payments".into())]);
    journey.reads("payments: sound").reads("repaired: empty in").press("r").press("esc").sees_no("damaged");
    journey.press("C d").take();
    journey.tell(checked(Err(Error::new(Kind::Locked, "another program holds the dataset")), None));
    journey.reads("payments: could not be checked").reads("another program holds the dataset");
}

fn refused(feed: &str) -> Message {
    let what = "the repair would take 80 of 300 rows, in 1 files, from readers".into();
    Message::RepairRefused { feed: feed.into(), deep: true, what }
}

#[test]
fn a_repair_that_takes_many_rows_asks_with_the_number_and_is_done_with_consent_alone() {
    let mut journey = Journey::new(vec![stream("payments"), stream("refunds")]);
    journey.press("K").tell(checked(Ok(damaged()), None));
    journey.press("r y").take();
    journey.tell(refused("payments"));
    journey.reads("Take rows of payments from readers?").reads("80 of 300 rows, in 1");
    journey.press("enter");
    assert!(journey.take().is_empty(), "No is what enter means");
    // The findings are in front as they were, with what the repair said.
    journey.reads("Check of 2 datasets").reads("not repaired: the repair would take 80 of 300 rows");
    journey.reads("r asks for your consent").press("r").reads("80 of 300 rows").press("y");
    let consented = Effect::Repair { feeds: vec!["payments".into()], deep: true, accept_loss: true };
    assert_eq!(journey.take(), [consented]);
    journey.reads("payments: repairing");
    let mended = finding(FindingKind::Empty, Severity::Damage, Some(Repair::MoveAside));
    journey.tell(checked(Ok(Report { files: 2, ..Report::default() }), Some(vec![mended])));
    journey.reads("payments: sound").sees_no("consent");
}

#[test]
fn consent_is_asked_for_each_dataset_and_never_over_something_else() {
    let mut journey = Journey::new(vec![stream("payments"), stream("refunds")]);
    journey.press("K").tell(checked(Ok(damaged()), None));
    journey.tell(refused("refunds")).reads("Take rows of refunds from readers?");
    // The other refusal comes while the first question is in front.
    journey.tell(refused("payments")).reads("Take rows of refunds from readers?");
    journey.sees("payments: the repair waits for your consent").press("y").take();
    journey.press("r").reads("Take rows of payments from readers?").press("n esc");
    // No sheet is in front: a toast tells it, and nothing takes the keys.
    journey.tell(refused("refunds")).sees("refunds: the repair waits for your consent");
    assert!(journey.app.overlay.is_none());
    // A new check forgets what was refused.
    journey.press("K c").take();
    journey.tell(checked(Ok(damaged()), None)).sees_no("consent to").press("r").reads("Repair it?");
}

#[test]
fn the_footer_tells_how_a_check_is_stopped_while_one_is_under_way() {
    let mut journey = Journey::new(vec![stream("payments")]);
    let hints = |journey: &Journey| {
        let hints = view::frame(&journey.app).hints;
        hints.into_iter().map(|hint| format!("{} {}", hint.key, hint.text)).collect::<Vec<_>>()
    };
    journey.press("C").reads("x cancel");
    assert_eq!(hints(&journey)[0], "x cancel");
    journey.tell(checked(Ok(damaged()), None));
    assert!(!hints(&journey).contains(&"x cancel".to_owned()), "{:?}", hints(&journey));
    journey.press("r y").reads("x cancel").press("x");
    assert!(journey.take().contains(&Effect::StopChecks(vec!["payments".into()])));
}

#[test]
fn every_dataset_is_checked_and_the_worst_comes_first() {
    let mut journey =
        Journey::new(vec![stream("archive"), stream("payments"), crate::support::broken("torn")]);
    journey.press("K").reads("Check of 2 datasets, 0 done");
    assert_eq!(
        journey.take(),
        [Effect::Check { feeds: vec!["archive".into(), "payments".into()], deep: false }]
    );
    let sound = Report { dataset: "streams/archive".into(), ..Report::default() };
    let archive = Message::Checked {
        feed: "archive".into(),
        at: start(),
        deep: false,
        mended: None,
        report: Ok(sound),
    };
    journey.tell(archive).tell(checked(Ok(damaged()), None));
    let sheet = view::sheet(&journey.app, (80, 24)).unwrap();
    assert_eq!(sheet.title, "Check of 2 datasets, 2 done");
    assert!(sheet.lines[0].0.starts_with("payments: DAMAGED"), "{:?}", sheet.lines);
    assert!(sheet.lines.iter().any(|(line, _)| line == "archive: sound"), "{:?}", sheet.lines);
    // A check that ends while something else is in front is told.
    journey
        .press("esc C esc")
        .tell(checked(Ok(damaged()), None))
        .sees("payments is damaged, 1 finding: C shows them");
}

#[test]
fn nothing_is_repaired_read_only_or_while_an_export_runs() {
    let mut journey =
        Journey::with(Setup { read_only: true, ..Setup::new(start()) }, vec![stream("payments")]);
    journey.press("C").tell(checked(Ok(damaged()), None));
    assert!(view::frame(&journey.app).hints.iter().all(|hint| hint.text != "repair"));
    journey.take();
    journey.press("r").sees("read-only: a repair is refused");
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.press("C").tell(checked(Ok(damaged()), None)).tell(queued("payments", Trigger::Asked)).take();
    journey.press("r").sees("payments is being exported: repair it when that is over");
    assert!(journey.take().is_empty());
}

/// For the random walk: days of a feed, with numbers at the edge.
pub(crate) fn any_days(feed: String) -> Message {
    let mut far = day(TENTH, PartitionState::Open, vec![]);
    far.rows = u64::MAX;
    far.lost = u64::MAX;
    let gap = Gap { partition: 9, first: i64::MIN, last: i64::MAX, missing: u64::MAX, why: Why::Unknown };
    far.gaps = vec![gap, gap];
    let set = ReplacedSet { rows: u64::MAX, bytes: u64::MAX, ..set(TENTH) };
    Message::Days { feed, days: Ok(Days { states: vec![far], replaced: vec![set.clone(), set] }) }
}

/// For the random walk: a check of a feed.
pub(crate) fn any_check(feed: String) -> Message {
    Message::Checked { feed, at: start(), deep: true, mended: None, report: Ok(damaged()) }
}

#[test]
fn the_comparison_of_both_ways_and_why_a_way_is_taken_are_in_the_feeds_detail() {
    let mut journey = Journey::new(vec![stream("payments")]);
    let mut known = held(&[TENTH]);
    known.read_why = Some("not from Kafka: compared at 2025-01-15 14:00:00Z".into());
    known.source_check = Some(
        serde_json::from_value(serde_json::json!({
            "at": "2025-01-15T14:00:00Z", "ways": ["kafka", "ksqldb"], "outcome": "different", "seed": 7, "rows": 900,
            "ranges": [{ "partition": 0, "offsets": [0, 899], "rows": 900 }], "differences": 2,
            "first": [{
                "partition": 0, "offset": 12, "column": "AMOUNT", "kafka": "1.50", "ksqldb": "1.51", "what": "another value",
            }],
            "holds_for": {
                "topic": "payments", "formats": "KAFKA / JSON", "statement": "", "columns": "", "decoder": 1,
            },
        }))
        .unwrap(),
    );
    journey.tell(dataset(known)).press("enter");
    journey.sees("both ways").sees("2 differences in 900 rows in 1 ranges");
    journey.sees("partition 0, offset 12, AMOUNT: 1.50 by Kafka, 1.51 by ksqlDB").sees("not from Kafka");
    // What a later version found is read, and claimed for nothing.
    let check: lakehand::lake::SourceCheck = serde_json::from_value(serde_json::json!({
        "at": "2025-01-15T14:00:00Z", "ways": ["kafka", "raw"], "outcome": "nearly-equal", "seed": 7, "rows": 1, "ranges": [],
        "differences": 0,
        "holds_for": { "topic": "t", "formats": "", "statement": "", "columns": "", "decoder": 9 },
    }))
    .unwrap();
    assert!(check.sentence().starts_with("nothing is proved"), "{}", check.sentence());
}
