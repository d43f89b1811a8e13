//! `v<N>.metadata.json`: what a table is, and which snapshots it has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{COMMIT_KEY, HINT, damaged, schema};
use crate::format::Columns;
use crate::{Error, Kind, Result};

/// The property that says whose table it is.
pub const DATASET_KEY: &str = "lakehand.dataset";
/// The branch that readers read.
const MAIN: &str = "main";
/// Ids of partition fields begin behind this one.
const BEFORE_PARTITION_IDS: i32 = 999;

/// A table, as one version of its metadata describes it. What this program does not know is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableMetadata {
    /// 2.
    pub format_version: i32,
    /// An id that stays.
    pub table_uuid: String,
    /// The table's folder, absolute.
    pub location: String,
    pub(super) last_sequence_number: i64,
    pub(super) last_updated_ms: i64,
    pub(super) last_column_id: i32,
    pub(super) current_schema_id: i32,
    pub(super) schemas: Vec<Value>,
    pub(super) default_spec_id: i32,
    pub(super) partition_specs: Vec<Spec>,
    pub(super) last_partition_id: i32,
    pub(super) default_sort_order_id: i32,
    pub(super) sort_orders: Vec<Value>,
    /// The table's properties.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) current_snapshot_id: Option<i64>,
    #[serde(default)]
    pub(super) refs: BTreeMap<String, Value>,
    /// Snapshots, oldest first.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
    #[serde(default)]
    pub(super) snapshot_log: Vec<SnapshotLog>,
    #[serde(default)]
    pub(super) metadata_log: Vec<MetadataLog>,
    #[serde(flatten)]
    pub(super) other: Map<String, Value>,
}

/// What of a row's values names its partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Spec {
    pub(super) spec_id: i32,
    pub(super) fields: Vec<SpecField>,
}

/// A part of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SpecField {
    pub(super) source_id: i32,
    pub(super) field_id: i32,
    pub(super) name: String,
    pub(super) transform: String,
}

/// A state of the table that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::struct_field_names, reason = "the names are those of the file")]
pub struct Snapshot {
    /// Its id.
    pub snapshot_id: i64,
    /// The snapshot before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_snapshot_id: Option<i64>,
    #[serde(default)]
    pub(super) sequence_number: i64,
    /// When it was made, milliseconds since 1970.
    pub timestamp_ms: i64,
    #[serde(default)]
    pub(super) manifest_list: String,
    /// What it is: `operation`, counts, and what we tell of it.
    #[serde(default)]
    pub summary: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schema_id: Option<i32>,
}

impl Snapshot {
    /// The commit of this program that made it; `None` for one of another writer.
    pub fn commit(&self) -> Option<&str> {
        self.summary.get(COMMIT_KEY).map(String::as_str)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SnapshotLog {
    pub(super) timestamp_ms: i64,
    pub(super) snapshot_id: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct MetadataLog {
    pub(super) timestamp_ms: i64,
    pub(super) metadata_file: String,
}

/// A table without a snapshot, made at `created`. Its columns come with the first commit.
pub fn new_table(uuid: &str, dataset: &str, location: &str, created: i64) -> TableMetadata {
    let properties = [
        (DATASET_KEY, dataset),
        ("write.format.default", "parquet"),
        // Files are removed by this program alone: expire_snapshots and remove_orphan_files of others refuse.
        ("gc.enabled", "false"),
    ];
    TableMetadata {
        format_version: 2,
        table_uuid: uuid.to_owned(),
        location: location.to_owned(),
        last_sequence_number: 0,
        last_updated_ms: created,
        last_column_id: 0,
        current_schema_id: -1,
        schemas: Vec::new(),
        default_spec_id: -1,
        partition_specs: Vec::new(),
        last_partition_id: BEFORE_PARTITION_IDS,
        default_sort_order_id: 0,
        sort_orders: vec![json!({ "order-id": 0, "fields": [] })],
        properties: properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        current_snapshot_id: None,
        refs: BTreeMap::new(),
        snapshots: Vec::new(),
        snapshot_log: Vec::new(),
        metadata_log: Vec::new(),
        other: Map::new(),
    }
}

impl TableMetadata {
    /// What `text` says. `Kind::Damaged` when it is no metadata of version 2.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let parsed: Self = serde_json::from_slice(text)
            .map_err(|e| damaged(format!("the metadata of the Iceberg table cannot be understood: {e}")))?;
        if parsed.format_version == 2 {
            return Ok(parsed);
        }
        let version = parsed.format_version;
        Err(damaged(format!("another program has made version {version} of the format of the Iceberg table")))
    }

    /// The text of the file.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|e| Error::new(Kind::Bug, format!("the metadata of a table cannot be written: {e}")))
    }

    /// The dataset whose table it is; `None` for a table that this program did not make.
    pub fn dataset(&self) -> Option<&str> {
        self.properties.get(DATASET_KEY).map(String::as_str)
    }

    /// The snapshot that readers read.
    pub fn current(&self) -> Option<&Snapshot> {
        let id = self.current_snapshot_id.filter(|id| *id >= 0)?;
        self.snapshots.iter().find(|snapshot| snapshot.snapshot_id == id)
    }

    /// Ids of snapshots that another writer has made.
    pub fn foreign(&self) -> Vec<i64> {
        self.snapshots.iter().filter(|snapshot| snapshot.commit().is_none()).map(|s| s.snapshot_id).collect()
    }

    /// Keeps other writers out, as the format has no word for it: what they would write lies below a regular file, where nobody can make
    /// one, and writers without a catalogue refuse tables whose metadata would be elsewhere.
    pub(super) fn keep_others_out(&mut self) {
        let nowhere = format!("{}/metadata/{HINT}/only-lakehand-writes-this-table", self.location);
        for key in ["write.data.path", "write.metadata.path"] {
            self.properties.insert(key.to_owned(), nowhere.clone());
        }
    }

    /// The newest snapshot of this program is the one that readers read; gives whether it was not. What other writers have made stays in
    /// the history.
    pub fn take_back(&mut self) -> bool {
        if self.current().is_none_or(|current| current.commit().is_some()) {
            return false;
        }
        let own = self.snapshots.iter().rev().find(|snapshot| snapshot.commit().is_some());
        self.current_snapshot_id = own.map(|snapshot| snapshot.snapshot_id);
        match self.current_snapshot_id {
            Some(id) => self.main_is(id),
            None => drop(self.refs.remove(MAIN)),
        }
        true
    }

    fn main_is(&mut self, id: i64) {
        self.refs.insert(MAIN.to_owned(), json!({ "snapshot-id": id, "type": "branch" }));
    }

    /// The same table at another place. Its snapshots name files of before, and go.
    pub fn moved_to(&mut self, location: &str) {
        location.clone_into(&mut self.location);
        (self.current_snapshot_id, self.refs) = (None, BTreeMap::new());
        self.snapshots.clear();
        self.snapshot_log.clear();
        self.metadata_log.clear();
        self.other.clear();
    }

    /// The columns are those that the table has.
    pub fn has_columns(&self, columns: &Columns) -> Result<bool> {
        let mut next = self.clone();
        next.snapshots.clear();
        next.take_columns(columns).map(|()| {
            next.current_schema_id == self.current_schema_id && next.default_spec_id == self.default_spec_id
        })
    }

    /// The columns of the table are these from now on; those that are known keep their ids.
    pub(super) fn take_columns(&mut self, columns: &Columns) -> Result<()> {
        let now = self.schema().map_or_else(|| Value::Array(Vec::new()), |schema| schema["fields"].clone());
        let mut known = BTreeMap::new();
        // A column that went and comes again has its id of before.
        for schema in &self.schemas {
            known.extend(schema::ids_of(&schema["fields"]));
        }
        known.extend(schema::ids_of(&now));
        let spelt = schema::spell(columns, &known, self.last_column_id)?;
        self.last_column_id = spelt.last;
        if spelt.fields != now {
            let ids = self.schemas.iter().filter_map(|schema| schema["schema-id"].as_i64());
            let id = ids.filter_map(|id| i32::try_from(id).ok()).max().map_or(0, |id| id + 1);
            self.schemas.push(json!({ "type": "struct", "schema-id": id, "fields": spelt.fields }));
            self.current_schema_id = id;
        }
        self.properties.insert("schema.name-mapping.default".to_owned(), spelt.mapping.to_string());
        let source = |name: &String| spelt.ids.get(name).copied().unwrap_or_default();
        let wanted: Vec<(i32, &String)> = columns.partition.iter().map(|name| (source(name), name)).collect();
        let is_wanted = |spec: &Spec| {
            let fields = spec.fields.iter().map(|f| (f.source_id, f.transform.as_str()));
            fields.eq(wanted.iter().map(|(id, _)| (*id, "identity")))
        };
        if self.spec().is_ok_and(is_wanted) {
            return Ok(());
        }
        if let Some(spec) = self.partition_specs.iter().find(|spec| is_wanted(spec)) {
            self.default_spec_id = spec.spec_id;
            return Ok(());
        }
        let given = self.partition_specs.iter().flat_map(|spec| &spec.fields);
        let given: BTreeMap<i32, i32> =
            given.filter(|f| f.transform == "identity").map(|f| (f.source_id, f.field_id)).collect();
        let mut fields = Vec::new();
        for (source_id, name) in wanted {
            let field_id = given.get(&source_id).copied().unwrap_or_else(|| {
                self.last_partition_id += 1;
                self.last_partition_id
            });
            let transform = "identity".to_owned();
            fields.push(SpecField { source_id, field_id, name: name.clone(), transform });
        }
        let spec_id = self.partition_specs.iter().map(|spec| spec.spec_id).max().map_or(0, |id| id + 1);
        self.partition_specs.push(Spec { spec_id, fields });
        self.default_spec_id = spec_id;
        Ok(())
    }

    /// The columns as they are now.
    pub(super) fn schema(&self) -> Option<&Value> {
        self.schemas.iter().find(|schema| schema["schema-id"] == self.current_schema_id)
    }

    /// The partitions as they are now.
    pub(super) fn spec(&self) -> Result<&Spec> {
        let spec = self.partition_specs.iter().find(|spec| spec.spec_id == self.default_spec_id);
        spec.ok_or_else(|| damaged("the Iceberg table has no partition spec of its default's number"))
    }

    /// The snapshot becomes the one that readers read.
    pub(super) fn add(&mut self, snapshot: Snapshot) {
        self.last_sequence_number = snapshot.sequence_number;
        let (id, at) = (snapshot.snapshot_id, snapshot.timestamp_ms);
        self.current_snapshot_id = Some(id);
        self.main_is(id);
        self.snapshot_log.push(SnapshotLog { timestamp_ms: at, snapshot_id: id });
        self.snapshots.push(snapshot);
    }

    /// A branch or tag names the snapshot.
    pub(super) fn is_named(&self, snapshot: i64) -> bool {
        self.refs.values().any(|named| named["snapshot-id"] == snapshot)
    }
}
