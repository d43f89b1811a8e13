//! A model filled by messages alone, as the program fills it: a lake like the demo's, or one of any size.
//!
//! Effects that ask for something are answered from memory, so that keys lead as far as they do on the screen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use lakehand::app::{
    App, Days as KnownDays, Effect, FileInfo, Grid, GridColumn, Message, PlanColumn, PlanText, ServerInfo,
    Setup, Tiers,
};
use lakehand::export::event::What;
use lakehand::export::{Event, Finished, Outcome, Peer, Progress, Stage, Trigger};
use lakehand::feed::{Catalog, Entry, EntryState, Place, parse_feed};
use lakehand::ksql::describe::{SourceKind, SourceName};
use lakehand::lake::verify::{Finding, FindingKind, Repair, Report, Severity};
use lakehand::lake::{
    Amount, DayState, Gap, Metadata, Owner, PartitionState, PartitionUsage, ReplacedSet, Why,
};
use lakehand::log::{Level, Month, MonthLog, Record};
use lakehand::{Error, Kind};
use serde_json::json;

/// The instant at which all of it is looked at.
pub(crate) fn now() -> DateTime<Utc> {
    "2025-01-15T12:03:06Z".parse().unwrap()
}

/// A feed of the lake: name, kind, partitions.
type Feed = (String, &'static str, usize);

/// A lake in memory and the model that looks at it.
pub(crate) struct Lake {
    /// The model.
    pub(crate) app: App,
    /// All feeds are there.
    ready: bool,
}

impl Lake {
    /// The eight datasets of the demo, in all the states in which a feed can be.
    pub(crate) fn demo(size: (u16, u16)) -> Self {
        let feeds: Vec<Feed> = [
            ("payment_method_totals", "table", 2),
            ("product_purchase_counts", "table", 2),
            ("transaction_flattened", "stream", 40),
            ("transaction_stream", "stream", 120),
            ("transaction_stream_anonymized", "stream", 120),
            ("transaction_stream_blacklisted", "stream", 20),
            ("user_transaction_summary", "table", 2),
            ("user_transaction_summary_eur", "table", 2),
        ]
        .map(|(name, kind, partitions)| (name.to_owned(), kind, partitions))
        .to_vec();
        let mut lake = Self::of(&feeds, size);
        lake.work();
        lake.ready = true;
        lake
    }

    /// Days in two tiers: cold ones, some of which have a copy here, one with late rows, and hot ones.
    #[allow(dead_code, reason = "the benchmark shares this file")]
    pub(crate) fn tiered(size: (u16, u16)) -> Self {
        let feeds: Vec<Feed> = [(TIERED, "stream", 90), ("transaction_stream", "stream", 120)]
            .map(|(name, kind, partitions)| (name.to_owned(), kind, partitions))
            .to_vec();
        let tiers = Tiers {
            store: Some("s3://analytics-cold/lake".into()),
            grace: Duration::from_secs(86_400),
            hot_cost: Some(0.08),
            cold_cost: Some(0.0125),
        };
        let mut lake = Self::with(&feeds, Setup { tiers, ..setup(size) });
        lake.ready = true;
        lake.send(Message::Disk { free: 6 << 30 });
        lake.send(Message::Tick { now: now() });
        lake
    }

    /// `feeds` feeds with `partitions` partitions in all, half of them in the first.
    // The benchmark, which shares this file, is its only user.
    #[allow(dead_code)]
    pub(crate) fn large(feeds: usize, partitions: usize, size: (u16, u16)) -> Self {
        let each = partitions / 2 / feeds.max(1);
        let list: Vec<Feed> = (0..feeds)
            .map(|n| {
                (format!("transaction_stream_{n:04}"), "stream", if n == 0 { partitions / 2 } else { each })
            })
            .collect();
        Self::of(&list, size)
    }

    fn of(feeds: &[Feed], size: (u16, u16)) -> Self {
        Self::with(feeds, setup(size))
    }

    fn with(feeds: &[Feed], setup: Setup) -> Self {
        let mut lake = Self { app: App::new(setup), ready: false };
        lake.send(Message::Tick { now: at(-20) });
        let mut entries: Vec<Entry> = feeds.iter().map(|feed| entry(&feed.0, feed.1)).collect();
        if let Some(broken) = entries.iter_mut().find(|e| e.name == "user_transaction_summary_eur") {
            let text = "{\"feed_name\": \"user_transaction_summary_eur\",\n \"feed_type\": \"tabel\", \"enabeld\": true}";
            broken.state = EntryState::Invalid(parse_feed(text, &broken.name).unwrap_err());
        }
        lake.send(Message::Catalog(Catalog { entries }));
        for (name, kind, partitions) in feeds {
            let metadata = metadata(name, kind, *partitions);
            let usage = metadata.partitions.iter().map(usage).collect();
            lake.send(Message::Dataset {
                feed: name.clone(),
                metadata: Ok(Some(metadata)),
                usage: Some(Ok(usage)),
            });
        }
        let server = ServerInfo { text: "ksqlDB 7.6.1, RUNNING".into(), url: "http://localhost:8088".into() };
        lake.send(Message::Health { at: now(), server: Ok(server) });
        lake.send(Message::Months(vec![Month { year: 2024, month: 12 }, Month { year: 2025, month: 1 }]));
        let records = (0..400).map(record).collect();
        let log = MonthLog { records, earlier: 0, unreadable: 0 };
        lake.send(Message::Log { month: Month { year: 2025, month: 1 }, log: Ok(log) });
        lake
    }

    /// Exports in every state. What they say in passing has gone by the end.
    fn work(&mut self) {
        let owner =
            Owner { what: "lakehand export".into(), pid: 4242, host: "batch-1".into(), since: at(-190) };
        self.send(Message::Locks(BTreeMap::from([("transaction_stream_anonymized".to_owned(), owner)])));
        self.send(Message::Schedules(BTreeMap::from([("transaction_stream".to_owned(), at(180))])));
        let counters = |rows| lakehand::export::progress::Snapshot {
            stage: Stage::Ended,
            rows,
            bytes_in: rows * 240,
            bytes_out: rows * 61,
            committed: rows,
            quarantined: 0,
            duplicates: 0,
            files_open: 0,
            expected: rows,
            lost: 0,
            without_row: 0,
        };
        let over = |outcome, rows, seconds| {
            What::Finished(Finished {
                outcome,
                counters: counters(rows),
                elapsed: Duration::from_secs(seconds),
            })
        };
        let started = |run: &str| {
            let progress = Progress::default();
            progress.enter(Stage::Reading);
            What::Started { run: run.into(), progress: Arc::new(progress) }
        };
        let refused = || {
            Error::new(
                Kind::Refused,
                "the server refused the query: line 1:15: Column `AMOUNT_USD` cannot be resolved",
            )
            .at("feed", "transaction_stream_blacklisted")
            .next("look at its columns with DESCRIBE")
        };
        let queued = || What::Queued { trigger: Trigger::Asked };
        let steps: Vec<(&str, i64, What)> = vec![
            ("payment_method_totals", -60, queued()),
            ("payment_method_totals", -60, started("r1")),
            ("payment_method_totals", -59, over(Outcome::Done { text: "version 4".into() }, 5, 1)),
            ("transaction_stream_blacklisted", -50, queued()),
            ("transaction_stream_blacklisted", -50, started("r2")),
            ("transaction_stream_blacklisted", -48, over(Outcome::Failed(Arc::new(refused())), 0, 2)),
            ("transaction_flattened", -14, queued()),
            ("transaction_flattened", -14, started("r3")),
            (
                "transaction_flattened",
                -13,
                What::Planned { text: "by offsets, 2 Kafka partitions".into(), expected: Some(2_867_407) },
            ),
            ("transaction_stream", -9, queued()),
            ("transaction_stream", -9, started("r4")),
            (
                "transaction_stream",
                -3,
                What::Retrying {
                    attempt: 2,
                    wait: Duration::from_secs(12),
                    error: Arc::new(Error::new(Kind::Busy, "the server answered 503")),
                },
            ),
            ("product_purchase_counts", -2, queued()),
        ];
        for (feed, seconds, what) in steps {
            self.send(Message::Engine(Event { feed: feed.into(), time: at(seconds), what }));
        }
        self.send(Message::Tick { now: now() });
    }

    /// The server does not answer any more, and one export has met it.
    #[allow(dead_code, reason = "the benchmark shares this file")]
    pub(crate) fn outage(&mut self) {
        let reason = || {
            let what = "the server cannot be reached: connection refused";
            Error::new(Kind::Unreachable, what).at("server", "http://localhost:8088")
        };
        let paused = What::Paused { peer: Peer::Server, error: Arc::new(reason()), at_most: None };
        self.send(Message::Engine(Event { feed: String::new(), time: at(-5), what: paused }));
        let waiting = Progress::default();
        waiting.enter(Stage::Waiting);
        let started = What::Started { run: "r5".into(), progress: Arc::new(waiting) };
        self.send(Message::Engine(Event {
            feed: "product_purchase_counts".into(),
            time: at(-1),
            what: started,
        }));
        self.send(Message::Health { at: now(), server: Err(reason()) });
        self.send(Message::Tick { now: now() });
    }

    /// The stream under the cursor is over another log than before.
    #[allow(dead_code, reason = "the benchmark shares this file")]
    pub(crate) fn other_log(&mut self) {
        let feed = "transaction_stream";
        let mut held = metadata(feed, "stream", 5);
        let log = |cluster: &str| {
            serde_json::from_value(json!({"topic": "transactions", "cluster": cluster, "partitions": 3}))
                .unwrap()
        };
        (held.log, held.other_log) = (log("lkc-old"), log("lkc-new"));
        held.positions = [(0, 41_030), (1, 40_987), (2, 41_102)].into();
        held.log_ends = [(0, 41_030), (1, 40_991), (2, 41_102)].into();
        self.send(Message::Dataset { feed: feed.into(), metadata: Ok(Some(held)), usage: None });
    }

    /// Sends a message, and answers what the model asks for.
    pub(crate) fn send(&mut self, message: Message) {
        let mut effects = self.app.update(message);
        // An answer may ask again: not without end.
        for _ in 0..8 {
            // At the start the datasets come one after the other, as the folders are read.
            let wanted = |effect: &Effect| self.ready || !matches!(effect, Effect::LoadDataset(_));
            let answers: Vec<Message> = effects.drain(..).filter(wanted).filter_map(answer).collect();
            if answers.is_empty() {
                break;
            }
            effects = answers.into_iter().flat_map(|answer| self.app.update(answer)).collect();
        }
    }

    /// Presses keys by their names.
    pub(crate) fn keys(&mut self, keys: &[&str]) {
        for key in keys {
            self.send(Message::Key(key.parse().unwrap()));
        }
    }
}

/// The stream whose days lie in two tiers.
const TIERED: &str = "transaction_archive";

fn setup(size: (u16, u16)) -> Setup {
    Setup { size, lake: PathBuf::from("/srv/analytics/data_lake"), ..Setup::new(at(-20)) }
}

fn at(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

fn entry(name: &str, kind: &str) -> Entry {
    let mut text = json!({
        "feed_name": name, "feed_type": kind, "ksqldb_source": name,
        "description": "Raw transaction events as they were produced, nested",
        "storage_mode": if kind == "stream" { "append" } else { "overwrite" },
        "enabled": name != "user_transaction_summary",
    });
    if name == TIERED {
        text["tier_after_days"] = json!(30);
    }
    let feed = parse_feed(&text.to_string(), name).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    Entry {
        name: name.to_owned(),
        place: Place::Active,
        path: PathBuf::from(format!("/srv/analytics/feeds/active/{name}.json")),
        modified: None,
        state: EntryState::Valid(Box::new(feed)),
    }
}

/// The last `days` days with three of them missing, or so many versions of a table.
fn metadata(name: &str, kind: &str, days: usize) -> Metadata {
    let last = NaiveDate::from_ymd_opt(2025, 1, 15).unwrap();
    let mut partitions: Vec<serde_json::Value> = (0..days as u64)
        .filter(|n| kind == "table" || !matches!(n % 97, 5 | 29 | 61))
        .map(|n| {
            let path = match kind {
                "table" => format!("version=v{}", n + 3),
                _ => (last - Days::new(n)).format("year=%Y/month=%m/day=%d").to_string(),
            };
            let records = 200_000 + (n * 7919) % 1_000_000;
            let bytes = records * 61;
            let files = if n % 11 == 3 { 48 } else { 3 };
            json!({"path": path, "records": records, "size_mb": bytes as f64 / 1_048_576.0, "bytes": bytes, "files": files})
        })
        .collect();
    partitions.sort_by(|a, b| a["path"].as_str().cmp(&b["path"].as_str()));
    if name == TIERED {
        (0..).zip(&mut partitions).for_each(|(n, partition)| tier(n, partition));
    }
    let sum = |field: &str| partitions.iter().filter_map(|p| p[field].as_u64()).sum::<u64>();
    let (records, bytes, files) = (sum("records"), sum("bytes"), sum("files"));
    let run = |n: i64| {
        json!({"id": format!("r{n}"), "started": at(-3600 * n - 2), "ended": at(-3600 * n), "records": 5000, "bytes": 305_000,
               "files": 3, "commits": 1, "duration_ms": 1200})
    };
    let value = json!({
        "source": name, "type": kind, "storage_mode": if kind == "stream" { "append" } else { "overwrite" },
        "format": "parquet", "partitioning": if kind == "stream" { "date" } else { "version" },
        "last_export": at(-120), "total_records": records, "total_size_mb": bytes as f64 / 1_048_576.0,
        "partitions": partitions, "schema_version": "1.0", "created_at": at(-86_400 * 200),
        "total_bytes": bytes, "total_files": files, "positions": {"0": 1_204_311, "1": 1_198_002},
        "current_version": (kind == "table").then_some(4), "read_way": "offsets",
        "complete_through": at(-125), "caught_up": true, "checked_at": at(-120),
        "columns": [
            {"name": "transaction_id", "ksql_type": "STRING", "arrow_type": "Utf8", "since": "1.0"},
            {"name": "amount", "ksql_type": "DECIMAL(18, 2)", "arrow_type": "Decimal128(18, 2)", "since": "1.0"},
            {"name": "currency", "ksql_type": "STRING", "arrow_type": "Utf8", "since": "1.0"},
        ],
        "quarantined_records": if name == "transaction_stream" { 3 } else { 0 },
    });
    let mut metadata: Metadata = serde_json::from_value(value).unwrap();
    metadata.runs = (1..=3).filter_map(|n| serde_json::from_value(run(n)).ok()).collect();
    metadata
}

/// The first days lie in the cold tier: of the last three a copy is here, of one late rows.
fn tier(n: i64, partition: &mut serde_json::Value) {
    if n == 2 {
        partition["reopened_at"] = json!(at(-7_200));
    } else {
        partition["sealed_at"] = json!(at(-86_400));
    }
    if n > 40 {
        return;
    }
    let path = partition["path"].as_str().unwrap().to_owned();
    let mut cold = json!({
        "url": format!("s3://analytics-cold/lake/streams/{TIERED}/{path}"), "records": partition["records"],
        "bytes": partition["bytes"], "files": partition["files"], "objects": [], "since": at(-86_400 * (45 - n)),
    });
    if n == 2 {
        let more = |field: &str, late: u64| json!(partition[field].as_u64().unwrap() + late);
        let (records, bytes, files) = (more("records", 1_204), more("bytes", 81_920), more("files", 1));
        (partition["records"], partition["bytes"], partition["files"]) = (records, bytes, files);
    } else if n > 37 || n == 1 {
        cold["local_until"] = json!(at(36_000));
        (cold["local_files"], cold["local_bytes"]) = (cold["files"].clone(), cold["bytes"].clone());
    }
    partition["cold"] = cold;
}

fn usage(partition: &lakehand::lake::PartitionInfo) -> PartitionUsage {
    let amount = Amount { files: partition.local_files(), bytes: partition.local_bytes() };
    let cold = partition.cold.as_ref();
    PartitionUsage {
        path: partition.path.clone(),
        records: partition.records,
        recorded: amount,
        cold: cold.map_or_else(Amount::default, |cold| Amount { files: cold.files, bytes: cold.bytes }),
        found: amount,
    }
}

fn record(n: i64) -> Record {
    let time = now() - TimeDelta::seconds((400 - n) * 37);
    match n % 4 {
        0 => Record::new(time, Level::Info, Some("transaction_stream"), "exported")
            .fact("rows", 5000 + n)
            .fact("files", 3)
            .fact("bytes", 305_000)
            .fact("offsets", "0:1204311,1:1198002"),
        1 => Record::new(time, Level::Warn, Some("transaction_stream"), "quarantined").fact("rows", 3),
        2 => Record::new(time, Level::Error, Some("transaction_stream_blacklisted"), "failed")
            .fact("kind", "refused")
            .fact("error", "line 1:15: Column `AMOUNT_USD` cannot be resolved"),
        _ => Record::new(time, Level::Debug, None, "debounced")
            .fact("file", "feeds/active/transaction_stream.json"),
    }
}

/// The days that a stream of the demo has.
fn days_of(feed: &str) -> Option<usize> {
    match feed {
        TIERED => Some(90),
        "transaction_flattened" => Some(40),
        "transaction_stream" | "transaction_stream_anonymized" => Some(120),
        "transaction_stream_blacklisted" => Some(20),
        _ => None,
    }
}

/// Days in every state.
fn days(metadata: &Metadata) -> KnownDays {
    let gap = |first: i64, last: i64, why| Gap {
        partition: 0,
        first,
        last,
        missing: last.abs_diff(first) + 1,
        why,
    };
    let day = |(n, known): (usize, &lakehand::lake::PartitionInfo)| {
        let first = 10_000 * i64::try_from(n).unwrap();
        let mut day = DayState {
            partition: known.path.clone(),
            rows: known.records,
            files: known.files,
            offsets: [(0, [first, first + 9_999]), (1, [first + 3, first + 9_870])].into(),
            gaps: Vec::new(),
            lost: 0,
            state: PartitionState::Open,
            complete: true,
            sealed_at: None,
        };
        match n % 12 {
            _ if known.reopened_at.is_some() => day.state = PartitionState::Reopened,
            _ if known.sealed_at.is_some() => {
                day.state = PartitionState::Sealed;
                day.sealed_at = known.sealed_at;
            }
            0 | 4 | 5 | 8 => {
                day.state = PartitionState::Sealed;
                day.sealed_at = Some(at(-86_400));
            }
            1 => {
                day.complete = false;
                day.gaps = vec![
                    gap(first + 500, first + 513, Why::Unexplained),
                    gap(first + 700, first + 702, Why::Quarantined),
                ];
            }
            2 => day.state = PartitionState::Reopened,
            3 => {
                day.complete = false;
                day.lost = 1_204;
            }
            7 => day.complete = false,
            _ => {}
        }
        day
    };
    let states: Vec<DayState> = metadata.partitions.iter().enumerate().map(day).collect();
    let replaced = states.get(1).map(|day| ReplacedSet {
        unread: 0,
        commit: "000041-20250114".into(),
        partition: day.partition.clone(),
        at: Some(at(-7_200)),
        files: 3,
        bytes: 12_345_678,
        rows: day.rows,
    });
    KnownDays { replaced: replaced.into_iter().collect(), states }
}

/// A dataset with damage.
fn report(feed: &str) -> Report {
    let finding = |kind, severity, path: &str, what: &str, repair| Finding {
        dataset: format!("streams/{feed}"),
        kind,
        severity,
        path: path.into(),
        what: what.into(),
        repair,
    };
    let file = "year=2025/month=01/day=03/data_20250103_000031-20250103_1.parquet";
    let findings = vec![
        finding(
            FindingKind::Unreadable,
            Severity::Damage,
            file,
            "the Parquet footer cannot be read: Parquet error: Invalid Parquet file. Corrupt footer",
            Some(Repair::MoveAside),
        ),
        finding(
            FindingKind::WrongDay,
            Severity::Damage,
            "year=2025/month=01/day=04/data_20250105_000033-20250105_2.parquet",
            "its rows belong into year=2025/month=01/day=05",
            Some(Repair::MoveTo("year=2025/month=01/day=05/data_20250105_000033-20250105_2.parquet".into())),
        ),
        finding(
            FindingKind::LeftoverStaging,
            Severity::Leftover,
            "_lakehand/streams/transaction_stream/staging",
            "2 files (81920 bytes) of a run that stopped",
            Some(Repair::EmptyStaging),
        ),
        finding(
            FindingKind::Quarantined,
            Severity::Note,
            "_lakehand/streams/transaction_stream/quarantine",
            "3 rows could not be decoded",
            None,
        ),
    ];
    Report {
        dataset: format!("streams/{feed}"),
        findings,
        files: 60,
        rows: 4_204_311,
        lost: 0,
        unlocked: None,
    }
}

/// What the program would answer to an effect.
fn answer(effect: Effect) -> Option<Message> {
    Some(match effect {
        Effect::LoadDataset(feed) => {
            let metadata = metadata(&feed, "stream", days_of(&feed)?);
            let usage = Some(Ok(metadata.partitions.iter().map(usage).collect()));
            Message::Dataset { feed, metadata: Ok(Some(metadata)), usage }
        }
        Effect::LoadDays(feed) => {
            let days = days(&metadata(&feed, "stream", days_of(&feed)?));
            Message::Days { feed, days: Ok(days) }
        }
        Effect::Check { feeds, deep } => {
            let feed = feeds.first()?.clone();
            let report = report(&feed);
            Message::Checked { feed, at: at(0), deep, mended: None, report: Ok(report) }
        }
        Effect::Repair { feeds, deep, accept_loss: false } => Message::RepairRefused {
            feed: feeds.into_iter().next()?,
            deep,
            what: "the repair would take 40,210 of 180,113 rows, in 3 files, from readers".into(),
        },
        Effect::LoadFiles { feed, partition } => {
            let folder = PathBuf::from("/srv/analytics/data_lake/streams").join(&feed).join(&partition);
            let files = (0..48u64).map(|n| FileInfo {
                name: format!("data_20250115_{n:03}.parquet"),
                path: folder.join(format!("data_20250115_{n:03}.parquet")),
                bytes: 1_000_000 + n * 77_777,
                rows: Ok(16_000 + n),
                modified: Some(at(-600)),
                run: Some("r1".into()),
                cold: None,
            });
            Message::Files { feed, partition, files: Ok(files.collect()) }
        }
        Effect::LoadRows { path, from, count } => {
            let column = |name: &str, arrow_type: &str, numeric| GridColumn {
                name: name.into(),
                arrow_type: arrow_type.into(),
                numeric,
            };
            let row = |n: u64| {
                vec![
                    Some(format!("2025-01-15T12:{:02}:04.000Z", n % 60)),
                    Some(format!("tx-{:010}", 1_204_311 + n)),
                    Some(format!("{}.{:02}", 1200 + n, n % 100)),
                    (n % 4 != 3).then(|| "EUR".to_owned()),
                    Some("東京デパート 本店".to_owned()),
                    Some("[{\"sku\":\"A-1\",\"count\":2},{\"sku\":\"B-7\",\"count\":1}]".to_owned()),
                ]
            };
            let grid = Grid {
                columns: vec![
                    column("ROWTIME", "Timestamp(ms, UTC)", false),
                    column("transaction_id", "Utf8", false),
                    column("amount", "Decimal128(18, 2)", true),
                    column("currency", "Utf8", false),
                    column("merchant", "Utf8", false),
                    column("items", "List(Struct)", false),
                ],
                from,
                total: 204_311,
                rows: (from..from + count as u64).map(row).collect(),
            };
            Message::Rows { path, grid: Ok(grid) }
        }
        Effect::LoadPlan(feed) => Message::Plan {
            plan: Ok(PlanText {
                source: feed.to_uppercase(),
                guarantee: "by offsets: nothing lost, nothing doubled".into(),
                expected: Some(2_867_407),
                queries: vec![format!(
                    "SELECT ROWTIME, ROWPARTITION, ROWOFFSET, `AMOUNT` FROM `{}` EMIT CHANGES;",
                    feed.to_uppercase()
                )],
                columns: vec![PlanColumn {
                    name: "amount".into(),
                    ksql_type: "DECIMAL(18, 2)".into(),
                    arrow_type: "Decimal128(18, 2)".into(),
                }],
                changes: vec![],
            }),
            feed,
        },
        Effect::LoadSources => {
            let source = |name: &str, kind| SourceName {
                name: name.into(),
                kind,
                topic: name.to_lowercase(),
                key_format: "KAFKA".into(),
                value_format: "JSON".into(),
                windowed: false,
            };
            Message::Sources(Ok(vec![
                source("TRANSACTION_STREAM", SourceKind::Stream),
                source("TRANSACTION_RETURNS", SourceKind::Stream),
                source("USER_TRANSACTION_SUMMARY", SourceKind::Table),
            ]))
        }
        _ => return None,
    })
}
