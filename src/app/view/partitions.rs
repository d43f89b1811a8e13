//! The tables of datasets, of partitions and of files.

use super::text::{ago, count, escaped, one_line, size};
use super::{Cell, Head, Order, Row, Sign, TableView, Tone};
use crate::app::App;
use crate::app::message::FileInfo;
use crate::app::tabs::partitions::Item;
use crate::app::tiers::Place;

fn head(title: &'static str, right: bool, width: u16, fill: bool, rank: u8) -> Head {
    Head { title, right, width, fill, rank, sorted: None }
}

/// The datasets: the window of `height` rows.
pub fn datasets(app: &App, height: usize) -> TableView {
    let state = &app.partitions;
    let window = state.datasets.window(height);
    let first = window.start;
    let tiers = app.has_tiers();
    let largest = state.dataset_keys.iter().filter_map(|key| app.metadata(key));
    let largest =
        largest.map(|m| if state.bytes { m.total_bytes } else { m.total_records }).max().unwrap_or(0);
    let (mut bytes, mut rows) = (0_u64, 0_u64);
    for metadata in state.dataset_keys.iter().filter_map(|key| app.metadata(key)) {
        bytes = bytes.saturating_add(metadata.total_bytes);
        rows = rows.saturating_add(metadata.total_records);
    }
    let list = window
        .filter_map(|at| {
            let key = state.dataset_keys.get(at)?;
            let cells = match app.metadata(key) {
                None => {
                    let error = app.unreadable(key).map_or("no metadata", String::as_str);
                    let text = format!("unreadable: {}", one_line(error));
                    let why = Cell { sign: Some(Sign::Failed), ..Cell::toned(text, Tone::Bad) };
                    vec![Cell::new(escaped(key)), why]
                }
                Some(metadata) => {
                    let value = if state.bytes { metadata.total_bytes } else { metadata.total_records };
                    let damaged = app.checks.get(key).is_some_and(|checked| checked.damage() > 0);
                    let name = if damaged {
                        let name = Cell::toned(format!("{} damaged", escaped(key)), Tone::Bad);
                        Cell { sign: Some(Sign::Damaged), ..name }
                    } else {
                        Cell::new(escaped(key))
                    };
                    let mut cells = vec![
                        name,
                        bar(value, largest),
                        Cell::new(metadata.kind.clone()),
                        Cell::new(count(metadata.partitions.len() as u64)),
                        Cell::new(count(metadata.total_files)),
                        Cell::new(count(metadata.total_records)),
                        Cell::new(size(metadata.total_bytes)),
                        mean(metadata.total_bytes, metadata.total_files, app.setup.target_file_bytes),
                        Cell::new(metadata.last_export.map_or("-".to_owned(), |last| ago(last, app.now))),
                    ];
                    if tiers {
                        cells.push(match app.growth_of(key).map_or(0, |growth| growth.cold_bytes) {
                            0 => Cell::toned("-", Tone::Dim),
                            bytes => Cell::new(size(bytes)),
                        });
                    }
                    cells
                }
            };
            Some(Row { cells, cursor: at == state.datasets.at(), marked: false })
        })
        .collect();
    let mut heads = vec![
        head("Dataset", false, 18, true, 0),
        head(if state.bytes { "Bytes" } else { "Rows " }, false, 10, true, 3),
        head("Kind", false, 6, false, 6),
        head("Partitions", true, 10, false, 4),
        head("Files", true, 7, false, 5),
        head("Rows", true, 12, false, 1),
        head("Size", true, 9, false, 2),
        head("Mean file", true, 10, false, 7),
        head("Last export", false, 11, false, 8),
    ];
    if tiers {
        heads.push(head("Of it cold", true, 10, false, 2));
    }
    TableView {
        title: format!(
            "{} datasets in {} · {} · {} rows",
            state.dataset_keys.len(),
            escaped(&app.setup.lake.display().to_string()),
            size(bytes),
            count(rows)
        ),
        heads,
        rows: list,
        first,
        shown: state.dataset_keys.len(),
        total: app.held.len(),
        filter: escaped(&state.filter_text),
        marked: 0,
        empty: if state.filter_text.is_empty() {
            "the lake has no dataset yet: the first export of a feed makes one".to_owned()
        } else {
            "no dataset matches the filter: esc takes it away".to_owned()
        },
        about: {
            let mut about = unread(state.datasets.key().and_then(|key| app.unreadable(key)));
            about.extend(super::tiers::disk(app));
            about
        },
    }
}

/// A bar by the share of the largest.
fn bar(value: u64, largest: u64) -> Cell {
    Cell { gauge: Some(if largest == 0 { 0.0 } else { value as f64 / largest as f64 }), ..Cell::default() }
}

/// The mean size of files; marked when it is less than an eighth of what files aim at and there is more than one.
fn mean(bytes: u64, files: u64, target: u64) -> Cell {
    let Some(mean) = bytes.checked_div(files) else { return Cell::toned("-", Tone::Dim) };
    if files > 1 && mean < target / 8 {
        return Cell { sign: Some(Sign::Small), ..Cell::toned(size(mean), Tone::Warn) };
    }
    Cell::new(size(mean))
}

/// The open dataset's partitions are times.
fn has_days(app: &App) -> bool {
    app.partitions.feed.as_deref().is_some_and(|feed| app.is_stream(feed))
}

/// The open dataset's partitions are days that may lie in two tiers.
fn has_places(app: &App) -> bool {
    has_days(app) && app.has_tiers()
}

fn partition_row(app: &App, item: &Item, largest: u64) -> Vec<Cell> {
    if item.missing > 0 {
        let days = if item.missing == 1 {
            "1 day".to_owned()
        } else {
            format!("{} days", count(item.missing.unsigned_abs()))
        };
        let what =
            Cell { sign: Some(Sign::Missing), ..Cell::toned(format!("missing {}", item.path), Tone::Bad) };
        return vec![what, Cell::toned(days, Tone::Bad)];
    }
    let value = if app.partitions.bytes { item.bytes } else { item.rows };
    let mut name = Cell::new(escaped(&item.path));
    if item.current {
        name.sign = Some(Sign::Current);
        name.tone = Tone::Good;
        name.text += " (current)";
    }
    let files = match item.found {
        Some((found, _)) => Cell::toned(format!("{} ≠ {found}", item.local.0), Tone::Warn),
        None => Cell::new(count(item.files)),
    };
    let mut cells = vec![
        name,
        Cell::new(count(item.rows)),
        Cell::new(size(item.bytes)),
        files,
        mean(item.bytes, item.files, app.setup.target_file_bytes),
    ];
    let tiers = has_places(app);
    if tiers {
        // Told where it is another number.
        let here = if item.local.1 == item.bytes { String::new() } else { size(item.local.1) };
        cells.push(Cell::toned(here, if item.local.1 == 0 { Tone::Dim } else { Tone::Plain }));
    }
    cells.push(bar(value, largest));
    if has_days(app) {
        cells.push(app.day_state(&item.path).map_or_else(|| Cell::toned("…", Tone::Dim), super::days::mark));
    }
    if tiers {
        cells.push(super::tiers::mark(item.place));
    }
    cells
}

/// The partitions of the open dataset: the window of `height` rows.
pub fn partitions(app: &App, height: usize) -> TableView {
    let state = &app.partitions;
    let window = state.cursor.window(height);
    let first = window.start;
    let largest =
        state.items.iter().map(|item| if state.bytes { item.bytes } else { item.rows }).max().unwrap_or(0);
    let rows = window
        .filter_map(|at| {
            let item = state.order.get(at).and_then(|at| state.items.get(*at))?;
            Some(Row {
                cells: partition_row(app, item, largest),
                cursor: at == state.cursor.at(),
                marked: false,
            })
        })
        .collect();
    // Of a stream the state of a day tells more than its size.
    let days = has_days(app);
    let mut heads = vec![
        head("Partition", false, 25, false, 0),
        head("Rows", true, 11, false, 2),
        head("Size", true, 9, false, u8::from(days)),
        head("Files", true, 5, false, 5),
        head("Mean file", true, 10, false, 3),
    ];
    let tiers = has_places(app);
    if tiers {
        heads.push(head("Here", true, 9, false, 2));
    }
    let rank = if days { 4 } else { 1 };
    heads.push(head(if state.bytes { "Bytes" } else { "Rows " }, false, 6, true, rank));
    if days {
        heads.push(head("State", false, 10, false, 0));
    }
    if tiers {
        heads.push(head("Place", false, 6, false, 1));
    }
    let sorted = if state.reverse { Order::Down } else { Order::Up };
    if let Some(head) = heads.get_mut(state.sort) {
        head.sorted = Some(sorted);
    }
    TableView {
        title: dataset_title(app),
        heads,
        rows,
        first,
        shown: state.keys.len(),
        total: state.items.len(),
        filter: escaped(&state.filter_text),
        marked: 0,
        empty: if state.filter_text.is_empty() {
            "the dataset has no partitions yet".to_owned()
        } else {
            "no partition matches the filter: esc takes it away".to_owned()
        },
        about: partition_about(app),
    }
}

/// The open dataset with its totals.
pub(crate) fn dataset_title(app: &App) -> String {
    let state = &app.partitions;
    let name = escaped(state.feed.as_deref().unwrap_or("-"));
    let Some(metadata) = state.feed.as_ref().and_then(|key| app.metadata(key)) else { return name };
    let partitions = state.items.iter().filter(|item| item.missing == 0).count();
    let missing: i64 = state.items.iter().map(|item| item.missing).sum();
    let title = format!(
        "{name}: {} partitions, {} files · {} · {} rows",
        count(partitions as u64),
        count(metadata.total_files),
        size(metadata.total_bytes),
        count(metadata.total_records)
    );
    if missing == 0 {
        return title;
    }
    format!("{title} · {} days missing", count(missing.unsigned_abs()))
}

fn partition_about(app: &App) -> Vec<Cell> {
    let state = &app.partitions;
    let why = unread(state.feed.as_deref().and_then(|feed| app.unreadable(feed)));
    if !why.is_empty() {
        return why;
    }
    let Some(item) = state.order.get(state.cursor.at()).and_then(|at| state.items.get(*at)) else {
        return Vec::new();
    };
    let mut about = Vec::new();
    let days = has_days(app);
    if days && item.missing == 0 {
        about = super::days::about(app, item);
        if item.found.is_some() {
            // What follows matters more than the last of these.
            about.truncate(2);
        }
    } else if days {
        about.push(Cell::toned("nothing of it is in the lake: e exports a day again", Tone::Dim));
        about.push(Cell::toned(super::days::watermark(app), Tone::Dim));
    } else if let Some(times) = &item.times {
        about.push(Cell::toned(format!("rows of {times} UTC"), Tone::Dim));
    }
    if let Some((files, bytes)) = item.found {
        let text = format!(
            "on disk are {} files of {}, recorded are {} of {}: an export is at work, or `lakehand check` tells more",
            count(files),
            size(bytes),
            count(item.local.0),
            size(item.local.1)
        );
        about.push(Cell::toned(text, Tone::Warn));
    }
    about
}

/// Why something cannot be read, in a line.
fn unread(why: Option<&String>) -> Vec<Cell> {
    let line = |why: &String| Cell {
        sign: Some(Sign::Failed),
        ..Cell::toned(format!("cannot be read: {}", one_line(why)), Tone::Bad)
    };
    why.map(line).into_iter().collect()
}

/// The files of the open partition: the window of `height` rows.
pub fn files(app: &App, height: usize) -> TableView {
    let state = &app.partitions.files;
    let window = state.cursor.window(height);
    let first = window.start;
    let list = state.list();
    let rows = window
        .filter_map(|at| {
            let file = list.get(at)?;
            let small = file.bytes < app.setup.target_file_bytes / 8;
            let bytes = Cell {
                sign: small.then_some(Sign::Small),
                ..Cell::toned(size(file.bytes), if small { Tone::Warn } else { Tone::Plain })
            };
            let cells = vec![
                Cell::new(escaped(&file.name)),
                match &file.rows {
                    _ if file.cold.is_some() => super::tiers::mark(Place::Cold),
                    Ok(rows) => Cell::new(count(*rows)),
                    Err(_) => Cell::toned("unreadable", Tone::Bad),
                },
                bytes,
                Cell::new(file.modified.map_or("-".to_owned(), |time| ago(time, app.now))),
                Cell::toned(escaped(file.run.as_deref().unwrap_or("-")), Tone::Dim),
            ];
            Some(Row { cells, cursor: at == state.cursor.at(), marked: false })
        })
        .collect();
    let bytes: u64 = list.iter().map(|file| file.bytes).sum();
    TableView {
        title: format!(
            "{} / {}: {} files, {}",
            escaped(app.partitions.feed.as_deref().unwrap_or("-")),
            escaped(&state.partition),
            list.len(),
            size(bytes)
        ),
        heads: vec![
            head("File", false, 24, true, 0),
            head("Rows", true, 12, false, 1),
            head("Size", true, 11, false, 1),
            head("Written", false, 10, false, 2),
            head("Run", false, 24, false, 3),
        ],
        rows,
        first,
        shown: list.len(),
        total: list.len(),
        filter: String::new(),
        marked: 0,
        empty: match &state.read {
            None => "reading the files …".to_owned(),
            Some(Err(error)) => one_line(error),
            Some(Ok(_)) => "the partition has no files".to_owned(),
        },
        about: match state.under_cursor() {
            Some(FileInfo { cold: Some(url), .. }) => vec![Cell::toned(escaped(url), Tone::Dim)],
            file => unread(file.and_then(|file| file.rows.as_ref().err())),
        },
    }
}
