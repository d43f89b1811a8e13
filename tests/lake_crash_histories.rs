//! Random histories of a dataset: exports, kills, power losses, refused operations, retention, feeds archived and restored,
//! columns added and changed. After each step the lake is what a plain model says, or what it was before the step.

#[path = "lake_support/disk.rs"]
mod disk;
mod lake_support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use disk::{Disk, scratch};
use lake_support::*;
use lakehand::feed::{Catalog, Feed, FeedPaths, Place};
use lakehand::lake::{Commit, Dataset, Lake, Limits, PartitionUsage, TableSchema, usage};
use lakehand::{Kind, Result};
use proptest::prelude::*;

/// What becomes of the process in a step.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It ends well.
    Ends,
    /// It throws its rows away.
    Abandons,
    /// It is killed before operation `n`.
    Killed(u64),
    /// The power goes before operation `n`.
    Dark(u64, u64),
}

#[derive(Debug, Clone)]
enum Step {
    Export { rows: i64, spread: i64, fate: Fate },
    Retain { today: i64, fate: Fate },
    Archive,
    Restore,
    AddColumn,
    ChangeType,
    AcceptSchema(Fate),
    LoseMetadata,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Ends),
        1 => Just(Fate::Abandons),
        2 => (0_u64..90).prop_map(Fate::Killed),
        3 => (0_u64..90, any::<u64>()).prop_map(|(n, seed)| Fate::Dark(n, seed)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_i64..30, 1_i64..5, fate()).prop_map(|(rows, spread, fate)| Step::Export { rows, spread, fate }),
        3 => (0_i64..16, fate()).prop_map(|(today, fate)| Step::Retain { today, fate }),
        1 => Just(Step::Archive),
        2 => Just(Step::Restore),
        1 => Just(Step::AddColumn),
        1 => Just(Step::ChangeType),
        2 => fate().prop_map(Step::AcceptSchema),
        1 => Just(Step::LoseMetadata),
    ]
}

/// The columns of the source: one more after AddColumn, another type of AMOUNT after ChangeType.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Shape {
    extra: bool,
    whole: bool,
}

impl Shape {
    fn schema(self) -> TableSchema {
        let base = stream_schema();
        let mut fields: Vec<Field> = base.arrow.fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut types = base.columns_types;
        if self.whole {
            fields[4] = Field::new("AMOUNT", DataType::Int64, true);
            types[1].1 = "BIGINT".into();
        }
        if self.extra {
            fields.push(Field::new("EXTRA", DataType::Utf8, true));
            types.push(("EXTRA".into(), "STRING".into()));
        }
        TableSchema { arrow: Arc::new(Schema::new(fields)), ksql: base.ksql, columns_types: types }
    }

    fn batch(self, rows: &[Row]) -> RecordBatch {
        let mut columns = batch(rows).columns().to_vec();
        if self.whole {
            columns[4] = Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>());
        }
        if self.extra {
            let extra: StringArray = rows.iter().map(|r| Some(r.1.to_string())).collect();
            columns.push(Arc::new(extra) as ArrayRef);
        }
        RecordBatch::try_new(self.schema().arrow, columns).unwrap()
    }
}

/// The machine and what it must hold.
struct World {
    root: tempfile::TempDir,
    disk: Arc<Disk>,
    feeds: tempfile::TempDir,
    model: Vec<Row>,
    next: BTreeMap<i32, i64>,
    shape: Shape,
    /// The shape of the last commit or acceptance: another type than its is refused.
    known: Shape,
    has_schema: bool,
}

impl World {
    fn new() -> Self {
        let root = scratch();
        let disk = Disk::new(root.path());
        let feeds = scratch();
        std::fs::create_dir_all(feeds.path().join("active")).unwrap();
        std::fs::create_dir_all(feeds.path().join("archived")).unwrap();
        let text = r#"{"feed_name": "events", "feed_type": "stream", "ksqldb_source": "EVENTS", "retention_days": 2}"#;
        std::fs::write(feeds.path().join("active/events.json"), text).unwrap();
        let (shape, known) = (Shape::default(), Shape::default());
        let (model, next) = (Vec::new(), BTreeMap::new());
        Self { root, disk, feeds, model, next, shape, known, has_schema: false }
    }

    /// The feed as its file says, unless it is archived.
    fn feed(&self) -> Option<Feed> {
        let catalog = Catalog::load(&FeedPaths::below(self.feeds.path())).unwrap();
        catalog.get("events").filter(|e| e.place == Place::Active).and_then(|e| e.feed().cloned())
    }

    /// Works on the dataset until its fate; gives whether it was done.
    fn run(&mut self, fate: Fate, work: impl FnOnce(&mut Dataset) -> Result<()>) -> Result<()> {
        let Some(feed) = self.feed() else { return Err(lakehand::Error::new(Kind::Feed, "archived")) };
        self.disk.start_again();
        if let Fate::Killed(n) | Fate::Dark(n, _) = fate {
            self.disk.kill_before(n);
        }
        let lake = Lake::with_faults(self.root.path(), self.disk.clone());
        let small = Limits { target_file_bytes: 3000, ..limits() };
        let done = Dataset::open(&lake, &feed, small, owner()).and_then(|mut dataset| work(&mut dataset));
        if let Fate::Dark(_, seed) = fate {
            let after = scratch();
            self.disk.lose_power(after.path(), &mut fastrand::Rng::with_seed(seed));
            self.disk = Disk::new(after.path());
            self.root = after;
        }
        self.disk.start_again();
        done
    }

    /// Opens it in peace, as the next start would.
    fn look(&self) -> Dataset {
        let feed = Feed { retention_days: Some(2), ..stream_feed() };
        let lake = Lake::with_faults(self.root.path(), self.disk.clone());
        Dataset::open(&lake, &feed, limits(), owner()).unwrap()
    }

    fn export(&mut self, count: i64, spread: i64, fate: Fate) -> std::result::Result<(), TestCaseError> {
        let new = next_rows(&self.next, count, spread);
        let mut positions = self.next.clone();
        positions.extend(commit_after(&new).positions);
        let (shape, refused) = (self.shape, self.has_schema && self.shape.whole != self.known.whole);
        let commit = Commit { positions: positions.clone(), ..commit_after(&new) };
        let is_active = self.feed().is_some();
        let done = self.run(fate, |dataset| {
            let mut appender = dataset.appender(&shape.schema(), run("model"))?;
            for part in new.chunks(7) {
                appender.write(&shape.batch(part))?;
            }
            if matches!(fate, Fate::Abandons) {
                return appender.abandon();
            }
            appender.commit(commit).map(|_| ())
        });
        if refused && let Err(error) = &done {
            let killed = matches!(fate, Fate::Killed(_) | Fate::Dark(..));
            prop_assert!(!is_active || killed || error.kind() == Kind::Schema, "{}", error);
        }
        prop_assert!(!(refused && done.is_ok()), "another type than the files have is refused");
        let after = self.look().metadata().positions.clone();
        if after == self.next {
            prop_assert!(!(done.is_ok() && matches!(fate, Fate::Ends)), "what was committed is there");
        } else {
            prop_assert!(!matches!(fate, Fate::Abandons) && !refused && is_active);
            prop_assert_eq!(&after, &positions);
            self.model.extend(&new);
            self.next = after;
            (self.known, self.has_schema) = (shape, true);
        }
        Ok(())
    }

    fn retain(&mut self, today: i64, fate: Fate) {
        let first_kept = T0 + (today - 2) * DAY;
        let kept: Vec<Row> = self.model.iter().copied().filter(|row| row.2 >= first_kept).collect();
        let done = self.run(fate, |dataset| dataset.retain(at(T0 + today * DAY).date_naive()).map(|_| ()));
        let held = rows(self.look().dir());
        if done.is_ok() || held == expected(&kept) {
            self.model = kept;
        }
    }

    fn accept(&mut self, fate: Fate) {
        let shape = self.shape;
        let done = self.run(fate, |dataset| dataset.accept_schema(&shape.schema(), at(T0)).map(|_| ()));
        let types: BTreeMap<_, _> =
            self.look().metadata().columns.iter().map(|c| (c.name.clone(), c.ksql_type.clone())).collect();
        let is_accepted = types.get("AMOUNT").is_some_and(|t| (t == "BIGINT") == shape.whole);
        assert!(is_accepted || done.is_err(), "what was accepted stays accepted");
        if is_accepted {
            (self.known, self.has_schema) = (shape, true);
        }
    }

    fn check(&self) -> std::result::Result<(), TestCaseError> {
        let dataset = self.look();
        prop_assert_eq!(rows(dataset.dir()), expected(&self.model));
        prop_assert_eq!(dataset.metadata().total_records, self.model.len() as u64);
        prop_assert_eq!(&dataset.metadata().positions, &self.next);
        let told = usage(dataset.dir()).unwrap();
        prop_assert!(told.iter().all(PartitionUsage::agrees), "{:?}", told);
        prop_assert_eq!(std::fs::read_dir(books(dataset.dir()).join("staging")).unwrap().count(), 0);
        Ok(())
    }
}

/// Rows of two Kafka partitions that follow those committed.
fn next_rows(next: &BTreeMap<i32, i64>, count: i64, spread: i64) -> Vec<Row> {
    let mut next = next.clone();
    (0..count)
        .map(|i| {
            let partition = i32::from(i % 3 == 0);
            let offset = next.entry(partition).or_insert(0);
            *offset += 1;
            (partition, *offset - 1, T0 + (*offset * 5 + i) % spread * DAY + i)
        })
        .collect()
}

/// The footers alone give the same dataset, as long as they hold the last rows.
fn lose_metadata(world: &mut World) {
    let before = world.look().metadata().clone();
    let path: &Path = world.root.path();
    if before.partitions.iter().map(|p| p.records).sum::<u64>() == 0 {
        return;
    }
    std::fs::remove_file(path.join("streams/events/_metadata.json")).unwrap();
    let after = world.look().metadata().clone();
    assert_eq!(after.partitions, before.partitions);
    assert!(after.positions.iter().all(|(partition, next)| before.positions[partition] >= *next));
    // What retention removed last may have held the last offsets: put back what only the metadata knew.
    let text = serde_json::to_string_pretty(&before).unwrap();
    std::fs::write(path.join("streams/events/_metadata.json"), text).unwrap();
    world.disk = Disk::new(path);
}

/// `LAKEHAND_HISTORIES=2000` tries more of them.
fn cases() -> u32 {
    std::env::var("LAKEHAND_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(96)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_as_the_model_says(steps in prop::collection::vec(step(), 1..14)) {
        let mut world = World::new();
        let paths = FeedPaths::below(world.feeds.path());
        for step in steps {
            match step {
                Step::Export { rows, spread, fate } => world.export(rows, spread, fate)?,
                Step::Retain { today, fate } => world.retain(today, fate),
                // Archiving twice, and restoring what is active, are refused; that is tested elsewhere.
                Step::Archive => drop(lakehand::feed::archive(&paths, "events")),
                Step::Restore => drop(lakehand::feed::restore(&paths, "events")),
                Step::AddColumn => world.shape.extra = true,
                Step::ChangeType => world.shape.whole = !world.shape.whole,
                Step::AcceptSchema(fate) => world.accept(fate),
                Step::LoseMetadata => lose_metadata(&mut world),
            }
            world.check()?;
        }
    }
}
