//! A lake damaged in each way: the check finds exactly that, the repair mends it, and the data is right afterwards.
//!
//! `docs/check.md` is made from the same table: `UPDATE=1 cargo test --test check`.

#[path = "../lake_support/mod.rs"]
mod lake_support;

mod command;
mod completeness;
mod damages;
mod replace;
mod share;
mod undo;

use std::collections::BTreeSet;

use damages::{Case, Data, cases};
use lake_support::*;
use lakehand::lake::verify::{FindingKind, Options, Report, Severity, check, repair};
use lakehand::lake::{Dataset, Lake};

/// What is not a note.
fn wrong(report: &Report) -> Vec<(FindingKind, String)> {
    let findings = report.findings.iter().filter(|f| f.severity != Severity::Note);
    findings.map(|f| (f.kind, format!("{}: {}", f.path, f.what))).collect()
}

fn run_case(case: &Case) -> (Severity, String) {
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::new(root.path());
    let built = damages::build(root.path(), case.table);
    // The small lake of the test has days that are more than a tenth of it.
    let options = Options { deep: case.deep, accept_loss: true };
    let sound = check(&lake, &built.feed, options, &owner()).unwrap();
    assert_eq!(wrong(&sound), [], "{}: the lake is sound before", case.name);

    let (feed, left) = (case.damage)(&built);
    let found = check(&lake, &feed, options, &owner()).unwrap();
    let kinds: BTreeSet<_> = wrong(&found).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, BTreeSet::from([case.kind]), "{}: {:#?}", case.name, found.findings);
    assert_eq!(wrong(&found).len(), 1, "{}: one damage, one finding: {:#?}", case.name, found.findings);
    let finding = found.findings.iter().find(|f| f.kind == case.kind).unwrap().clone();

    let before = tree(&built.dir);
    check(&lake, &feed, options, &owner()).unwrap();
    assert_eq!(tree(&built.dir), before, "{}: a check changes nothing", case.name);

    let victim = |built: &damages::Built| {
        let victim = built.root.join("victim");
        !victim.exists() || victim.join("precious").exists()
    };
    if !case.mends {
        let rows = data_files(&built.dir);
        let told = repair(&lake, &feed, limits(), options, owner());
        assert!(told.map_or(true, |told| told.done.is_empty()), "{}: nothing is mended", case.name);
        assert_eq!(
            (data_files(&built.dir), tree(&built.dir)),
            (rows, before),
            "{}: nothing is moved",
            case.name
        );
        return (finding.severity, "-".to_owned());
    }
    let mended = repair(&lake, &feed, limits(), options, owner()).unwrap();
    assert!(mended.done.iter().any(|f| f.kind == case.kind), "{}: {:#?}", case.name, mended.done);
    assert_eq!(wrong(&mended.left), [], "{}", case.name);
    assert!(victim(&built), "{}: what is not the lake's is not touched", case.name);
    let again = check(&lake, &feed, Options { deep: true, ..Options::default() }, &owner()).unwrap();
    assert_eq!(wrong(&again), [], "{}: clean after the repair", case.name);
    let nothing = repair(&lake, &feed, limits(), options, owner()).unwrap();
    assert_eq!(nothing.done, [], "{}: nothing left to do", case.name);

    match (&left, case.table) {
        (Data::Rows(rows), false) => {
            assert_eq!(lake_support::rows(&built.dir), expected(rows), "{}", case.name);
        }
        (Data::Table(rows), _) => {
            let metadata = lakehand::lake::read_metadata(&built.dir).unwrap().unwrap();
            let version = built.dir.join(format!("version=v{}", metadata.current_version.unwrap()));
            let found: usize =
                data_files(&version).iter().flat_map(|f| read(&version.join(f))).map(|b| b.num_rows()).sum();
            assert_eq!(found as u64, *rows, "{}", case.name);
            assert_eq!(metadata.total_records, *rows, "{}", case.name);
        }
        (Data::Rows(_), true) => unreachable!(),
    }
    goes_on(&lake, &built, &feed, &left, case);
    (finding.severity, finding.repair.map_or("-".to_owned(), |repair| repair.to_string()))
}

/// The next export appends as if nothing had been.
fn goes_on(lake: &Lake, built: &damages::Built, feed: &lakehand::feed::Feed, left: &Data, case: &Case) {
    let mut dataset = Dataset::open(lake, feed, limits(), owner()).unwrap();
    assert_eq!(dataset.recovery().rebuilt_metadata, None, "{}", case.name);
    let Data::Rows(left) = left else { return };
    let positions = dataset.metadata().positions.clone();
    let next: Vec<Row> = [0, 1].map(|p| (p, positions.get(&p).copied().unwrap_or(0), T0 + 20 * DAY)).to_vec();
    let mut appender = dataset.appender(&stream_schema(), run("next")).unwrap();
    appender.write(&batch(&next)).unwrap();
    appender.commit(commit_after(&next)).unwrap();
    drop(appender);
    drop(dataset);
    let mut all = left.clone();
    all.extend(&next);
    assert_eq!(lake_support::rows(&built.dir), expected(&all), "{}: the next export", case.name);
    assert_eq!(
        wrong(&check(lake, feed, Options { deep: true, ..Options::default() }, &owner()).unwrap()),
        [],
        "{}",
        case.name
    );
}

/// Every path with its size and mode, the lock left out.
fn tree(dir: &std::path::Path) -> BTreeSet<(String, u64, u32)> {
    use std::os::unix::fs::MetadataExt;
    fn walk(dir: &std::path::Path, found: &mut BTreeSet<(String, u64, u32)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            if !path.ends_with("lock") {
                found.insert((path.display().to_string(), metadata.len(), metadata.mode()));
            }
            if metadata.is_dir() {
                walk(&path, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(dir, &mut found);
    found
}

#[test]
fn each_damage_is_found_as_what_it_is_and_mended() {
    let mut text = String::from(
        "# What `lakehand check` finds\n\nMade by the tests (`UPDATE=1 cargo test --test check`): a lake is damaged in each of these \
         ways, the check finds exactly that, the repair mends it, the check is then clean, the data is right, and the next \
         export goes on.\n\n| damage | finding | severity | repair |\n|---|---|---|---|\n",
    );
    for case in cases() {
        let (severity, repair) = run_case(case);
        text += &format!("| {} | `{}` | {} | {repair} |\n", case.name, case.kind.name(), severity.name());
    }
    text += "\n## Every finding\n\n| finding | what it means |\n|---|---|\n";
    for kind in FindingKind::ALL {
        text += &format!("| `{}` | {} |\n", kind.name(), kind.meaning());
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        text,
        "UPDATE=1 writes docs/check.md anew"
    );
}

#[test]
fn every_finding_that_is_no_note_has_a_damage_that_shows_it() {
    let shown: BTreeSet<_> = cases().map(|case| case.kind).collect();
    let notes = [
        FindingKind::Quarantined,
        FindingKind::Gap,
        FindingKind::Lost,
        FindingKind::PositionAhead,
        FindingKind::DoubledKeys,
        FindingKind::Pinned,
        FindingKind::Pending,
        FindingKind::Aside,
        FindingKind::Replaced,
        FindingKind::Elsewhere,
        FindingKind::ForeignVersions,
        FindingKind::CatalogDrift,
        FindingKind::CatalogUnknown,
        FindingKind::StrayObject,
        FindingKind::ArchivedObject,
        // Found by whoever knows the store: tests/tier/mover.rs damages objects.
        FindingKind::ColdObject,
    ];
    let all: BTreeSet<_> = FindingKind::ALL.iter().filter(|kind| !notes.contains(kind)).copied().collect();
    assert_eq!(shown, all);
}
