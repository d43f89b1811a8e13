//! The commits of a dataset, a line each, and what differs between two of its states.

use super::Tone;
use super::days::brief;
use super::text::escaped;
use crate::app::App;
use crate::app::message::Difference;
use crate::lake::CommitEntry;

/// Columns below which a line has no time and no rows.
const NARROW: usize = 72;
/// Columns from which on a line has all of it.
const WIDE: usize = 100;

/// A line a commit; the one of the cursor is marked.
pub(crate) fn commits(app: &App, at: usize, width: usize) -> Vec<(String, Tone)> {
    let history = match &app.commits.history {
        None => return vec![("reading the commits …".to_owned(), Tone::Live)],
        Some(Err(why)) => return why.lines().map(|line| (escaped(line), Tone::Warn)).collect(),
        Some(Ok(history)) => history,
    };
    let mut lines = Vec::new();
    for (n, commit) in history.commits.iter().enumerate() {
        let cursor = if n == at { '>' } else { ' ' };
        let tone = match (n == at, commit.pins.is_empty(), commit.held.name()) {
            (true, _, _) => Tone::Strong,
            (false, false, _) => Tone::Good,
            (false, true, "gone") => Tone::Dim,
            _ => Tone::Plain,
        };
        lines.push((format!("{cursor} {}", line(commit, history.current_version, width)), tone));
    }
    for pin in &history.pins {
        lines.push((escaped(&pin.sentence()), Tone::Good));
    }
    if history.older > 0 {
        lines.push((format!("{} older commits: `lakehand history` lists them", history.older), Tone::Dim));
    }
    if let Some(lacks) = &history.lacks {
        lines.push((format!("the list is not whole: {}", escaped(lacks)), Tone::Warn));
    }
    lines
}

fn line(commit: &CommitEntry, current: Option<u32>, width: usize) -> String {
    let number = commit.number().trim_start_matches('0');
    let kind = commit.kind.name();
    let state = escaped(&commit.state(current));
    if width < NARROW {
        return format!("{number:>4} {kind:<9} {state}");
    }
    if width < WIDE {
        let part =
            |sign: char, rows: u64| if rows > 0 { format!("{sign}{}", brief(rows)) } else { String::new() };
        let rows = format!("{} {}", part('+', commit.added.rows), part('-', commit.removed.rows));
        return format!("{number:>5} {}  {kind:<9} {rows:<11} {state}", commit.at.format("%m-%d %H:%M"));
    }
    let (at, rows, files) = (commit.at.format("%Y-%m-%d %H:%M:%S"), commit.rows_text(), commit.files_text());
    format!("{number:>6} {at}  {kind:<10} {rows:>21} {files:>9}  {state}")
}

/// What differs, as it was asked for.
pub(crate) fn difference(app: &App) -> Vec<(u16, String, Tone)> {
    let lines = match &app.commits.difference {
        None => return vec![(0, "comparing …".to_owned(), Tone::Live)],
        Some(Err(why)) => return why.lines().map(|line| (0, escaped(line), Tone::Warn)).collect(),
        Some(Ok(Difference::Commits(found))) => found.lines(),
        Some(Ok(Difference::Versions { found, may_show })) => {
            let mut lines = found.lines(*may_show);
            if !may_show && found.added + found.removed + found.changed > 0 {
                lines.push(
                    "the feed is restricted: `lakehand diff … --show-values` shows what the rows hold"
                        .to_owned(),
                );
            }
            lines
        }
    };
    let tone = |line: &str| match line.trim_start().split(' ').next() {
        Some("added" | "+") => Tone::Good,
        Some("removed" | "-") => Tone::Warn,
        Some("changed") => Tone::Live,
        _ => Tone::Plain,
    };
    lines
        .iter()
        .map(|line| {
            let text = line.trim_start();
            let indent = u16::try_from(line.len() - text.len()).unwrap_or(0);
            (indent, escaped(text), tone(line))
        })
        .collect()
}
