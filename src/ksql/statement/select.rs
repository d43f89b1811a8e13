//! Which items are asked for, so that nothing is lost on the wire.
//!
//! | column | asked for as | because outside a STRUCT / inside one |
//! |---|---|---|
//! | TIMESTAMP | ``UNIX_TIMESTAMP(`C`) AS `C` `` | its text follows the Julian calendar before 1583 |
//! | TIME | ``FORMAT_TIME(`C`, 'HH:mm:ss.SSS') AS `C` `` | its text has no milliseconds |
//! | STRUCT with a DECIMAL of more than 15 digits | `` `C` `` and `` `C`->`F` `` | inside a STRUCT it passes through a double |
//! | anything else | `` `C` `` | |
//!
//! What no expression can save is refused with the reason, before any query.

use std::collections::BTreeMap;

use super::helper::{FROM_TOPIC, queryable_ddl};
use super::{Selection, names, quote};
use crate::error::{Error, Kind, Result};
use crate::ksql::column::{ReadColumn, Wire};
use crate::ksql::describe::{Description, SourceKind, WindowKind};
use crate::ksql::schema::{Column, Role, SqlType};

/// Digits that a double always holds exactly.
const DOUBLE_DIGITS: u32 = 15;

/// The columns of a stream for a push query: ROWTIME, ROWPARTITION, ROWOFFSET, then every column not excluded. A windowed
/// stream has WINDOWSTART and WINDOWEND after its key columns.
///
/// # Errors
/// [`Kind::Feed`] when a column cannot be read without loss or its name cannot be kept, [`Kind::Schema`] when no Parquet
/// type holds it; both with the way out.
pub fn select_stream(
    source: &Description,
    exclude: &[String],
    rename: &BTreeMap<String, String>,
) -> Result<Selection> {
    of_kind(source, SourceKind::Stream)?;
    names::check_feed(source, exclude, rename)?;
    let mut list = List::default();
    let row_types = [SqlType::BigInt, SqlType::Integer, SqlType::BigInt];
    for (name, sql_type) in names::ROW_NAMES.into_iter().zip(row_types) {
        list.add_raw(name, name, sql_type);
    }
    list.add_columns(source, exclude, rename)?;
    list.finish(source)
}

/// The columns of a table for a pull query; windowed ones have WINDOWSTART and WINDOWEND after the key columns.
///
/// # Errors
/// As [`select_stream`], and [`Kind::Feed`] for what ksqlDB cannot scan, with the statement that helps.
pub fn select_table(
    source: &Description,
    exclude: &[String],
    rename: &BTreeMap<String, String>,
) -> Result<Selection> {
    of_kind(source, SourceKind::Table)?;
    scannable(source)?;
    names::check_feed(source, exclude, rename)?;
    let mut list = List::default();
    match header_place(source)? {
        HeaderPlace::NoneOrLast => list.add_columns(source, exclude, rename)?,
        HeaderPlace::First => return star(source, exclude, rename),
    }
    list.finish(source)
}

fn of_kind(source: &Description, wanted: SourceKind) -> Result<()> {
    if source.kind == wanted {
        return Ok(());
    }
    let (is, right) = match source.kind {
        SourceKind::Stream => ("stream", "stream"),
        SourceKind::Table => ("table", "table"),
    };
    Err(Error::new(Kind::Feed, format!("the source is a {is}"))
        .at("source", &source.name)
        .next(format!("set \"feed_type\": \"{right}\" in the feed")))
}

fn scannable(source: &Description) -> Result<()> {
    if source.window == Some(WindowKind::Session) {
        return Err(Error::new(Kind::Feed, "ksqlDB cannot scan a session-windowed table")
            .at("source", &source.name)
            .next(FROM_TOPIC));
    }
    if source.is_plain_table() {
        return Err(Error::new(
            Kind::Feed,
            "ksqlDB keeps no state of a plain CREATE TABLE, so it cannot be scanned",
        )
        .at("source", &source.name)
        .next(match queryable_ddl(source) {
            Some(ddl) => format!("{FROM_TOPIC}; without brokers export a table made of it by: {ddl}"),
            None => FROM_TOPIC.to_owned(),
        }));
    }
    Ok(())
}

enum HeaderPlace {
    NoneOrLast,
    First,
}

/// Where the header columns of a table stand among its value columns; it decides which of the server's two ways of
/// projecting hands out values under their own names.
fn header_place(source: &Description) -> Result<HeaderPlace> {
    let is_header = |column: &Column| matches!(column.role, Role::Headers | Role::Header(_));
    let order: Vec<bool> =
        source.columns.iter().filter(|column| column.role != Role::Key).map(is_header).collect();
    let headers = order.iter().filter(|header| **header).count();
    let (first, last) = (order.iter().take(headers), order.iter().rev().take(headers));
    if last.into_iter().all(|header| *header) {
        return Ok(HeaderPlace::NoneOrLast);
    }
    if first.into_iter().all(|header| *header) {
        return Ok(HeaderPlace::First);
    }
    Err(Error::new(
        Kind::Feed,
        "the table's header columns stand between its value columns, and ksqlDB then hands out values under wrong names",
    )
    .at("source", &source.name)
    .next(format!("declare the header columns last, or {FROM_TOPIC}")))
}

/// The columns in the order of the lake's: as declared, but of a table whose header columns precede its values keys, headers,
/// values, as `*` gives them.
pub(in crate::ksql) fn column_order(source: &Description) -> Vec<&Column> {
    let mut columns: Vec<_> = source.columns.iter().collect();
    if source.kind == SourceKind::Table && matches!(header_place(source), Ok(HeaderPlace::First)) {
        columns.sort_by_key(|column| match column.role {
            Role::Key => 0,
            Role::Headers | Role::Header(_) => 1,
            Role::Value => 2,
        });
    }
    columns
}

/// A table with its header columns first: only `*` shows values under their own names, so nothing can be rewritten.
fn star(source: &Description, exclude: &[String], rename: &BTreeMap<String, String>) -> Result<Selection> {
    let stuck = |what: String| {
        Err(Error::new(Kind::Feed, format!("the table's header columns precede its value columns, so that it can only be read whole, and {what}"))
            .at("source", &source.name)
            .next(format!("declare the header columns last, or {FROM_TOPIC}")))
    };
    if let Some(name) = exclude.first() {
        return stuck(format!("column {name} cannot be excluded"));
    }
    let mut list = List::default();
    list.add_columns(source, exclude, rename)?;
    if let Some(column) = list.columns.iter().find(|column| column.wire != Wire::AsDeclared) {
        return stuck(format!("{} would lose digits or milliseconds", column.label));
    }
    let mut selection = list.finish(source)?;
    selection.star = true;
    Ok(selection)
}

#[derive(Default)]
struct List {
    columns: Vec<ReadColumn>,
    exprs: Vec<String>,
    overlays: Vec<(ReadColumn, String)>,
}

impl List {
    /// An item that is no column of the source.
    fn add_raw(&mut self, label: &str, name: &str, sql_type: SqlType) {
        self.exprs.push(label.to_owned());
        self.columns.push(ReadColumn {
            label: label.to_owned(),
            name: name.to_owned(),
            sql_type,
            wire: Wire::AsDeclared,
        });
    }

    fn add_window(&mut self, source: &Description) {
        if source.window.is_some() {
            self.add_raw("WINDOWSTART", "WINDOWSTART", SqlType::BigInt);
            self.add_raw("WINDOWEND", "WINDOWEND", SqlType::BigInt);
        }
    }

    fn add_columns(
        &mut self,
        source: &Description,
        exclude: &[String],
        rename: &BTreeMap<String, String>,
    ) -> Result<()> {
        let keys = source.columns.iter().filter(|column| column.role == Role::Key).count();
        let mut seen = 0;
        if keys == 0 {
            self.add_window(source);
        }
        for column in column_order(source) {
            if !exclude.contains(&column.name) {
                self.add(column, rename)?;
            }
            if column.role == Role::Key {
                seen += 1;
                if seen == keys {
                    self.add_window(source);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, column: &Column, rename: &BTreeMap<String, String>) -> Result<()> {
        column.sql_type.arrow().map_err(|error| error.at("column", &column.name))?;
        let quoted = quote(&column.name);
        let (wire, expr) = match &column.sql_type {
            SqlType::Timestamp => (Wire::EpochMillis, format!("UNIX_TIMESTAMP({quoted}) AS {quoted}")),
            SqlType::Time => (Wire::TimeText, format!("FORMAT_TIME({quoted}, 'HH:mm:ss.SSS') AS {quoted}")),
            nested => {
                let mut walk = Walk { list: self, column, path: Vec::new() };
                walk.visit(nested, Place::default())?;
                (Wire::AsDeclared, quoted)
            }
        };
        self.columns.push(ReadColumn {
            label: column.name.clone(),
            name: rename.get(&column.name).unwrap_or(&column.name).clone(),
            sql_type: column.sql_type.clone(),
            wire,
        });
        self.exprs.push(expr);
        Ok(())
    }

    fn finish(mut self, source: &Description) -> Result<Selection> {
        names::check_lake(&self.columns)?;
        let own = self
            .columns
            .iter()
            .filter(|column| source.columns.iter().any(|c| c.name == column.label))
            .count();
        if own == 0 {
            return Err(Error::new(Kind::Feed, "every column is excluded: nothing is left to export")
                .at("source", &source.name));
        }
        for (i, (mut column, expr)) in std::mem::take(&mut self.overlays).into_iter().enumerate() {
            let mut label = format!("LAKEHAND_MEMBER_{}", i + 1);
            while source.columns.iter().any(|other| other.name.eq_ignore_ascii_case(&label)) {
                label.push('_');
            }
            self.exprs.push(format!("{expr} AS {}", quote(&label)));
            column.label = label;
            self.columns.push(column);
        }
        Ok(Selection { columns: self.columns, exprs: self.exprs, star: false })
    }
}

/// Where a type stands inside of a column.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    in_struct: bool,
    in_collection: bool,
}

/// A walk through a column's type that finds what the wire would lose.
struct Walk<'a> {
    list: &'a mut List,
    column: &'a Column,
    path: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, sql_type: &SqlType, place: Place) -> Result<()> {
        let in_collection = Place { in_collection: true, ..place };
        match sql_type {
            SqlType::Time if !place.in_struct => {
                self.lossy("a TIME inside an ARRAY or MAP loses its milliseconds")
            }
            SqlType::Decimal { precision, .. } if place.in_struct && *precision > DOUBLE_DIGITS => {
                if place.in_collection {
                    return self.lossy(&format!(
                        "a DECIMAL of {precision} digits inside a STRUCT and an ARRAY or MAP loses digits"
                    ));
                }
                self.overlay(sql_type);
                Ok(())
            }
            SqlType::Array(item) => self.visit(item, in_collection),
            SqlType::Map(key, _) if place.in_struct && **key != SqlType::String => self.lossy(
                "a MAP inside a STRUCT has keys that are no STRINGs, which answers show in unclear form",
            ),
            SqlType::Map(key, value) => {
                self.visit(key, in_collection)?;
                self.visit(value, in_collection)
            }
            SqlType::Struct(fields) => {
                for field in fields {
                    self.path.push(field.name.clone());
                    self.visit(&field.sql_type, Place { in_struct: true, ..place })?;
                    self.path.pop();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn overlay(&mut self, sql_type: &SqlType) {
        let mut expr = quote(&self.column.name);
        for member in &self.path {
            expr.push_str("->");
            expr.push_str(&quote(member));
        }
        let read = ReadColumn {
            label: String::new(),
            name: String::new(),
            sql_type: sql_type.clone(),
            wire: Wire::Overlay { column: self.list.columns.len(), path: self.path.clone() },
        };
        self.list.overlays.push((read, expr));
    }

    fn lossy(&self, why: &str) -> Result<()> {
        let mut member = self.column.name.clone();
        for part in &self.path {
            member.push_str("->");
            member.push_str(part);
        }
        let advice = format!(
            "leave it out (\"exclude_columns\": [\"{}\"]), or read a stream or table that has it as a column of its own, \
             derived with auto.offset.reset=earliest",
            self.column.name
        );
        Err(Error::new(Kind::Feed, format!("column {member} cannot be read without loss: {why}"))
            .next(advice))
    }
}
