//! The state of a table: what the lines of its log say together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{APP_ID, DATASET_KEY, disk_path, text_of};
use crate::{Error, Kind, Result};

/// A table as its log describes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The newest version.
    pub version: Option<u64>,
    /// Versions that another writer has made, as far as they were read.
    pub foreign: Vec<u64>,
    protocol: Option<Value>,
    metadata: Option<Value>,
    txns: BTreeMap<String, Value>,
    /// By path as the log writes it.
    added: BTreeMap<String, Value>,
    removed: BTreeMap<String, Value>,
}

impl State {
    /// Takes the lines of an entry, or of a checkpoint, whose version is `version`. `Kind::Damaged` when a line is no JSON.
    pub fn take(&mut self, version: u64, text: &str, is_checkpoint: bool) -> Result<()> {
        let mut is_own = is_checkpoint;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_str(line).map_err(|e| {
                Error::new(Kind::Damaged, format!("version {version} of the table's log is no JSON: {e}"))
            })?;
            for (action, value) in
                line.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
            {
                let path = || value["path"].as_str().unwrap_or_default().to_owned();
                match action.as_str() {
                    "commitInfo" => is_own |= value.get("lakehand.commit").is_some(),
                    "protocol" => self.protocol = Some(value.clone()),
                    "metaData" => self.metadata = Some(value.clone()),
                    "txn" => {
                        self.txns
                            .insert(value["appId"].as_str().unwrap_or_default().to_owned(), value.clone());
                    }
                    "add" => {
                        self.removed.remove(&path());
                        self.added.insert(path(), value.clone());
                    }
                    "remove" => {
                        self.added.remove(&path());
                        self.removed.insert(path(), value.clone());
                    }
                    _ => {}
                }
            }
        }
        if !is_own {
            self.foreign.push(version);
        }
        self.version = Some(version);
        Ok(())
    }

    /// The dataset whose table it is; `None` for a table that this program did not make.
    pub fn dataset(&self) -> Option<&str> {
        self.metadata.as_ref()?["configuration"][DATASET_KEY].as_str()
    }

    /// The id of the table, and when it was made.
    pub fn identity(&self) -> Option<(&str, i64)> {
        let metadata = self.metadata.as_ref()?;
        Some((metadata["id"].as_str()?, metadata["createdTime"].as_i64()?))
    }

    /// Its columns, as the log spells them.
    pub fn schema_string(&self) -> Option<&str> {
        self.metadata.as_ref()?["schemaString"].as_str()
    }

    /// The number of the last commit of this program.
    pub fn last_seq(&self) -> Option<u64> {
        self.txns.get(APP_ID)?["version"].as_u64()
    }

    /// The files of the newest version, as they are named on disk, with their sizes. `Kind::Damaged` when a path is none.
    pub fn files(&self) -> Result<BTreeMap<String, u64>> {
        let named =
            |(path, add): (&String, &Value)| Ok((disk_path(path)?, add["size"].as_u64().unwrap_or(0)));
        self.added.iter().map(named).collect()
    }

    /// The rows of the newest version, where each file tells its own.
    pub fn rows(&self) -> Option<u64> {
        let rows =
            |add: &Value| serde_json::from_str::<Value>(add["stats"].as_str()?).ok()?["numRecords"].as_u64();
        self.added.values().map(rows).sum()
    }

    /// Files that went before `at` (milliseconds since 1970) are forgotten; gives their paths on disk.
    pub fn forget_removed(&mut self, at: i64) -> Result<BTreeSet<String>> {
        let is_old = |remove: &Value| remove["deletionTimestamp"].as_i64().is_some_and(|when| when < at);
        let (old, kept) =
            std::mem::take(&mut self.removed).into_iter().partition(|(_, remove)| is_old(remove));
        self.removed = kept;
        let old: BTreeMap<String, Value> = old;
        old.keys().map(|path| disk_path(path)).collect()
    }

    /// The lines of a checkpoint, and their number.
    pub fn checkpoint(&self) -> (String, u64) {
        let mut lines: Vec<Value> = Vec::new();
        lines.extend(self.protocol.iter().map(|protocol| json!({ "protocol": protocol })));
        lines.extend(self.metadata.iter().map(|metadata| json!({ "metaData": metadata })));
        lines.extend(self.txns.values().map(|txn| json!({ "txn": txn })));
        // What a checkpoint lists is no change of the data.
        let still = |action: &Value| {
            let mut action = action.clone();
            action["dataChange"] = false.into();
            action
        };
        lines.extend(self.removed.values().map(|remove| json!({ "remove": still(remove) })));
        lines.extend(self.added.values().map(|add| json!({ "add": still(add) })));
        let count = lines.len() as u64;
        (text_of(&lines), count)
    }
}
