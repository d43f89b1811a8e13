//! From the text of a feed file to its meaning, or to everything that is wrong with it at once.
//!
//! ```text
//! {"feed_name": …}  ──json::Page──▶ members ──one reader a field──▶ Option of each value ──all there──▶ Feed
//!                                                └── problems ──────── any ──▶ Vec<Problem>, in the file's order
//! ```
//!
//! | only a stream has | only a table has | either |
//! |---|---|---|
//! | partitioning date, storage_mode append, retention_days, tier_after_days (never with a Delta table), read other than auto and kafka, mode follow, row_metadata true, sort_by, bloom_filters, bloom_fpp | partitioning version, storage_mode overwrite, keep_versions, shrink_limit | storage_mode ignore (never with follow) |
//!
//! It reads no file and knows no server: whether the source is there is a question for later.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr as _;

use chrono::{DateTime, Utc};

use super::json::{Fields, Node, Page};
use super::keywords::ZSTD_LEVELS;
use super::layout::read_layout;
use super::problem::{Problem, nearest};
use super::spec::{
    CatalogName, Compression, DatePart, DecimalAs, ExportMode, Feed, FeedKind, Partitioning, ReadMode,
    Schedule, StorageMode, TableFormat, TimeAs, Types, Visibility,
};
use crate::log::escape::is_control;

/// The fields of a feed, in the order in which `feeds add` writes them.
pub const FIELDS: [&str; 27] = [
    "feed_name",
    "feed_type",
    "ksqldb_source",
    "description",
    "partitioning",
    "storage_mode",
    "format",
    "compression",
    "retention_days",
    "tier_after_days",
    "keep_versions",
    "shrink_limit",
    "visibility",
    "read",
    "mode",
    "schedule",
    "rename",
    "exclude_columns",
    "row_metadata",
    "types",
    "table_format",
    "catalog",
    "sort_by",
    "bloom_filters",
    "bloom_fpp",
    "enabled",
    "created_at",
];

/// The fields of `partitioning`.
pub const PARTITIONING_FIELDS: [&str; 4] = ["type", "columns", "timestamp_column", "timezone"];

/// The fields of `types`.
pub const TYPES_FIELDS: [&str; 2] = ["time", "decimal"];

/// The longest `retention_days` and `tier_after_days`: a thousand years.
pub const MAX_RETENTION_DAYS: u32 = 365_000;
/// The most `keep_versions`.
pub const MAX_KEEP_VERSIONS: u32 = 10_000;

/// Longest feed name, in characters; its file's name must fit the file system.
const MAX_NAME: usize = 128;
/// Longest source name, in characters; its dataset's folder must fit the file system.
const MAX_SOURCE: usize = 200;
/// Longest name of a column, in characters.
const MAX_COLUMN: usize = 255;

/// What a partition folder is named after; no column of a file may be named so.
const PARTITION_NAMES: [&str; 5] = ["YEAR", "MONTH", "DAY", "HOUR", "VERSION"];
/// The bounds of a window, which ksqlDB adds to the columns.
const WINDOW_BOUNDS: [&str; 2] = ["WINDOWSTART", "WINDOWEND"];
/// The columns that `row_metadata` keeps.
const ROW_METADATA: [&str; 3] = ["ROWTIME", "ROWPARTITION", "ROWOFFSET"];

/// Reads a feed from `text`, which is the file `<stem>.json`.
///
/// # Errors
/// Every problem of the text, in its order; never none.
pub fn parse_feed(text: &str, stem: &str) -> Result<Feed, Vec<Problem>> {
    parse_feed_with(text, stem, &[], &[])
}

/// The same, with the table formats and catalogues of a feed that names none.
pub(super) fn parse_feed_with(
    text: &str,
    stem: &str,
    formats: &[TableFormat],
    catalogs: &[CatalogName],
) -> Result<Feed, Vec<Problem>> {
    let mut page = Page::new(text);
    let feed = page.tree().and_then(|tree| read(&mut page, &tree, stem, formats, catalogs));
    let problems = page.into_problems();
    match feed {
        Some(feed) if problems.is_empty() => Ok(feed),
        _ if problems.is_empty() => Err(vec![Problem::of_file("the file holds no feed")]),
        _ => Err(problems),
    }
}

/// Whether `name` can be the name of a feed.
pub fn is_feed_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && is_word(name)
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// A problem that is found outside of the text, put where `field` stands in it.
pub(super) fn problem_at(text: &str, field: &str, message: &str) -> Problem {
    let mut page = Page::new(text);
    if let Some(tree) = page.tree()
        && let Some(value) = tree.as_object().and_then(|object| object.get(field)).map(|member| &member.value)
    {
        page.wrong(&Node { path: field.to_owned(), value }, message, None);
    }
    let on_its_own = || Problem { field: field.to_owned(), ..Problem::of_file(message) };
    page.into_problems().into_iter().next().unwrap_or_else(on_its_own)
}

fn read<'a>(
    page: &mut Page<'_>,
    tree: &'a jsonc_parser::ast::Value<'a>,
    stem: &str,
    formats: &[TableFormat],
    catalogs: &[CatalogName],
) -> Option<Feed> {
    let fields = page.object(&Node { path: String::new(), value: tree }, &FIELDS)?;

    let name = required(page, &fields, "feed_name").and_then(|node| read_name(page, &node, stem));
    let kind = required(page, &fields, "feed_type").and_then(|node| page.one_of(&node, FeedKind::KEYWORDS));
    let source = required(page, &fields, "ksqldb_source").and_then(|node| read_source(page, &node));
    let description = fields.get("description").map_or(Some(""), |node| page.text(&node)).map(str::to_owned);
    if let Some(node) = fields.get("format") {
        page.one_of(&node, &[("parquet", ())]);
    }
    let compression =
        fields.get("compression").map_or(Some(Compression::Zstd(None)), |node| read_compression(page, &node));
    let retention_days = fields
        .set("retention_days")
        .map_or(Some(None), |node| page.count(&node, MAX_RETENTION_DAYS).map(Some));
    let tier_after_days = fields
        .set("tier_after_days")
        .map_or(Some(None), |node| page.count(&node, MAX_RETENTION_DAYS).map(Some));
    let keep_versions =
        fields.get("keep_versions").map_or(Some(1), |node| page.count(&node, MAX_KEEP_VERSIONS));
    let shrink_limit = fields.set("shrink_limit").map_or(Some(None), |node| page.count(&node, 100).map(Some));
    let visibility = fields.get("visibility").map(|node| page.one_of(&node, Visibility::KEYWORDS));
    let read = fields.get("read").map_or(Some(ReadMode::Auto), |node| read_mode(page, &node));
    let mode =
        fields.get("mode").map_or(Some(ExportMode::Batch), |node| page.one_of(&node, ExportMode::KEYWORDS));
    let storage = fields.get("storage_mode").map(|node| page.one_of(&node, StorageMode::KEYWORDS));
    let schedule = fields.set("schedule").map_or(Some(None), |node| read_schedule(page, &node).map(Some));
    let row_metadata = fields.get("row_metadata").map(|node| page.switch(&node));
    let types = fields.set("types").map_or(Some(Types::default()), |node| read_types(page, &node));
    let table_format = fields
        .set("table_format")
        .map_or(Some(formats.to_vec()), |node| read_words(page, &node, TableFormat::KEYWORDS));
    let catalog = fields
        .set("catalog")
        .map_or(Some(catalogs.to_vec()), |node| read_words(page, &node, CatalogName::KEYWORDS));
    let layout = read_layout(page, &fields);
    let enabled = fields.get("enabled").map_or(Some(true), |node| page.switch(&node));
    let created_at = fields.set("created_at").map_or(Some(None), |node| read_time(page, &node).map(Some));
    let partitioning = read_partitioning(page, &fields, kind);
    if let (Some(formats), Some(node)) = (&table_format, fields.set("tier_after_days"))
        && formats.contains(&TableFormat::Delta)
    {
        let why = "does not go with a Delta table, whose readers find files below its own folder only: it moves as a whole or not at all";
        page.wrong(&node, why, None);
    }
    let keeps_metadata = kind != Some(FeedKind::Table) && row_metadata != Some(Some(false));
    let (rename, exclude_columns) = read_columns(page, &fields, keeps_metadata);

    let kind = kind?;
    combine(page, &fields, kind, storage.flatten(), read, mode, row_metadata.flatten());
    let stream = kind == FeedKind::Stream;
    Some(Feed {
        name: name?,
        kind,
        source: source?,
        description: description?,
        partitioning: partitioning?,
        storage_mode: storage.unwrap_or(Some(if stream {
            StorageMode::Append
        } else {
            StorageMode::Overwrite
        }))?,
        compression: compression?,
        retention_days: retention_days?,
        tier_after_days: tier_after_days?,
        keep_versions: keep_versions?,
        shrink_limit: shrink_limit?,
        visibility: visibility.unwrap_or(Some(if stream {
            Visibility::Restricted
        } else {
            Visibility::Shared
        }))?,
        read: read?,
        mode: mode?,
        schedule: schedule?,
        rename,
        exclude_columns,
        row_metadata: row_metadata.unwrap_or(Some(stream))?,
        types: types?,
        table_format: table_format?,
        catalog: catalog?,
        layout: layout?,
        enabled: enabled?,
        created_at: created_at?,
    })
}

fn required<'a>(page: &mut Page<'_>, fields: &Fields<'a>, name: &str) -> Option<Node<'a>> {
    let node = fields.get(name);
    if node.is_none() {
        page.missing(fields, name);
    }
    node
}

fn read_name(page: &mut Page<'_>, node: &Node<'_>, stem: &str) -> Option<String> {
    let name = page.text(node)?;
    if !is_feed_name(name) {
        page.wrong(node, format!("is not a name of 1 to {MAX_NAME} letters, digits, _ and -"), None);
        None
    } else if name == stem {
        Some(name.to_owned())
    } else {
        let near = is_feed_name(stem).then(|| stem.to_owned());
        page.wrong(node, format!("is not the name of the file, {stem}.json"), near);
        None
    }
}

fn read_source(page: &mut Page<'_>, node: &Node<'_>) -> Option<String> {
    let text = page.text(node)?;
    let name = text.strip_prefix('`').and_then(|inner| inner.strip_suffix('`')).unwrap_or(text);
    if name.starts_with('_') {
        page.wrong(node, "begins with _, and readers of a lake pass over such folders", None);
    } else if !(1..=MAX_SOURCE).contains(&name.len()) || !is_word(name) {
        page.wrong(node, format!("is not a source name of 1 to {MAX_SOURCE} letters, digits, _ and -"), None);
    } else {
        return Some(name.to_owned());
    }
    None
}

fn read_compression(page: &mut Page<'_>, node: &Node<'_>) -> Option<Compression> {
    let text = page.text(node)?;
    if let Some(level) = text.strip_prefix("zstd(").and_then(|rest| rest.strip_suffix(')')) {
        let level = Some(level).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let level = level.and_then(|digits| digits.parse().ok()).filter(|level| ZSTD_LEVELS.contains(level));
        if level.is_none() {
            let (low, high) = ZSTD_LEVELS.into_inner();
            page.wrong(node, format!("has a level that is not between {low} and {high}"), None);
        }
        return level.map(|level| Compression::Zstd(Some(level)));
    }
    if let Some((_, value)) = Compression::KEYWORDS.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let near = nearest(text, Compression::KEYWORDS.iter().map(|(word, _)| *word));
    page.wrong(node, "is not one of zstd, zstd(N), snappy, lz4, none", near);
    None
}

fn read_mode(page: &mut Page<'_>, node: &Node<'_>) -> Option<ReadMode> {
    if page.text(node)? == "mirror" {
        let gone = "is a way of reading that is gone: its copy of the topic could mix up the order of rows";
        page.wrong(node, gone, Some("auto".to_owned()));
        return None;
    }
    page.one_of(node, ReadMode::KEYWORDS)
}

fn read_schedule(page: &mut Page<'_>, node: &Node<'_>) -> Option<Schedule> {
    let text = page.text(node)?;
    Schedule::parse(text).map_err(|message| page.wrong(node, message, None)).ok()
}

fn read_time(page: &mut Page<'_>, node: &Node<'_>) -> Option<DateTime<Utc>> {
    let text = page.text(node)?;
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc));
    if time.is_none() {
        page.wrong(node, "is not a time like 2025-01-15T10:00:00Z (RFC 3339)", None);
    }
    time
}

/// The name of a column, as ksqlDB shows it or as a reader will see it.
pub(super) fn read_column(page: &mut Page<'_>, node: &Node<'_>) -> Option<String> {
    let text = page.text(node)?;
    if is_column(text) {
        return Some(text.to_owned());
    }
    page.wrong(
        node,
        "is not a column name: it is empty, longer than 255, or holds a control character",
        None,
    );
    None
}

fn is_column(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_COLUMN && !text.contains(is_control)
}

fn read_partitioning(
    page: &mut Page<'_>,
    fields: &Fields<'_>,
    kind: Option<FeedKind>,
) -> Option<Partitioning> {
    let by_kind = |kind| match kind {
        FeedKind::Stream => {
            Partitioning::Date { columns: days(), timestamp_column: None, timezone: chrono_tz::UTC }
        }
        FeedKind::Table => Partitioning::Version,
    };
    let Some(node) = fields.get("partitioning") else { return kind.map(by_kind) };
    let inner = page.object(&node, &PARTITIONING_FIELDS)?;

    let date = required(page, &inner, "type").and_then(|node| {
        let date = page.one_of(&node, &[("date", true), ("version", false)])?;
        match (kind, date) {
            (Some(FeedKind::Table), true) => page.wrong(&node, "is for streams", Some("version".to_owned())),
            (Some(FeedKind::Stream), false) => page.wrong(&node, "is for tables", Some("date".to_owned())),
            _ => {}
        }
        Some(date)
    });
    let columns = inner.get("columns").map_or_else(|| Some(days()), |node| read_date_parts(page, &node));
    let timestamp_column =
        inner.set("timestamp_column").map_or(Some(None), |node| read_column(page, &node).map(Some));
    let timezone = inner.get("timezone").map_or(Some(chrono_tz::UTC), |node| read_timezone(page, &node));
    if date? {
        return Some(Partitioning::Date {
            columns: columns?,
            timestamp_column: timestamp_column?,
            timezone: timezone?,
        });
    }
    for node in PARTITIONING_FIELDS.iter().skip(1).filter_map(|name| inner.get(name)) {
        page.wrong(&node, "belongs to partitioning by date", None);
    }
    Some(Partitioning::Version)
}

fn days() -> Vec<DatePart> {
    vec![DatePart::Year, DatePart::Month, DatePart::Day]
}

fn read_date_parts(page: &mut Page<'_>, node: &Node<'_>) -> Option<Vec<DatePart>> {
    let elements = page.list(node)?;
    let read: Vec<_> = elements.iter().map(|element| page.one_of(element, DatePart::KEYWORDS)).collect();
    let parts = read.into_iter().collect::<Option<Vec<_>>>()?;
    let all: Vec<_> = DatePart::KEYWORDS.iter().map(|(_, part)| *part).collect();
    if !parts.is_empty() && all.starts_with(&parts) {
        return Some(parts);
    }
    page.wrong(node, "is not [\"year\"], continued in this order by \"month\", \"day\", \"hour\"", None);
    None
}

fn read_timezone(page: &mut Page<'_>, node: &Node<'_>) -> Option<chrono_tz::Tz> {
    let text = page.text(node)?;
    let zone = chrono_tz::Tz::from_str(text).ok();
    if zone.is_none() {
        let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        page.wrong(node, "is not a time zone of the IANA list, such as UTC or Europe/Zurich", near);
    }
    zone
}

/// `types`.
fn read_types(page: &mut Page<'_>, node: &Node<'_>) -> Option<Types> {
    let inner = page.object(node, &TYPES_FIELDS)?;
    let time = inner.get("time").map_or(Some(TimeAs::default()), |node| page.one_of(&node, TimeAs::KEYWORDS));
    let decimal = inner
        .get("decimal")
        .map_or(Some(DecimalAs::default()), |node| page.one_of(&node, DecimalAs::KEYWORDS));
    Some(Types { time: time?, decimal: decimal? })
}

/// `table_format`, `catalog`: keywords, each once.
fn read_words<T: Copy + PartialEq>(
    page: &mut Page<'_>,
    node: &Node<'_>,
    words: &[(&'static str, T)],
) -> Option<Vec<T>> {
    let mut found = Vec::new();
    for element in page.list(node)? {
        let word = page.one_of(&element, words)?;
        if found.contains(&word) {
            page.wrong(&element, "is there twice", None);
            return None;
        }
        found.push(word);
    }
    Some(found)
}

/// `rename` and `exclude_columns`.
fn read_columns(
    page: &mut Page<'_>,
    fields: &Fields<'_>,
    keeps_metadata: bool,
) -> (BTreeMap<String, String>, Vec<String>) {
    let mut excluded = Vec::new();
    if let Some(elements) = fields.set("exclude_columns").and_then(|node| page.list(&node)) {
        let mut seen = HashSet::new();
        for element in elements {
            let Some(column) = read_column(page, &element) else { continue };
            if seen.insert(column.clone()) {
                excluded.push(column);
            } else {
                page.wrong(&element, "is there twice", None);
            }
        }
    }
    let mut rename = BTreeMap::new();
    if let Some(node) = fields.set("rename") {
        let mut targets = HashSet::new();
        let gone: HashSet<&str> = excluded.iter().map(String::as_str).collect();
        for (from, to, node) in page.texts_by_name(&node) {
            let upper = to.to_uppercase();
            if !is_column(to) {
                page.wrong(&node, "is empty, longer than 255, or holds a control character", None);
            } else if PARTITION_NAMES.contains(&upper.as_str()) {
                page.wrong(&node, "is the name of a partition folder", Some(format!("CAL_{upper}")));
            } else if keeps_metadata && ROW_METADATA.contains(&upper.as_str()) && from != to {
                page.wrong(&node, "is the name of a column that row_metadata keeps", None);
            } else if WINDOW_BOUNDS.contains(&upper.as_str()) && from != to {
                page.wrong(&node, "is the name of a column that ksqlDB gives the bound of a window", None);
            } else if !targets.insert(upper) {
                page.wrong(&node, "is the new name of another column too (case does not count)", None);
            } else if gone.contains(from) {
                page.wrong(&node, "is the new name of a column that exclude_columns leaves out", None);
            } else if !is_column(from) {
                page.wrong(&node, "is the new name of something that is not a column name", None);
            } else {
                rename.insert(from.to_owned(), to.to_owned());
            }
        }
    }
    (rename, excluded)
}

/// What cannot be together.
fn combine(
    page: &mut Page<'_>,
    fields: &Fields<'_>,
    kind: FeedKind,
    storage: Option<StorageMode>,
    read: Option<ReadMode>,
    mode: Option<ExportMode>,
    row_metadata: Option<bool>,
) {
    let mut refuse = |name: &str, message: &str, near: Option<&str>| {
        if let Some(node) = fields.set(name) {
            page.wrong(&node, message, near.map(str::to_owned));
        }
    };
    match (kind, storage) {
        (FeedKind::Stream, Some(StorageMode::Overwrite)) => {
            refuse("storage_mode", "is for tables; a stream takes append or ignore", Some("append"));
        }
        (FeedKind::Table, Some(StorageMode::Append)) => {
            refuse("storage_mode", "is for streams; a table takes overwrite or ignore", Some("overwrite"));
        }
        _ => {}
    }
    if kind == FeedKind::Stream {
        refuse("keep_versions", "is for tables: a stream has no versions", None);
        refuse("shrink_limit", "is for tables: a stream only grows", None);
        if mode == Some(ExportMode::Follow) && storage == Some(StorageMode::Ignore) {
            refuse("mode", "does not go with storage_mode ignore, which exports once", Some("batch"));
        }
        return;
    }
    refuse("retention_days", "is for streams; a table takes keep_versions", None);
    refuse("tier_after_days", "is for streams: a table has no days that could move", None);
    if read.is_some_and(|read| !matches!(read, ReadMode::Auto | ReadMode::Kafka)) {
        refuse("read", "is for streams: a table takes auto or kafka", Some("auto"));
    }
    if mode == Some(ExportMode::Follow) {
        refuse("mode", "is for streams: a table is taken whole", Some("batch"));
    }
    for name in ["sort_by", "bloom_filters", "bloom_fpp"] {
        refuse(name, "is for streams: compaction applies it, and a table has no small files", None);
    }
    if row_metadata == Some(true) {
        refuse("row_metadata", "is for streams: the rows of a table have no offset", None);
    }
}
