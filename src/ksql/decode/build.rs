//! What is asked for becomes a tree of empty buffers.
//!
//! Here is decided, once and for all rows, how each value arrives: outside of a STRUCT times are strings and DECIMALs
//! exact, anywhere inside of one times are integers and DECIMALs have passed through a double. A double keeps 15 digits
//! of every decimal; a DECIMAL with more, inside a STRUCT, needs an overlay or is refused.

use super::buffer::{Offsets, Texts};
use super::cursor::MAX_DEPTH;
use super::node::{Encoding, Member, Node, Values};
use super::number::Shape;
use super::scan::Prefix;
use crate::ksql::column::{ReadColumn, Wire};
use crate::ksql::schema::{Field, SqlType};
use crate::{Error, Kind, Result};

/// Digits of a decimal that a double keeps whatever they are.
const DOUBLE_DIGITS: u32 = 15;

/// An overlay seen from a STRUCT: the path that is left to its member.
#[derive(Debug, Clone, Copy)]
pub(super) struct OverlayPath<'a> {
    /// Names of the members that are still to be passed.
    path: &'a [String],
    /// The column's place among the overlays.
    index: usize,
    sql_type: &'a SqlType,
}

impl<'a> OverlayPath<'a> {
    /// The whole path of an overlay column, with the index of the column that it goes into.
    pub(super) fn of(column: &'a ReadColumn, index: usize) -> Option<(usize, Self)> {
        match &column.wire {
            Wire::Overlay { column: owner, path } => {
                Some((*owner, Self { path, index, sql_type: &column.sql_type }))
            }
            _ => None,
        }
    }
}

/// The buffers of a column that is not inside of any STRUCT.
pub(super) fn column(column: &ReadColumn, overlays: &[OverlayPath]) -> Result<Node> {
    let node = match (&column.wire, &column.sql_type) {
        (Wire::AsDeclared | Wire::Overlay { .. }, sql_type) => build(sql_type, Form::Outside, overlays, 0)?,
        (Wire::EpochMillis, SqlType::Timestamp) => {
            Node::new(Values::Timestamp { values: Vec::new(), encoding: Encoding::Integer })
        }
        (Wire::TimeText, SqlType::Time) => {
            Node::new(Values::Time { values: Vec::new(), encoding: Encoding::Text })
        }
        (wire, sql_type) => {
            return Err(Error::new(Kind::Bug, format!("{sql_type:?} cannot be read as {wire:?}")));
        }
    };
    if !overlays.is_empty() && !matches!(node.values, Values::Struct(_)) {
        return Err(lost_path());
    }
    Ok(node)
}

/// The buffers of a column of a topic's record.
pub(super) fn of_record(sql_type: &SqlType) -> Result<Node> {
    build(sql_type, Form::Record, &[], 0)
}

/// The members that a topic's object has: its columns by name.
pub(super) fn members_of_record(columns: &[Field]) -> Result<Vec<Member>> {
    members(columns, Form::Record, &[], 0)
}

/// Where a value stands, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In a row of an answer, outside of any STRUCT: times are strings, DECIMALs exact.
    Outside,
    /// In a row of an answer, anywhere inside of a STRUCT: times are integers, DECIMALs have passed through a double.
    Inside,
    /// In a record of a topic, at any depth: times are integers, DECIMALs exact.
    Record,
}

impl Form {
    /// Of the members of a STRUCT that stands here.
    fn of_members(self) -> Self {
        if self == Self::Record { self } else { Self::Inside }
    }
}

/// `depth` levels below the column.
fn build(sql_type: &SqlType, form: Form, overlays: &[OverlayPath], depth: usize) -> Result<Node> {
    if depth > MAX_DEPTH {
        return Err(Error::new(Kind::Schema, format!("a type of more than {MAX_DEPTH} levels")));
    }
    let encoding = if form == Form::Outside { Encoding::Text } else { Encoding::Integer };
    Ok(Node::new(match sql_type {
        SqlType::Boolean => Values::Boolean(Vec::new()),
        SqlType::Integer => Values::Integer(Vec::new()),
        SqlType::BigInt => Values::BigInt(Vec::new()),
        SqlType::Double => Values::Double(Vec::new()),
        SqlType::String => Values::String(Texts::new()),
        SqlType::Bytes => Values::Bytes(Texts::new()),
        SqlType::Decimal { precision, scale } => decimal(*precision, *scale, form)?,
        SqlType::Date => Values::Date { values: Vec::new(), encoding },
        SqlType::Time => Values::Time { values: Vec::new(), encoding },
        SqlType::Timestamp => Values::Timestamp { values: Vec::new(), encoding },
        SqlType::Array(element) => {
            Values::List { offsets: Offsets::new(), element: Box::new(build(element, form, &[], depth + 1)?) }
        }
        SqlType::Map(key, value) => {
            if matches!(**key, SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_)) {
                return Err(Error::new(Kind::Schema, "a MAP whose keys are of a nested type cannot be read"));
            }
            Values::Map {
                offsets: Offsets::new(),
                key: Box::new(build(key, form, &[], depth + 1)?),
                value: Box::new(build(value, form, &[], depth + 1)?),
                pairs: form == Form::Inside && **key != SqlType::String,
            }
        }
        SqlType::Struct(fields) => Values::Struct(members(fields, form, overlays, depth)?),
    }))
}

fn decimal(precision: u32, scale: u32, form: Form) -> Result<Values> {
    let inside = form == Form::Inside;
    if inside && precision > DOUBLE_DIGITS {
        return Err(Error::new(
            Kind::Schema,
            format!(
                "a DECIMAL({precision}, {scale}) inside a STRUCT loses digits on its way from the server"
            ),
        )
        .next("exclude the column, or derive a stream or table with auto.offset.reset=earliest that has the member as a column of its own"));
    }
    // The limits of Arrow, checked where its types are made.
    // Refuses what no Parquet type keeps.
    SqlType::Decimal { precision, scale }.arrow()?;
    let narrow =
        |n: u32| u8::try_from(n).map_err(|_| Error::new(Kind::Bug, "a DECIMAL wider than its limit"));
    let shape = Shape { precision: narrow(precision)?, scale: narrow(scale)?, through_double: inside };
    Ok(if precision <= 38 {
        Values::Decimal128 { values: Vec::new(), shape }
    } else {
        Values::Decimal256 { values: Vec::new(), shape }
    })
}

fn members(fields: &[Field], form: Form, overlays: &[OverlayPath], depth: usize) -> Result<Vec<Member>> {
    if overlays.iter().any(|overlay| !fields.iter().any(|field| overlay.path.first() == Some(&field.name))) {
        return Err(lost_path());
    }
    let mut members: Vec<Member> = Vec::with_capacity(fields.len());
    for field in fields {
        if members.iter().any(|member| member.name == field.name) {
            return Err(
                Error::new(Kind::Schema, "a STRUCT has the same member twice").at("member", &field.name)
            );
        }
        let node = member(field, form, overlays, depth).map_err(|error| error.at("member", &field.name))?;
        let quoted = serde_json::to_string(&field.name)
            .map_err(|error| Error::new(Kind::Bug, "a name cannot be written as JSON").because(error))?;
        members.push(Member {
            name: field.name.clone(),
            any_case: field.name == field.name.to_uppercase(),
            first: Prefix::new(format!("{quoted}:")),
            next: Prefix::new(format!(",{quoted}:")),
            node,
        });
    }
    Ok(members)
}

fn member(field: &Field, form: Form, overlays: &[OverlayPath], depth: usize) -> Result<Node> {
    let mut further = Vec::new();
    for overlay in overlays {
        if let Some((name, path)) = overlay.path.split_first()
            && *name == field.name
        {
            further.push(OverlayPath { path, ..*overlay });
        }
    }
    match further.as_slice() {
        [overlay] if overlay.path.is_empty() => {
            if !matches!(field.sql_type, SqlType::Decimal { .. }) || *overlay.sql_type != field.sql_type {
                return Err(lost_path());
            }
            Ok(Node::new(Values::Overlaid(overlay.index)))
        }
        overlays if overlays.is_empty() || matches!(field.sql_type, SqlType::Struct(_)) => {
            if overlays.iter().any(|overlay| overlay.path.is_empty()) {
                return Err(lost_path());
            }
            build(&field.sql_type, form.of_members(), overlays, depth + 1)
        }
        _ => Err(lost_path()),
    }
}

fn lost_path() -> Error {
    Error::new(Kind::Bug, "an overlay that does not lead to one DECIMAL of the same type inside a STRUCT")
}
