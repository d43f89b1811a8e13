//! Progress bars for a terminal: one line per running export, finished ones scroll up as plain lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::gauge::Counted;
use super::note::Note;
use super::plain::{self, size, thousands};
use super::{Exit, Report, Totals};
use crate::export::event::What;
use crate::export::{Event, Progress};
use crate::log::escape_controls;

pub(super) struct Bars {
    all: MultiProgress,
    running: BTreeMap<String, (ProgressBar, Arc<Progress>)>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { all: MultiProgress::new(), running: BTreeMap::new() }
    }

    fn say(&self, line: &str) {
        // A terminal that is gone ends the printing, not the export.
        let _ = self.all.println(line);
    }
}

impl Report for Bars {
    fn event(&mut self, event: &Event) {
        match &event.what {
            What::Started { progress, .. } => {
                let bar = self.all.add(ProgressBar::no_length());
                bar.set_style(spinner());
                bar.set_prefix(escape_controls(&event.feed).into_owned());
                bar.enable_steady_tick(Duration::from_millis(250));
                self.running.insert(event.feed.clone(), (bar, progress.clone()));
            }
            What::Planned { expected: Some(rows), .. } if *rows > 0 => {
                if let Some((bar, _)) = self.running.get(&event.feed) {
                    bar.set_length(*rows);
                    bar.set_style(gauge(Counted::Rows));
                }
            }
            What::Finished(_) => {
                if let Some((bar, _)) = self.running.remove(&event.feed) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
        let shown_by_the_bar = matches!(event.what, What::Planned { .. } | What::Committed { .. });
        if let Some(line) = plain::line(event).filter(|_| !shown_by_the_bar) {
            self.say(&line);
        }
    }

    fn note(&mut self, note: &Note, _: DateTime<Utc>) {
        self.say(&plain::note_line(note));
    }

    fn tick(&mut self) {
        for (bar, progress) in self.running.values() {
            let now = progress.snapshot();
            bar.set_position(now.rows + now.quarantined);
            bar.set_message(format!(
                "{} {} rows, {} in, {} out",
                now.stage.name(),
                thousands(now.rows),
                size(now.bytes_in),
                size(now.bytes_out)
            ));
        }
    }

    fn end(&mut self, totals: &Totals, exit: Exit) {
        self.say(&plain::summary(totals, exit));
    }
}

fn spinner() -> ProgressStyle {
    style("{prefix:<32} {spinner} {wide_msg}")
}

pub(super) fn gauge(counted: Counted) -> ProgressStyle {
    match counted {
        Counted::Rows => style("{prefix:<32} {bar:20} {percent:>3}% {wide_msg} {per_sec}"),
        Counted::Bytes => style(
            "{prefix:<32} {bar:20} {percent:>3}% {wide_msg} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left",
        ),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
