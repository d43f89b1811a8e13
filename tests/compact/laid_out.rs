//! Files that are sorted, have Bloom filters, or do not hold the offsets of their rows.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::cast::AsArray;
use lakehand::Kind;
use lakehand::feed::{Compression, Feed, FileLayout};
use lakehand::lake::{Dataset, Lake, Limits, compaction_due, read_footer};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::lake_support::*;
use super::{
    FIRST, append, assert_sound, compact, dir, files_of, in_commits, in_file_order, rules, some_rows,
    try_compact,
};

/// The feed, whose files are sorted by name and have a Bloom filter.
fn laid_out(feed: Feed) -> Feed {
    let layout = FileLayout {
        sort_by: vec!["NAME".to_owned()],
        bloom_filters: vec!["NAME".to_owned(), "ROWOFFSET".to_owned()],
        bloom_fpp: 0.01,
    };
    Feed { layout, ..feed }
}

/// The names in the order of the files' rows.
fn names(root: &Path, files: &[String]) -> Vec<String> {
    let batches = files.iter().flat_map(|file| read(&dir(root).join(file)));
    batches
        .flat_map(|b| b["NAME"].as_string::<i32>().iter().map(|n| n.unwrap().to_owned()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn rows_are_sorted_in_memory_and_from_runs_and_files_say_so() {
    let mut orders = Vec::new();
    // With the smaller budget the rows are merged from runs.
    for memory in [64 << 20, 17 << 20] {
        let root = tempfile::tempdir().unwrap();
        let feed = laid_out(stream_feed());
        let mut dataset = open(root.path(), &feed);
        let all: Vec<Row> = (0..180_000).map(|n| ((n % 3) as i32, n / 3, T0 + n)).collect();
        in_commits(&mut dataset, &all, 6);
        let held = rows(&dir(root.path()));
        try_compact(&mut dataset, FIRST, memory).unwrap().unwrap();
        let files = files_of(root.path(), FIRST);
        let sorted = names(root.path(), &files);
        assert!(sorted.is_sorted() && sorted.len() == all.len());
        assert_eq!(rows(&dir(root.path())), held);
        let footer = read_footer(&dir(root.path()).join(&files[0])).unwrap();
        assert!(
            footer.offsets.partitions().values().all(|ranges| ranges.runs == [[0, 59_999]] && !ranges.hull)
        );
        let file = std::fs::File::open(dir(root.path()).join(&files[0])).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        for group in reader.metadata().row_groups() {
            let columns: Vec<_> = group
                .sorting_columns()
                .unwrap()
                .iter()
                .map(|column| {
                    group.column(usize::try_from(column.column_idx).unwrap()).column_path().string()
                })
                .collect();
            assert_eq!(columns, ["NAME", "ROWPARTITION", "ROWOFFSET"]);
            let blooms: Vec<_> = group
                .columns()
                .iter()
                .filter(|column| column.bloom_filter_offset().is_some())
                .map(|column| column.column_path().string())
                .collect();
            assert_eq!(blooms, ["ROWOFFSET", "NAME"]);
        }
        orders.push(in_file_order(root.path(), &files));
        assert!(try_compact(&mut dataset, FIRST, memory).unwrap().is_none(), "it is as the feed wants it");
        drop(dataset);
        assert_sound(root.path(), &feed);
        // The feed wants something else: one file is laid out anew too.
        let feed =
            Feed { layout: FileLayout { sort_by: vec!["AMOUNT".to_owned()], ..feed.layout.clone() }, ..feed };
        let mut dataset = open(root.path(), &feed);
        compact(&mut dataset, FIRST);
        drop(dataset);
        assert_sound(root.path(), &feed);
        // Without an order, rows that came later join sorted ones: then the order of the log is what is left.
        let feed = stream_feed();
        let mut dataset = open(root.path(), &feed);
        append(&mut dataset, &[(0, 60_000, T0)], "late").unwrap();
        compact(&mut dataset, FIRST);
        let files = files_of(root.path(), FIRST);
        for offsets in in_file_order(root.path(), &files).values() {
            assert!(offsets.is_sorted());
        }
        drop(dataset);
        assert_sound(root.path(), &feed);
    }
    assert!(orders[0] == orders[1], "the way of sorting makes no difference to the order");
}

#[test]
fn sorted_files_of_one_day_tell_their_offsets_as_sets() {
    let root = tempfile::tempdir().unwrap();
    let feed = laid_out(stream_feed());
    let limits = Limits { target_file_bytes: 60_000, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &feed, limits, owner()).unwrap();
    let all: Vec<Row> = (0..100_000).map(|n| (0, n, T0 + n)).collect();
    in_commits(&mut dataset, &all, 20);
    let done = compact(&mut dataset, FIRST);
    assert!(done.files > 1, "{done:?}");
    assert_eq!(rows(&dir(root.path())).len(), all.len());
    drop(dataset);
    assert_sound(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 61 * DAY)).unwrap();
    assert_eq!(files_of(root.path(), FIRST).len(), 20);
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn a_column_that_is_not_there_or_has_members_is_refused() {
    let root = tempfile::tempdir().unwrap();
    in_commits(&mut open(root.path(), &stream_feed()), &some_rows(20), 2);
    let feed = stream_feed();
    let feed =
        Feed { layout: FileLayout { sort_by: vec!["NAEM".to_owned()], ..feed.layout.clone() }, ..feed };
    let error = compaction_due(&dir(root.path()), &feed, 1 << 20, rules(), None).unwrap_err();
    assert_eq!(error.kind(), Kind::Feed);
    assert!(error.to_string().contains("NAEM"), "{error}");
}

#[test]
fn without_offsets_in_the_files_the_footers_tell_them() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { row_metadata: false, compression: Compression::None, ..stream_feed() };
    let limits = Limits { target_file_bytes: 100_000, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &feed, limits, owner()).unwrap();
    let all: Vec<Row> = (0..30_000).map(|n| ((n % 2) as i32, n / 2, T0 + n)).collect();
    in_commits(&mut dataset, &all, 30);
    let told = |root: &Path| -> BTreeMap<i32, Vec<[i64; 2]>> {
        let mut found: BTreeMap<i32, Vec<[i64; 2]>> = BTreeMap::new();
        for file in files_of(root, FIRST) {
            let footer = read_footer(&dir(root).join(file)).unwrap();
            for (partition, ranges) in footer.offsets.partitions() {
                assert!(!ranges.hull);
                found.entry(*partition).or_default().extend(&ranges.runs);
            }
        }
        found
    };
    let names_before: Vec<String> = {
        let mut names = names(root.path(), &files_of(root.path(), FIRST));
        names.sort();
        names
    };
    let done = compact(&mut dataset, FIRST);
    assert!(done.files > 1 && done.files < 30, "{done:?}");
    for runs in told(root.path()).into_values() {
        let rows: i64 = runs.iter().map(|run| run[1] - run[0] + 1).sum();
        assert_eq!(rows, 15_000);
    }
    let mut names_now = names(root.path(), &files_of(root.path(), FIRST));
    names_now.sort();
    assert_eq!(names_now, names_before);
    drop(dataset);
    assert_sound(root.path(), &feed);
}
