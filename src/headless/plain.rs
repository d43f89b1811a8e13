//! Plain lines for pipes and cron, and the texts that the progress bars print above themselves.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::note::Note;
use super::{Exit, Report, Totals, stdout};
use crate::export::Event;
use crate::export::event::{Finished, Outcome, What};
use crate::log::{Level, escape_controls};

pub(super) struct Plain;

impl Report for Plain {
    fn event(&mut self, event: &Event) {
        if let Some(line) = line(event) {
            let time = event.time.format("%H:%M:%S");
            stdout::print_line(&format!("{time} {line}"));
        }
    }

    fn note(&mut self, note: &Note, now: DateTime<Utc>) {
        stdout::print_line(&format!("{} {}", now.format("%H:%M:%S"), note_line(note)));
    }

    fn end(&mut self, totals: &Totals, exit: Exit) {
        stdout::print_line(&summary(totals, exit));
    }
}

/// What an operator reads of an event; `None` for what only machines need.
pub(super) fn line(event: &Event) -> Option<String> {
    let text = match &event.what {
        What::Queued { .. } | What::Started { .. } => return None,
        What::Recovered { text } => format!("recovered: {text}"),
        What::Planned { text, .. } => format!("reading {text}"),
        What::Published { catalogue, text } => format!("{catalogue}: {text}"),
        What::Compared { text, .. } => format!("Kafka compared with ksqlDB: {text}"),
        What::Warned { text } | What::NotPublished { text, .. } | What::Columns { text, .. } => {
            format!("note: {text}")
        }
        What::Committed { rows, bytes, files, .. } => {
            format!("committed {} rows in {files} files, {}", thousands(*rows), size(*bytes))
        }
        What::Moved { text, .. } => text.clone(),
        What::Retrying { attempt, wait, error } => {
            format!("attempt {attempt} failed, next in {}: {error}", seconds(*wait))
        }
        What::Paused { peer, error, at_most } => {
            let at_most = at_most.map_or(String::new(), |time| format!(", at most {}", seconds(time)));
            format!("waiting for the {}{at_most}: {error}", peer.name())
        }
        What::Resumed { peer, lasted } => {
            let (name, verb) = (peer.name(), peer.verb());
            format!("the {name} {verb} there again after {}: the exports go on", seconds(*lasted))
        }
        What::Finished(finished) => outcome(finished, &event.feed),
    };
    Some(escape_controls(&format!("{:<32} {text}", event.feed().unwrap_or("-"))).into_owned())
}

/// What an operator reads of a note.
pub(super) fn note_line(note: &Note) -> String {
    let feed = note.feed.as_deref().unwrap_or("-");
    let message =
        if note.level == Level::Error { note.message.to_uppercase() } else { note.message.to_owned() };
    let colon = if note.what.is_empty() { "" } else { ": " };
    escape_controls(&format!("{feed:<32} {message}{colon}{}", note.what)).into_owned()
}

fn outcome(finished: &Finished, feed: &str) -> String {
    let counters = &finished.counters;
    match &finished.outcome {
        Outcome::Done { text } => {
            let mut line = format!("done in {}: {text}", seconds(finished.elapsed));
            if counters.committed > 0 {
                let rate = counters.committed as f64 / finished.elapsed.as_secs_f64().max(0.001);
                line += &format!(" ({} rows, {rate:.0} rows/s)", thousands(counters.committed));
            }
            if counters.quarantined > 0 {
                line += &format!("; {} rows in quarantine", counters.quarantined);
            }
            if counters.lost > 0 {
                let lost = thousands(counters.lost);
                line += &format!("; {lost} records are known to be lost: `lakehand feeds show {feed}`");
            }
            line
        }
        Outcome::Skipped { text } => format!("skipped: {text}"),
        Outcome::Cancelled => {
            format!("stopped; {} rows of this run are committed", thousands(counters.committed))
        }
        Outcome::Failed(error) => format!("FAILED: {error}"),
    }
}

/// The last line.
pub(super) fn summary(totals: &Totals, exit: Exit) -> String {
    let mut line = format!("{} done", totals.done);
    for (count, word) in
        [(totals.skipped, "skipped"), (totals.failures.len(), "failed"), (totals.cancelled, "stopped")]
    {
        if count > 0 {
            line += &format!(", {count} {word}");
        }
    }
    line += &format!(
        ": {} rows exported in {}, {} received, {} written",
        thousands(totals.rows),
        seconds(totals.elapsed),
        size(totals.bytes_in),
        size(totals.bytes_out)
    );
    if let Some(saved) = saved(totals) {
        line += &format!(" ({saved:.0} % saved)");
    }
    if exit != Exit::Done {
        line += &format!("; exit {}", exit.code());
    }
    line
}

/// How much smaller the files are than what came, in percent. A few rows take more room in Parquet than on the wire: there is
/// nothing to boast of then.
fn saved(totals: &Totals) -> Option<f64> {
    let saved =
        totals.bytes_in.checked_sub(totals.bytes_out).filter(|saved| *saved > 0 && totals.bytes_out > 0)?;
    Some(100.0 * saved as f64 / totals.bytes_in as f64)
}

/// `1,234,567`
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 MiB`
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `4.2 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Progress;
    use crate::export::progress::Snapshot;

    proptest::proptest! {
        #[test]
        fn no_figure_is_negative_or_no_number(rows in 0_u64.., bytes_in in 0_u64.., bytes_out in 0_u64.., nanos in 0_u64..) {
            for (bytes_in, bytes_out) in [(bytes_in, bytes_out), (0, bytes_out), (bytes_in, 0), (1000, 6080)] {
                let elapsed = Duration::from_nanos(nanos);
                let totals = Totals { rows, bytes_in, bytes_out, elapsed, ..Totals::default() };
                let counters = Snapshot { committed: rows, ..Progress::default().snapshot() };
                let done = Outcome::Done { text: String::new() };
                for line in [summary(&totals, Exit::Done), outcome(&Finished { outcome: done, counters, elapsed }, "f")] {
                    proptest::prop_assert!(!line.contains('-') && !line.contains("NaN") && !line.contains("inf"), "{}", line);
                }
                proptest::prop_assert!(saved(&totals).is_none_or(|saved| (0.0..=100.0).contains(&saved)));
            }
        }
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!([thousands(0), thousands(999), thousands(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([size(1023), size(1536), size(5 << 30)], ["1023 B", "1.5 KiB", "5.0 GiB"]);
    }
}
