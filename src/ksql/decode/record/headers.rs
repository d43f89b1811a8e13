//! Columns of a record's headers: all of them, or the last one of a name.

use super::super::fault::{Fault, Read};
use super::super::node::{Node, Values};
use super::layout::Header;
use super::{kafka, text};

/// A column of headers.
#[derive(Debug)]
pub(super) struct HeaderColumn {
    /// The header of this name; `None` for all of them.
    pub(super) name: Option<String>,
    pub(super) node: Node,
}

impl HeaderColumn {
    /// Gives the column one value more.
    pub(super) fn read(&mut self, headers: &[Header<'_>]) -> Read {
        let Some(name) = &self.name else { return read_all(headers, &mut self.node) };
        if let Some(header) = headers.iter().rev().find(|header| header.name == name) {
            return kafka::push_bytes(header.value, &mut self.node);
        }
        self.node.push_null();
        Ok(())
    }
}

/// All headers: `ARRAY<STRUCT<KEY STRING, VALUE BYTES>>`.
fn read_all(headers: &[Header<'_>], node: &mut Node) -> Read {
    let Values::List { offsets, element } = &mut node.values else {
        return Err(Fault::new(0, "the column of headers is no ARRAY"));
    };
    for header in headers {
        let Values::Struct(members) = &mut element.values else {
            return Err(Fault::new(0, "the column of headers is no ARRAY of STRUCTs"));
        };
        let [name, value] = members.as_mut_slice() else {
            return Err(Fault::new(0, "a header has a name and a value"));
        };
        kafka::push_bytes(Some(header.name.as_bytes()), &mut name.node)?;
        kafka::push_bytes(header.value, &mut value.node)?;
        element.nulls.push_valid();
    }
    if !offsets.push(element.len()) {
        return Err(Fault::new(0, text::TOO_LONG));
    }
    node.nulls.push_valid();
    Ok(())
}
