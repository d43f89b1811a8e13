//! `--json`: one object a line on standard output, and nothing else there.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::note::Note;
use super::{Exit, Report, Totals, stdout};
use crate::export::Event;
use crate::export::event::{Finished, Outcome, What};

pub(super) struct Json;

impl Report for Json {
    fn event(&mut self, event: &Event) {
        print_json(&object(event));
    }

    fn note(&mut self, note: &Note, now: DateTime<Utc>) {
        print_json(&json!({
            "time": now,
            "feed": note.feed,
            "event": "watch",
            "level": note.level.name(),
            "message": note.message,
            "what": note.what,
        }));
    }

    fn end(&mut self, totals: &Totals, exit: Exit) {
        print_json(&json!({
            "event": "summary",
            "done": totals.done,
            "skipped": totals.skipped,
            "failed": totals.failures.len(),
            "cancelled": totals.cancelled,
            "rows": totals.rows,
            "bytes_in": totals.bytes_in,
            "bytes_out": totals.bytes_out,
            "quarantined": totals.quarantined,
            "lost": totals.lost,
            "seconds": totals.elapsed.as_secs_f64(),
            "exit": exit.code(),
        }));
    }
}

/// One object on standard output. One that cannot be printed does not end the export; it does end the process with
/// another code than 0.
pub fn print_json(value: &Value) {
    stdout::print_record(&value.to_string());
}

fn object(event: &Event) -> Value {
    let mut fields = Map::new();
    fields.insert("time".into(), json!(event.time));
    fields.insert("feed".into(), json!(event.feed()));
    let (name, more) = match &event.what {
        What::Queued { trigger } => ("queued", json!({ "trigger": trigger.name() })),
        What::Started { run, .. } => ("started", json!({ "run": run })),
        What::Recovered { text } => ("recovered", json!({ "text": text })),
        What::Planned { text, expected } => ("planned", json!({ "text": text, "expected": expected })),
        What::Compared { text, differs } => ("compared", json!({ "text": text, "differs": differs })),
        What::Published { catalogue, text } => ("published", json!({ "catalogue": catalogue, "text": text })),
        What::NotPublished { catalogue, text } => {
            ("warning", json!({ "catalogue": catalogue, "text": text }))
        }
        What::Warned { text } => ("warning", json!({ "text": text })),
        What::Columns { changes, text } => ("columns", json!({ "changes": changes, "text": text })),
        What::Committed { facts, rows, bytes, files } => {
            let facts: Map<_, _> = facts.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            ("committed", json!({ "rows": rows, "bytes": bytes, "files": files, "facts": facts }))
        }
        What::Moved { text, facts } => {
            let facts: Map<_, _> = facts.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            ("moved", json!({ "text": text, "facts": facts }))
        }
        What::Paused { peer, error, at_most } => (
            "paused",
            json!({
                "waits_for": peer.name(),
                "since": event.time,
                "at_most_seconds": at_most.map(|time| time.as_secs_f64()),
                "class": error.kind().name(),
                "error": error.to_string(),
            }),
        ),
        What::Resumed { peer, lasted } => {
            ("resumed", json!({ "waited_for": peer.name(), "seconds": lasted.as_secs_f64() }))
        }
        What::Retrying { attempt, wait, error } => (
            "retrying",
            json!({
                "attempt": attempt,
                "wait_seconds": wait.as_secs_f64(),
                "class": error.kind().name(),
                "error": error.to_string(),
            }),
        ),
        What::Finished(finished) => ("finished", finished_fields(finished)),
    };
    fields.insert("event".into(), json!(name));
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}

fn finished_fields(finished: &Finished) -> Value {
    let counters = &finished.counters;
    let mut fields = json!({
        "rows": counters.committed,
        "bytes_in": counters.bytes_in,
        "quarantined": counters.quarantined,
        "without_row": counters.without_row,
        "lost": counters.lost,
        "duplicates": counters.duplicates,
        "seconds": finished.elapsed.as_secs_f64(),
    });
    let outcome = match &finished.outcome {
        Outcome::Done { text } => json!({ "outcome": "done", "text": text }),
        Outcome::Skipped { text } => json!({ "outcome": "skipped", "text": text }),
        Outcome::Cancelled => json!({ "outcome": "cancelled" }),
        Outcome::Failed(error) => {
            json!({ "outcome": "failed", "class": error.kind().name(), "error": error.to_string() })
        }
    };
    if let (Value::Object(fields), Value::Object(outcome)) = (&mut fields, outcome) {
        fields.extend(outcome);
    }
    fields
}
