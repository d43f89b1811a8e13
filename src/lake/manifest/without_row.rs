//! Offsets that were read and gave no row. Nobody has to be at fault: a marker of a transaction takes an offset too.

use std::collections::BTreeMap;

use crate::lake::manifest::metadata::Metadata;

/// How many offsets gave no row, by the way of reading.
pub type WithoutRow = BTreeMap<String, u64>;

/// `12 offsets gave no row: markers of transactions, …`
pub fn sentence(read_mode: &str, offsets: u64) -> String {
    let why = match read_mode {
        "kafka" => "markers of transactions, records that compaction removed, or records without a value",
        "idle" => {
            "markers of transactions, records that compaction or retention removed, or records that ksqlDB could not read"
        }
        _ => {
            "markers of transactions, records that compaction removed, or records that ksqlDB could not read"
        }
    };
    format!("{offsets} offsets gave no row: {why}")
}

impl Metadata {
    /// A sentence for each way of reading by which offsets gave no row.
    pub fn without_row(&self) -> impl Iterator<Item = String> + '_ {
        self.offsets_without_row
            .iter()
            .map(|(read_mode, offsets)| format!("read by {read_mode}, {}", sentence(read_mode, *offsets)))
    }

    pub(crate) fn note_without_row(&mut self, read_mode: &str, offsets: u64) {
        if offsets > 0 {
            let known = self.offsets_without_row.entry(read_mode.to_owned()).or_default();
            *known = known.saturating_add(offsets);
        }
    }
}
