//! The log: a line a record, or several where long lines are broken; what a search found stands out.

use std::ops::Range;

use ratatui::layout::Rect;

use crate::app::Target;
use crate::app::view::{LogLine, LogsView};
use crate::log::Level;
use crate::ui::canvas::{Canvas, below, columns, from_left, row};
use crate::ui::layout::Form;
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::rule::rule;
use crate::ui::widgets::scroll::scroll;

/// Lines that are seen in an area.
pub fn rows(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(1))
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, view: &LogsView) {
    let follows = if view.following { ("following", Role::Good) } else { ("holding still", Role::Badge) };
    let mut notes = vec![(follows.0.to_owned(), follows.1)];
    if view.below > 0 {
        notes.push((format!("{} new below", view.below), Role::Warn));
    }
    rule(canvas, row(area, 0), &view.title, &notes);
    let body = below(area, 1);
    if view.lines.is_empty() {
        super::empty(canvas, body, &view.empty);
        return;
    }
    let room = Rect { width: body.width.saturating_sub(2), ..body };
    let feed = if form == Form::Full { feed_width(view, room.width) } else { 0 };
    let lines: Vec<Vec<Range<usize>>> =
        view.lines.iter().map(|line| pieces(line, view, room.width, feed)).collect();
    let mut y = 0;
    for (index, (line, pieces)) in
        view.lines.iter().zip(&lines).enumerate().skip(hidden(view, &lines, body.height))
    {
        let place = below(room, y);
        let high = u16::try_from(pieces.len()).unwrap_or(u16::MAX).min(place.height);
        draw_line(canvas, Rect { height: high, ..place }, line, pieces, feed);
        canvas.hit(Rect { height: high, ..place }, Target::Row(view.first + index));
        y = y.saturating_add(high);
        if y >= body.height {
            break;
        }
    }
    scroll(canvas, from_left(body, body.width.saturating_sub(1)), view.shown, view.first, view.lines.len());
}

/// Records at the top that are left out, so that the one of the cursor has room when long lines are broken.
fn hidden(view: &LogsView, lines: &[Vec<Range<usize>>], height: u16) -> usize {
    let at = view.lines.iter().position(|line| line.cursor).unwrap_or(0);
    let mut used = 0;
    let needed = |n: usize| lines.get(n).map_or(0, Vec::len);
    for n in (0..=at).rev() {
        used += needed(n);
        if used > usize::from(height) {
            return (n + 1).min(at);
        }
    }
    0
}

/// Columns for the feed's name: as the longest that is seen, up to a quarter.
fn feed_width(view: &LogsView, width: u16) -> u16 {
    view.lines.iter().map(|line| columns(&line.feed)).max().unwrap_or(0).min(width / 4)
}

/// Columns before the text.
fn before(line: &LogLine, feed: u16) -> u16 {
    // The cursor's sign, the time, the level's five letters, the feed, each with a gap.
    let feed = if feed > 0 { feed + 1 } else { 0 };
    1 + columns(&line.time) + 1 + 5 + 1 + feed
}

/// The parts of a record's text, one a line of the screen.
fn pieces(line: &LogLine, view: &LogsView, width: u16, feed: u16) -> Vec<Range<usize>> {
    let all = line.text.len();
    if !view.wrap {
        return std::iter::once(all - text::skip(&line.text, view.shift).len()..all).collect();
    }
    let width = usize::from(width.saturating_sub(before(line, feed))).max(8);
    let mut found = Vec::new();
    let mut at = 0;
    for piece in text::wrap(&line.text, width) {
        // Only spaces between pieces were left out.
        let start = line.text.get(at..).and_then(|rest| rest.find(&piece)).map_or(at, |n| at + n);
        at = (start + piece.len()).min(all);
        found.push(start.min(all)..at);
    }
    found
}

fn draw_line(canvas: &mut Canvas<'_>, area: Rect, line: &LogLine, pieces: &[Range<usize>], feed: u16) {
    let (word, role) = match line.level {
        Level::Debug => ("DEBUG", Role::Dim),
        Level::Info => ("INFO", Role::Text),
        Level::Warn => ("WARN", Role::Warn),
        Level::Error => ("ERROR", Role::Bad),
    };
    let first = row(area, 0);
    let mut used = 1;
    used += canvas.put(from_left(first, used), &line.time, Role::Dim) + 1;
    canvas.put(from_left(first, used), word, role);
    used += 6;
    if feed > 0 {
        let place = from_left(first, used);
        canvas.put(Rect { width: place.width.min(feed), ..place }, &line.feed, Role::Title);
    }
    let indent = before(line, feed);
    let places = || (0..area.height).map(|n| from_left(row(area, n), indent)).zip(pieces);
    for (place, piece) in places() {
        canvas.put(place, line.text.get(piece.clone()).unwrap_or_default(), Role::Text);
    }
    if line.cursor {
        canvas.tint(area, Role::Selected);
        let sign = canvas.glyphs().cursor.to_string();
        canvas.put(Rect { width: 1, ..first }, &sign, Role::Selected);
    }
    for (place, piece) in places() {
        let shown = line.text.get(piece.clone()).unwrap_or_default();
        for found in &line.matches {
            highlight(canvas, place, shown, piece, found);
        }
    }
}

/// Lays the look of a match over the part of `found` that is in `piece`.
fn highlight(canvas: &mut Canvas<'_>, place: Rect, shown: &str, piece: &Range<usize>, found: &Range<usize>) {
    let start = found.start.max(piece.start).saturating_sub(piece.start);
    let end = found.end.min(piece.end).saturating_sub(piece.start);
    let (Some(before), Some(inside)) = (shown.get(..start), shown.get(start..end)) else { return };
    let place = from_left(place, columns(before));
    canvas.tint(
        Rect { width: place.width.min(columns(inside)), height: place.height.min(1), ..place },
        Role::Match,
    );
}
