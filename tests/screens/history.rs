//! The commits of a table over the view, what differs between two of its versions, and the question before a rollback.

use chrono::TimeDelta;
use lakehand::app::{Difference, Message};
use lakehand::lake::{
    Bundle, CommitEntry, CommitKind, Held, History, LogVersion, Pin, RowChange, RowKind, ValueChange,
    VersionsDiff,
};

use super::journeys::shown;
use super::lake::{Lake, now};

const FEED: &str = "payment_method_totals";

fn commit(seq: u64, kind: CommitKind, came: u64, went: u64, version: Option<u32>) -> CommitEntry {
    let bundle = |rows: u64| Bundle { files: u64::from(rows > 0), rows, bytes: rows * 40 };
    let files = u64::from(came > 0);
    let held = match version {
        Some(5) => Held { data: files, files, ..Held::default() },
        Some(2..) => Held { bin: files, files, ..Held::default() },
        _ => Held { files, ..Held::default() },
    };
    CommitEntry {
        id: format!("{seq:06}-{}", if kind == CommitKind::Pin { "pin" } else { "20250115t120000z" }),
        seq,
        at: now() - TimeDelta::hours(20 - 3 * i64::try_from(seq).unwrap()),
        kind,
        added: bundle(came),
        removed: bundle(went),
        version,
        partitions: Vec::new(),
        held,
        in_bin: Vec::new(),
        log: version.map(|v| LogVersion { version: u64::from(v) - 1, is_readable: v > 1 }),
        pins: if version == Some(2) { vec!["v2".to_owned()] } else { Vec::new() },
    }
}

fn history() -> History {
    use CommitKind::{Pin as Pinned, Snapshot};
    History {
        is_table: true,
        current_version: Some(5),
        commits: vec![
            commit(5, Snapshot, 31_409_217, 31_408_804, Some(5)),
            commit(4, Snapshot, 31_408_804, 31_400_112, Some(4)),
            commit(3, Snapshot, 31_400_112, 30_977_650, Some(3)),
            commit(2, Pinned, 0, 0, None),
            commit(2, Snapshot, 30_977_650, 30_012_004, Some(2)),
            commit(1, Snapshot, 30_012_004, 0, Some(1)),
        ],
        older: 112,
        pins: vec![Pin { path: "version=v2".to_owned(), at: now(), name: Some("year end".to_owned()) }],
        lacks: None,
    }
}

fn difference() -> Difference {
    let row = |kind, key: &str, values: &[(&str, Option<&str>, Option<&str>)]| RowChange {
        kind,
        key: vec![Some(key.to_owned())],
        values: values
            .iter()
            .map(|(column, old, new)| ValueChange {
                column: (*column).to_owned(),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            })
            .collect(),
    };
    let changes = vec![
        row(
            RowKind::Added,
            "klarna",
            &[("TRANSACTION_COUNT", None, Some("18")), ("TOTAL_AMOUNT", None, Some("904.50"))],
        ),
        row(RowKind::Removed, "cheque", &[("TRANSACTION_COUNT", Some("2"), None)]),
        row(RowKind::Changed, "card", &[("TRANSACTION_COUNT", Some("9041"), Some("9188"))]),
    ];
    let found = VersionsDiff {
        key: vec!["PAYMENT_METHOD".to_owned()],
        rows: [31_408_804, 31_409_217],
        added: 420,
        removed: 7,
        changed: 1_204,
        same: 31_407_593,
        columns: vec!["CURRENCY came".to_owned()],
        changes,
        passes: 1,
        ..VersionsDiff::default()
    };
    Difference::Versions { found, may_show: true }
}

#[test]
fn a_history_looks_as_it_was_looked_at() {
    let places: [(&str, &[&str]); 3] =
        [("history", &["j"]), ("difference", &["d"]), ("rollback", &["j", "j", "u"])];
    let sizes = [(40, 12), (80, 24), (120, 40)];
    super::golden::compare(places.into_iter().flat_map(|(name, keys)| {
        sizes.into_iter().map(move |size| {
            let mut lake = Lake::demo(size);
            lake.keys(&["H"]);
            lake.send(Message::History { feed: FEED.into(), history: Ok(history()) });
            lake.keys(keys);
            let compared = ("v4".to_owned(), "v5".to_owned());
            lake.send(Message::Difference { feed: FEED.into(), compared, found: Ok(difference()) });
            (format!("app_{name}_{}x{}", size.0, size.1), shown(&lake, size, false))
        })
    }));
}
