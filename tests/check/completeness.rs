//! What is told of each day.

use lakehand::lake::{PartitionState, Why, completeness};

use crate::damages::build;
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
    assert_eq!(unexplained, 3, "{:?}", days[0].gaps);
    assert!(days.iter().all(|day| day.state == PartitionState::Open));
}

#[test]
fn a_dataset_that_is_not_there_has_no_days() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(completeness(&root.path().join("streams/none")).unwrap(), []);
}
