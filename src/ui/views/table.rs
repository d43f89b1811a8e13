//! A list with columns: title, heads, rows, and below them about the row of the cursor.

use ratatui::layout::Rect;

use crate::app::Target;
use crate::app::view::{Cell, Head, Order, Row, TableView};
use crate::ui::canvas::{Canvas, below, columns, from_left, row};
use crate::ui::layout::Form;
use crate::ui::text::clip_middle;
use crate::ui::theme::Role;
use crate::ui::widgets::meter::{bar, gauge, sparkline};
use crate::ui::widgets::rule::rule;
use crate::ui::widgets::scroll::scroll;
use crate::ui::widgets::table::{Column, Slot, cell, fit, heads, put};

/// Columns before the first: the cursor and the mark.
const GUTTER: u16 = 2;

/// Lines that a table keeps below its rows, the rule above them included: also when it has nothing to say there, so
/// that the rows do not move with the cursor.
fn about_lines(form: Form) -> u16 {
    match form {
        Form::Full => 4,
        Form::Compact => 1,
        Form::Tiny => 0,
    }
}

/// Rows that a table shows in an area.
pub fn rows(area: Rect, form: Form) -> usize {
    usize::from(area.height.saturating_sub(2 + about_lines(form)))
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, view: &TableView) {
    title(canvas, row(area, 0), view);
    let body = Rect { height: u16::try_from(rows(area, form)).unwrap_or(0), ..below(area, 2) };
    if view.rows.is_empty() {
        super::empty(canvas, body, &view.empty);
        return;
    }
    let room = from_left(body, GUTTER);
    let room = Rect { width: room.width.saturating_sub(2), ..room };
    let gap = if form == Form::Full { 2 } else { 1 };
    let mut all: Vec<Column> = view.heads.iter().map(column).collect();
    if let Some(names) = all.first_mut() {
        // Rows are told apart by it: it is seen whole where that is possible.
        names.want =
            view.rows.iter().filter_map(|r| r.cells.first()).map(|c| columns(&c.text)).max().unwrap_or(0);
        // Beside another column that grows it takes no more than that.
        let alone = view.heads.iter().filter(|h| h.fill).count() == usize::from(view.heads[0].fill);
        names.max = if alone { u16::MAX } else { names.want.max(names.min) };
    }
    let slots = fit(&all, room.width, gap);
    let sort = view.heads.iter().position(|h| h.sorted.is_some());
    let sort = sort.and_then(|i| Some((i, view.heads.get(i)?.sorted? == Order::Down)));
    let head = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1).min(1), ..room };
    heads(canvas, head, &all, &slots, sort);
    for slot in &slots {
        canvas.hit(cell(head, *slot), Target::Column(slot.index));
    }
    for (n, item) in (0..body.height).zip(&view.rows) {
        let line = row(body, n);
        draw_row(canvas, line, item, &all, &slots);
        canvas.hit(line, Target::Row(view.first + usize::from(n)));
    }
    let track = from_left(body, body.width.saturating_sub(1));
    scroll(canvas, track, view.shown, view.first, view.rows.len());
    about(canvas, below(area, 2 + body.height), form, &view.about);
}

fn title(canvas: &mut Canvas<'_>, area: Rect, view: &TableView) {
    let mut notes = Vec::new();
    if view.marked > 0 {
        notes.push((format!("{} marked", view.marked), Role::Marked));
    }
    if !view.filter.is_empty() {
        notes.push((format!("/{}", view.filter), Role::Match));
    }
    if view.shown < view.total {
        notes.push((format!("{} of {}", view.shown, view.total), Role::Dim));
    }
    rule(canvas, area, &view.title, &notes);
}

fn column(head: &Head) -> Column {
    Column {
        head: head.title,
        min: head.width,
        want: head.width,
        max: if head.fill { u16::MAX } else { head.width },
        right: head.right,
        rank: head.rank,
    }
}

fn draw_row(canvas: &mut Canvas<'_>, line: Rect, item: &Row, all: &[Column], slots: &[Slot]) {
    for slot in slots {
        let Some(value) = item.cells.get(slot.index) else { continue };
        let place = cell(from_left(line, GUTTER), *slot);
        if slot.index == 0 && value.sign.is_none() && value.gauge.is_none() {
            // Names begin alike and end differently.
            let ellipsis = canvas.glyphs().ellipsis;
            let name =
                Cell { text: clip_middle(&value.text, usize::from(place.width), ellipsis), ..value.clone() };
            draw_cell(canvas, place, &name, false, item.marked);
        } else {
            draw_cell(canvas, place, value, all[slot.index].right, item.marked);
        }
    }
    let [cursor, mark] = [canvas.glyphs().cursor, canvas.glyphs().mark];
    if item.marked {
        canvas.put(from_left(Rect { width: 2, ..line }, 1), &mark.to_string(), Role::Marked);
    }
    if item.cursor {
        // The last column belongs to the scroll indicator.
        canvas.tint(Rect { width: line.width.saturating_sub(1), ..line }, Role::Selected);
        canvas.put(Rect { width: 1, ..line }, &cursor.to_string(), Role::Selected);
    }
}

/// Draws a value: its sign and text, with a bar before the text where there is room, or a history.
pub(super) fn draw_cell(canvas: &mut Canvas<'_>, area: Rect, value: &Cell, right: bool, marked: bool) {
    if !value.spark.is_empty() {
        sparkline(canvas, area, &value.spark, Role::Bar);
        return;
    }
    let role = if marked && Role::from(value.tone) == Role::Text { Role::Marked } else { value.tone.into() };
    let content = match value.sign {
        Some(sign) if value.text.is_empty() => canvas.glyphs().sign(sign).to_string(),
        Some(sign) => format!("{} {}", canvas.glyphs().sign(sign), value.text),
        None => value.text.clone(),
    };
    let Some(fraction) = value.gauge else {
        put(canvas, area, &content, right, role);
        return;
    };
    if content.is_empty() {
        // Longer than this, lengths are not compared any better.
        bar(canvas, Rect { width: area.width.min(48), ..area }, fraction, Role::Bar);
        return;
    }
    // A gauge is worth its room from four columns on.
    let spare = area.width.saturating_sub(columns(&content) + 1);
    if spare >= 4 {
        let wide = spare.min(12);
        gauge(canvas, Rect { width: wide, ..area }, fraction, Role::Bar);
        put(canvas, from_left(area, wide + 1), &content, right, role);
    } else {
        put(canvas, area, &content, right, role);
    }
}

fn about(canvas: &mut Canvas<'_>, area: Rect, form: Form, lines: &[Cell]) {
    if lines.is_empty() || area.is_empty() {
        return;
    }
    let mut rest = area;
    if form == Form::Full {
        rule(canvas, row(area, 0), "", &[]);
        rest = below(area, 1);
    }
    let room = from_left(rest, GUTTER);
    for (n, line) in (0..rest.height).zip(lines) {
        draw_cell(canvas, row(room, n), line, false, false);
    }
}
