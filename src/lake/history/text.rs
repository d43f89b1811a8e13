//! Commits and differences in words, as the command line and the screen show them.

use std::collections::BTreeMap;

use super::{CommitEntry, CommitsDiff, Held, VersionsDiff};

/// Ranges of offsets that a line lists.
const LISTED: usize = 6;

impl CommitEntry {
    /// The commit's number, as its id has it.
    pub fn number(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    /// Rows that came and went: `+5 -2`.
    pub fn rows_text(&self) -> String {
        came_and_went(self.added.rows, self.removed.rows)
    }

    /// Files that came and went.
    pub fn files_text(&self) -> String {
        came_and_went(self.added.files, self.removed.files)
    }

    /// What of it is there, in words; `current` is the table's current version.
    pub fn state(&self, current: Option<u32>) -> String {
        let mut words = Vec::new();
        if let Some(version) = self.version {
            let is_current = current == Some(version);
            words.push(format!("v{version}{}", if is_current { " current" } else { "" }));
        }
        let Held { data, bin, log, files } = self.held;
        match self.held.name() {
            "-" => {}
            "data" if self.version.is_some() => {}
            "data" => words.push("in the data".to_owned()),
            "bin" => words.push("in the bin".to_owned()),
            "log" => words.push("in the log alone".to_owned()),
            "gone" => words.push("gone".to_owned()),
            _ => {
                let gone = files.saturating_sub(data + bin + log);
                let counts =
                    [(data, "in the data"), (bin, "in the bin"), (log, "in the log alone"), (gone, "gone")];
                let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
                words.push(format!("of {files} files {}", counts.collect::<Vec<_>>().join(", ")));
            }
        }
        if !self.pins.is_empty() {
            words.push(format!("pinned: {}", self.pins.join(", ")));
        }
        if !self.in_bin.is_empty() && self.version.is_none() {
            words.push("can be undone".to_owned());
        }
        if let Some(log) = self.log {
            let gone = if log.is_readable { "" } else { " is gone" };
            words.push(format!("Delta {}{gone}", log.version));
        }
        words.join("; ")
    }
}

/// `+5 -2`; nothing where nothing came or went.
fn came_and_went(came: u64, went: u64) -> String {
    let part = |sign: char, number: u64| (number > 0).then(|| format!("{sign}{number}"));
    part('+', came).into_iter().chain(part('-', went)).collect::<Vec<_>>().join(" ")
}

impl CommitsDiff {
    /// What differs, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for partition in &self.partitions {
            lines.push(format!(
                "{:<36} {:>18} rows {:>9} files",
                partition.partition,
                came_and_went(partition.added.rows, partition.removed.rows),
                came_and_went(partition.added.files, partition.removed.files)
            ));
            lines.extend(ranges('+', &partition.offsets_added));
            lines.extend(ranges('-', &partition.offsets_removed));
        }
        if self.partitions.is_empty() {
            lines.push("they hold the same files".to_owned());
        }
        lines
    }
}

fn ranges(sign: char, offsets: &BTreeMap<i32, Vec<[i64; 2]>>) -> Vec<String> {
    let line = |(kafka, ranges): (&i32, &Vec<[i64; 2]>)| {
        let listed: Vec<String> =
            ranges.iter().take(LISTED).map(|[first, last]| format!("{first}..={last}")).collect();
        let more = ranges.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more ranges") } else { String::new() };
        format!("    {sign} Kafka partition {kafka}: offsets {}{more}", listed.join(", "))
    };
    offsets.iter().map(line).collect()
}

impl VersionsDiff {
    /// What differs, a line each; values of rows only where they `may_show`.
    pub fn lines(&self, may_show: bool) -> Vec<String> {
        let mut lines = vec![format!(
            "{} rows added, {} removed, {} changed, {} the same; by {}",
            self.added,
            self.removed,
            self.changed,
            self.same,
            self.key.join(", ")
        )];
        lines.extend(self.columns.iter().map(|column| format!("  not compared: column {column}")));
        if self.doubled > 0 {
            lines.push(format!(
                "  {} keys came more than once: their rows were compared together",
                self.doubled
            ));
        }
        let shown = |value: &Option<String>| match value {
            _ if !may_show => "…".to_owned(),
            Some(value) => value.clone(),
            None => "null".to_owned(),
        };
        for change in &self.changes {
            let key: Vec<String> = change.key.iter().map(shown).collect();
            lines.push(format!("{} {}", change.kind.name(), key.join(", ")));
            let values = change.values.iter();
            lines.extend(values.map(|v| format!("    {}: {} -> {}", v.column, shown(&v.old), shown(&v.new))));
        }
        let all = self.added + self.removed + self.changed;
        if all > self.changes.len() as u64 {
            lines.push(format!("{} of {all} rows that differ are shown", self.changes.len()));
        }
        lines
    }
}
