//! What footers say of columns, for [`layout_hint`](crate::lake::layout_hint).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::Result;
use crate::lake::file::footer::{entry_of, read_whole_footer};
use crate::lake::file::stats::column_stats;
use crate::lake::fs;
use crate::lake::layout::{self, Places};
use crate::lake::manifest::metadata::read_metadata_at;

/// Partitions of which the fullest is looked at, and files of it.
const PARTITIONS: usize = 16;
const FILES: usize = 16;
/// Rows from which on the choice of an encoding says something of the values.
const ENOUGH: i64 = 512;

/// What is known of a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// Whether values repeat, where the writer saw enough of them.
    pub repeats: Option<bool>,
    /// The least and the greatest value of each file or row group.
    pub bounds: Vec<(Value, Value)>,
}

/// What the newest files of the dataset in `dataset_dir` say of their columns. Takes no lock; a file that cannot be read says nothing.
pub fn column_facts(dataset_dir: &Path) -> Result<Vec<ColumnFacts>> {
    let places = Places::find(dataset_dir)?;
    let Some(metadata) = read_metadata_at(&places.metadata)? else { return Ok(Vec::new()) };
    let mut facts: BTreeMap<String, ColumnFacts> = BTreeMap::new();
    // One day: of several, each has rows of its own time.
    let fullest = metadata.partitions.iter().rev().take(PARTITIONS).max_by_key(|partition| partition.records);
    let Some(partition) = fullest else { return Ok(Vec::new()) };
    let folder = layout::inside(&places.data, &partition.path)?;
    let files = fs::list_target(&folder)?.into_iter().filter(|entry| layout::is_ours(&entry.name));
    for entry in files.take(FILES) {
        let Ok((_, whole)) = read_whole_footer(&entry.path) else { continue };
        let encodings = entry_of(&whole, "encodings").unwrap_or_default();
        let encodings: BTreeMap<String, String> = serde_json::from_str(&encodings).unwrap_or_default();
        for group in whole.row_groups() {
            for (name, bounds) in column_stats(std::iter::once(group)).0 {
                let fact = facts.entry(name.clone()).or_default();
                fact.bounds.extend(bounds.min.zip(bounds.max));
                let rows = group.num_rows();
                // Of a few rows everything is a dictionary.
                if rows >= ENOUGH {
                    fact.repeats =
                        encodings.get(&name).map(|encoding| encoding == "dictionary").or(fact.repeats);
                }
                fact.name = name;
            }
        }
    }
    // Amounts are compared, and seldom looked up.
    let columns = metadata.columns.iter().filter(|column| !column.arrow_type.starts_with("Decimal"));
    let known = columns.filter_map(|column| facts.remove(&column.name));
    Ok(known.collect())
}
