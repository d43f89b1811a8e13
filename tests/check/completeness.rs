//! What is told of each day.

use lakehand::lake::verify::{FindingKind, Options, check};
use lakehand::lake::{Lake, PartitionState, Why, completeness};

use crate::damages::{build, commit};
use crate::lake_support::*;

#[test]
fn each_day_tells_rows_offsets_and_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let days = completeness(&built.dir).unwrap();
    let rows: Vec<_> = days.iter().map(|day| (day.partition.as_str(), day.rows, day.files)).collect();
    assert_eq!(
        rows,
        [
            ("year=2025/month=01/day=01", 4 + 2 + 3, 2),
            ("year=2025/month=01/day=02", 4 + 2 + 3, 2),
            ("year=2025/month=01/day=03", 3 + 2, 2)
        ]
    );
    assert_eq!(days[0].offsets, [(0, [0, 15]), (1, [0, 4])].into());
    // Other days fill the holes between a day's offsets; offset 5 is in quarantine.
    let gaps: Vec<_> =
        days.iter().flat_map(|day| &day.gaps).map(|g| (g.partition, g.first, g.last, g.why)).collect();
    // To which day the row belonged, nobody knows: each day whose rows lie around it tells of it.
    assert_eq!(gaps, [(0, 5, 5, Why::Quarantined); 3]);

    // Without the file of another day, its offsets are holes that nobody explains.
    let victim =
        data_files(&built.dir).into_iter().find(|f| f.contains("day=02/data_20250102_000001-")).unwrap();
    std::fs::remove_file(built.dir.join(victim)).unwrap();
    let days = completeness(&built.dir).unwrap();
    let unexplained: u64 =
        days[0].gaps.iter().filter(|gap| gap.why == Why::Unexplained).map(|gap| gap.missing).sum();
    assert_eq!(unexplained, 4, "{:?}", days[0].gaps);
    assert!(days.iter().all(|day| day.state == PartitionState::Open));
}

#[test]
fn a_dataset_that_is_not_there_has_no_days() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(completeness(&root.path().join("streams/none")).unwrap(), []);
}

/// A gap as the days show it, with the places of those that do.
type Shown = ((i64, i64, u64, Why), Vec<usize>);

/// What is told of gaps when the lake holds these rows: by the days, and by the check.
fn told(rows: &[Row], commits: usize) -> (Vec<Shown>, Option<String>) {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    let mut dataset = open(root.path(), &feed);
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| row.1);
    for (n, rows) in sorted.chunks(sorted.len().div_ceil(commits)).enumerate() {
        commit(&mut dataset, &format!("run{n}"), rows, None);
    }
    let dir = dataset.dir().to_owned();
    drop(dataset);
    let mut shown: Vec<Shown> = Vec::new();
    for (at, day) in completeness(&dir).unwrap().iter().enumerate() {
        for gap in &day.gaps {
            let gap = (gap.first, gap.last, gap.missing, gap.why);
            if let Some((_, days)) = shown.iter_mut().find(|(known, _)| *known == gap) {
                days.push(at);
            } else {
                shown.push((gap, vec![at]));
            }
        }
    }
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    let found = report.findings.into_iter().find(|finding| finding.kind == FindingKind::Gap);
    (shown, found.map(|finding| finding.what))
}

/// Offsets of a day, one Kafka partition.
fn of_day(day: i64, offsets: impl Iterator<Item = i64>) -> Vec<Row> {
    offsets.map(|offset| (0, offset, T0 + day * DAY + offset % DAY)).collect()
}

#[test]
fn offsets_missing_between_two_files_are_a_gap_of_the_days_beside_it() {
    let rows = [of_day(0, 0..10), of_day(1, 10..20), of_day(2, 3020..3030), of_day(3, 3030..3040)].concat();
    for commits in [1, 2] {
        let (gaps, check) = told(&rows, commits);
        assert_eq!(gaps, [((20, 3019, 3000, Why::Unexplained), vec![1, 2])], "{commits} commits");
        let check = check.unwrap();
        assert!(check.contains("3000 offsets") && check.contains("(20..=3019)"), "{check}");
    }
}

#[test]
fn offsets_of_other_days_are_no_gap_even_where_files_tell_only_their_bounds() {
    // Days take turns at every offset: each file has more holes than a footer lists.
    let mut rows: Vec<Row> =
        (0..12_000).map(|offset| (0, offset, T0 + (offset % 2) * DAY + offset)).collect();
    assert_eq!(told(&rows, 1), (Vec::new(), None));

    rows.retain(|row| row.1 != 700 && row.1 != 5001);
    rows.extend(of_day(2, 12_000..12_010));
    rows.extend(of_day(3, 12_020..12_030));
    let (gaps, check) = told(&rows, 1);
    let unknown = ((0, 11_999, 2, Why::Unknown), vec![0, 1]);
    assert_eq!(gaps, [unknown, ((12_010, 12_019, 10, Why::Unexplained), vec![2, 3])]);
    let check = check.unwrap();
    assert!(check.contains("12 offsets") && check.contains("(2 of 0..=11999, 12010..=12019)"), "{check}");
}
