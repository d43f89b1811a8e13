//! The buffers of a column: a tree in the shape of its type, never of its values.
//!
//! ```text
//! ARRAY<STRUCT<`SKU` STRING, `QTY` INTEGER>>      Node { nulls, List }
//!                                                        └─ Node { nulls, Struct }
//!                                                           ├─ SKU  Node { nulls, String }
//!                                                           └─ QTY  Node { nulls, Integer }
//! ```
//!
//! The length of a node is that of its nulls; buffers may be longer while a row is being read. It knows no bytes of rows
//! (`read`) and no arrays (`finish`).

use std::cmp::Ordering;

use arrow::datatypes::i256;

use super::buffer::{Nulls, Offsets, Texts};
use super::number::Shape;
use super::scan::Prefix;

/// A column, or a part of one.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) nulls: Nulls,
    pub(super) values: Values,
}

/// The values by type; `encoding` says how they arrive, fixed when the schema is known.
#[derive(Debug)]
pub(super) enum Values {
    Boolean(Vec<bool>),
    Integer(Vec<i32>),
    BigInt(Vec<i64>),
    Double(Vec<f64>),
    String(Texts),
    Bytes(Texts),
    Decimal128 {
        values: Vec<i128>,
        shape: Shape,
    },
    Decimal256 {
        values: Vec<i256>,
        shape: Shape,
    },
    Date {
        values: Vec<i32>,
        encoding: Encoding,
    },
    Time {
        values: Vec<i64>,
        encoding: Encoding,
    },
    Timestamp {
        values: Vec<i64>,
        encoding: Encoding,
    },
    List {
        offsets: Offsets,
        element: Box<Node>,
    },
    Map {
        offsets: Offsets,
        key: Box<Node>,
        value: Box<Node>,
        /// `[[k,v],…]` instead of an object.
        pairs: bool,
    },
    Struct(Vec<Member>),
    /// A DECIMAL whose digits come with another column: that one's place among the overlays.
    Overlaid(usize),
}

/// How dates and times arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Strings, as outside of a STRUCT.
    Text,
    /// Integers, as inside of one.
    Integer,
}

/// A member of a STRUCT.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// A name without quotes in its declaration: a topic's record may spell it in any case.
    pub(super) any_case: bool,
    /// `"NAME":` as it stands in the row, and with the comma behind another member.
    pub(super) first: Prefix,
    pub(super) next: Prefix,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn new(values: Values) -> Self {
        Self { nulls: Nulls::default(), values }
    }

    /// Values that are complete.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Adds a null; below a STRUCT, to its members too.
    pub(super) fn push_null(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.push(false),
            Values::Integer(values) | Values::Date { values, .. } => values.push(0),
            Values::BigInt(values) | Values::Time { values, .. } | Values::Timestamp { values, .. } => {
                values.push(0);
            }
            Values::Double(values) => values.push(0.0),
            Values::String(texts) | Values::Bytes(texts) => texts.push_empty(),
            Values::Decimal128 { values, .. } => values.push(0),
            Values::Decimal256 { values, .. } => values.push(i256::ZERO),
            Values::List { offsets, .. } | Values::Map { offsets, .. } => offsets.push_empty(),
            Values::Struct(members) => members.iter_mut().for_each(|member| member.node.push_null()),
            Values::Overlaid(_) => {}
        }
        self.nulls.push_null();
    }

    /// Cuts back to `len` values, and with them what a value that was not completed left behind.
    pub(super) fn truncate(&mut self, len: usize) {
        match &mut self.values {
            Values::Boolean(values) => values.truncate(len),
            Values::Integer(values) | Values::Date { values, .. } => values.truncate(len),
            Values::BigInt(values) | Values::Time { values, .. } | Values::Timestamp { values, .. } => {
                values.truncate(len);
            }
            Values::Double(values) => values.truncate(len),
            Values::String(texts) | Values::Bytes(texts) => texts.truncate(len),
            Values::Decimal128 { values, .. } => values.truncate(len),
            Values::Decimal256 { values, .. } => values.truncate(len),
            Values::List { offsets, element } => {
                offsets.truncate(len);
                element.truncate(offsets.end());
            }
            Values::Map { offsets, key, value, .. } => {
                offsets.truncate(len);
                key.truncate(offsets.end());
                value.truncate(offsets.end());
            }
            Values::Struct(members) => members.iter_mut().for_each(|member| member.node.truncate(len)),
            Values::Overlaid(_) => {}
        }
        self.nulls.truncate(len);
    }

    /// Bytes of the values held.
    pub(super) fn memory(&self) -> usize {
        let values = match &self.values {
            Values::Boolean(values) => values.len(),
            Values::Integer(values) | Values::Date { values, .. } => size_of_val(values.as_slice()),
            Values::BigInt(values) | Values::Time { values, .. } | Values::Timestamp { values, .. } => {
                size_of_val(values.as_slice())
            }
            Values::Double(values) => size_of_val(values.as_slice()),
            Values::String(texts) | Values::Bytes(texts) => texts.memory(),
            Values::Decimal128 { values, .. } => size_of_val(values.as_slice()),
            Values::Decimal256 { values, .. } => size_of_val(values.as_slice()),
            Values::List { offsets, element } => offsets.memory() + element.memory(),
            Values::Map { offsets, key, value, .. } => offsets.memory() + key.memory() + value.memory(),
            Values::Struct(members) => members.iter().map(|member| member.node.memory()).sum(),
            Values::Overlaid(_) => 0,
        };
        values + self.nulls.memory()
    }

    /// One of the offset buffers comes near the end of what it can address.
    pub(super) fn is_full(&self) -> bool {
        match &self.values {
            Values::String(texts) | Values::Bytes(texts) => texts.is_full(),
            Values::List { offsets, element } => offsets.is_full() || element.is_full(),
            Values::Map { offsets, key, value, .. } => offsets.is_full() || key.is_full() || value.is_full(),
            Values::Struct(members) => members.iter().any(|member| member.node.is_full()),
            _ => false,
        }
    }

    /// The order of two keys of a map, equal only when they are the same key.
    pub(super) fn compare(&self, a: usize, b: usize) -> Ordering {
        match &self.values {
            Values::Boolean(values) => values[a].cmp(&values[b]),
            Values::Integer(values) | Values::Date { values, .. } => values[a].cmp(&values[b]),
            Values::BigInt(values) | Values::Time { values, .. } | Values::Timestamp { values, .. } => {
                values[a].cmp(&values[b])
            }
            Values::Double(values) => values[a].total_cmp(&values[b]),
            Values::String(texts) | Values::Bytes(texts) => texts.get(a).cmp(texts.get(b)),
            Values::Decimal128 { values, .. } => values[a].cmp(&values[b]),
            Values::Decimal256 { values, .. } => values[a].cmp(&values[b]),
            // No keys: the schema was refused.
            Values::List { .. } | Values::Map { .. } | Values::Struct(_) | Values::Overlaid(_) => a.cmp(&b),
        }
    }
}
