//! The text of a sheet: a day, the findings of checks, the worst first, or the commits of a dataset; wrapped to the width that is seen.

use super::text::{self, ago, count, escaped, one_line};
use super::{Tone, days, history};
use crate::app::App;
use crate::app::overlays::{Overlay, Sheet};
use crate::app::tabs::checks::Checked;
use crate::lake::verify::{Finding, Severity};

/// A window over the lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SheetView {
    /// What it is about.
    pub title: String,
    /// The lines of the window.
    pub lines: Vec<(String, Tone)>,
    /// Index of the first.
    pub first: usize,
    /// Lines in all.
    pub total: usize,
}

/// Columns and lines of a sheet's inside on a terminal of a size.
pub fn room(size: (u16, u16)) -> (usize, usize) {
    let (width, height) = size;
    let full = width >= 80 && height >= 24;
    let box_width = if full { width.saturating_sub(4).min(112) } else { width };
    let view = height.saturating_sub(3);
    let box_height = if full { view.saturating_sub(2) } else { view };
    (usize::from(box_width.saturating_sub(4)), usize::from(box_height.saturating_sub(2)).max(1))
}

/// The window of the sheet in front; `None` when there is none.
pub fn sheet(app: &App, size: (u16, u16)) -> Option<SheetView> {
    let Some(Overlay::Sheet(sheet)) = &app.overlay else { return None };
    let (width, height) = room(size);
    let lines = lines(app, sheet, width);
    let first = sheet.top().min(lines.len().saturating_sub(height));
    let title = match sheet {
        Sheet::Day { folder, .. } => {
            format!("{} / {folder}", escaped(app.partitions.feed.as_deref().unwrap_or("-")))
        }
        Sheet::History { .. } => format!("History of {}", escaped(&app.commits.feed)),
        Sheet::Difference { .. } => {
            let (from, to) = &app.commits.compared;
            format!("{}: {} to {}", escaped(&app.commits.feed), escaped(from), escaped(to))
        }
        Sheet::Check { feeds, .. } => match feeds.as_slice() {
            [one] => format!("Check of {}", escaped(one)),
            many => {
                let over =
                    many.iter().filter(|feed| app.checks.get(*feed).is_some_and(|c| c.running.is_none()));
                format!("Check of {} datasets, {} done", many.len(), over.count())
            }
        },
    };
    let total = lines.len();
    Some(SheetView { title, lines: lines.into_iter().skip(first).take(height).collect(), first, total })
}

/// All lines of a sheet.
pub(crate) fn lines(app: &App, sheet: &Sheet, width: usize) -> Vec<(String, Tone)> {
    let paragraphs = match sheet {
        Sheet::Day { folder, .. } => days::whole(app, folder),
        Sheet::Check { feeds, .. } => findings(app, feeds),
        // A line a commit: they are cut, and not wrapped.
        Sheet::History { at, .. } => return history::commits(app, *at, width),
        Sheet::Difference { .. } => history::difference(app),
    };
    let mut lines = Vec::new();
    for (indent, text, tone) in paragraphs {
        for line in wrapped(&text, width.saturating_sub(usize::from(indent)).max(8)) {
            lines.push((format!("{}{line}", " ".repeat(usize::from(indent))), tone));
        }
    }
    lines
}

fn findings(app: &App, feeds: &[String]) -> Vec<(u16, String, Tone)> {
    let mut known: Vec<(&String, &Checked)> =
        feeds.iter().filter_map(|feed| Some((feed, app.checks.get(feed)?))).collect();
    let worst = |checked: &Checked| {
        let failed = matches!(checked.report, Some(Err(_)));
        (!failed, usize::MAX - checked.damage(), usize::MAX - checked.of(Severity::Leftover))
    };
    known.sort_by_key(|(feed, checked)| (worst(checked), (*feed).clone()));
    let mut lines = Vec::new();
    for (feed, checked) in known {
        if !lines.is_empty() {
            lines.push((0, String::new(), Tone::Plain));
        }
        one(app, feed, checked, &mut lines);
    }
    lines
}

fn one(app: &App, feed: &str, checked: &Checked, lines: &mut Vec<(u16, String, Tone)>) {
    let feed = escaped(feed);
    if let Some((since, repair)) = checked.running {
        let word = if repair { "repairing" } else { "checking" };
        let seconds = (app.now - since).num_seconds().max(0);
        lines.push((0, format!("{feed}: {word} … {seconds} s; x stops it"), Tone::Live));
        return;
    }
    let at = checked.at.map_or(String::new(), |at| ago(at, app.now));
    let deep = if checked.deep { ", every row read" } else { ", by the footers" };
    let report = match &checked.report {
        None => {
            lines.push((0, format!("{feed}: not checked"), Tone::Dim));
            return;
        }
        Some(Err(error)) => {
            lines.push((0, format!("{feed}: could not be checked"), Tone::Bad));
            lines.push((2, one_line(error), Tone::Bad));
            return;
        }
        Some(Ok(report)) => report,
    };
    let (damage, leftovers, notes) =
        (checked.damage(), checked.of(Severity::Leftover), checked.of(Severity::Note));
    let (word, tone) = match (damage, leftovers) {
        (0, 0) => ("sound".to_owned(), Tone::Good),
        (0, left) => (format!("sound, {left} left over"), Tone::Warn),
        (damage, 0) => (format!("DAMAGED: {}", text::findings(damage)), Tone::Bad),
        (damage, left) => (format!("DAMAGED: {}, {left} left over", text::findings(damage)), Tone::Bad),
    };
    let notes = match notes {
        0 => String::new(),
        1 => ", 1 note".to_owned(),
        notes => format!(", {notes} notes"),
    };
    lines.push((0, format!("{feed}: {word}{notes}"), tone));
    if let Some(refused) = &checked.refused {
        lines.push((2, format!("not repaired: {}", one_line(&refused.what)), Tone::Warn));
        lines.push((4, "r asks for your consent".to_owned(), Tone::Live));
    }
    let text = format!("{} rows in {}, {at}{deep}", count(report.rows), text::files(report.files));
    lines.push((2, text, Tone::Dim));
    if let Some(why) = &report.unlocked {
        let text = format!(
            "looked at without its lock ({}): a commit under way may look like damage",
            one_line(why)
        );
        lines.push((2, text, Tone::Warn));
    }
    for finding in &checked.mended {
        let repair = finding.repair.as_ref().map_or(String::new(), |repair| format!(": {repair}"));
        lines.push((2, format!("repaired: {}{}", head(finding), one_line(&repair)), Tone::Good));
    }
    for finding in &report.findings {
        let tone = match finding.severity {
            Severity::Damage => Tone::Bad,
            Severity::Leftover => Tone::Warn,
            Severity::Note => Tone::Plain,
        };
        lines.push((2, format!("{}: {}", finding.severity.name(), head(finding)), tone));
        lines.push((4, one_line(&finding.what), Tone::Plain));
        if let Some(repair) = &finding.repair {
            lines.push((4, format!("r would {}", one_line(&repair.to_string())), Tone::Live));
        } else if finding.severity != Severity::Note {
            lines.push((4, "only a person can mend it".to_owned(), Tone::Warn));
        }
    }
}

/// The last check of a feed in a line; `None` when there was none.
pub(crate) fn checked_text(app: &App, feed: &str) -> Option<(String, Tone)> {
    let checked = app.checks.get(feed)?;
    if checked.running.is_some() {
        return Some(("its dataset is being checked …".to_owned(), Tone::Live));
    }
    let at = checked.at.map_or(String::new(), |at| ago(at, app.now));
    Some(match (&checked.report, checked.damage()) {
        (None, _) => return None,
        (Some(Err(error)), _) => (format!("could not be checked, {at}: {}", one_line(error)), Tone::Warn),
        (Some(Ok(_)), 0) => (format!("checked {at}: sound"), Tone::Good),
        (Some(Ok(_)), damage) => (
            format!("checked {at}: damaged, {}; C shows and repairs them", text::findings(damage)),
            Tone::Bad,
        ),
    })
}

/// `unreadable in year=2025/…`
fn head(finding: &Finding) -> String {
    if finding.path.is_empty() {
        return finding.kind.name().to_owned();
    }
    format!("{} in {}", finding.kind.name(), escaped(&finding.path))
}

/// Lines of at most `width` characters, broken at spaces where there are any.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() <= width {
            line.push(' ');
            used += 1;
        } else if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        used += word.len();
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("a 0123456789 b", 4), ["a", "0123", "4567", "89 b"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
