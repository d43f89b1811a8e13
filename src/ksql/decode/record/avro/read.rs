//! A datum becomes values in the buffers, as its plan says.

use super::super::super::cursor::MAX_DEPTH;
use super::super::super::fault::{Fault, Read, Step};
use super::super::super::known::DOUBLE_KEY;
use super::super::super::node::{Member, Node, Values};
use super::super::super::read::{closed, has_duplicates, placed};
use super::super::super::time;
use super::number;
use super::plan::{Field, Op, Part, Plan};
use super::schema::{AvroSchema, Type};

/// The bytes of a value and how far they are read.
#[derive(Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Plan {
    /// Reads the datum that begins at `start`; false when it is null.
    pub(super) fn read(&self, bytes: &[u8], start: usize, members: &mut [Member]) -> Read<bool> {
        let mut c = Cursor { bytes, at: start };
        let mut op = &self.op;
        while let Op::Union(ops) = op {
            op = &ops[c.index(ops.len())?];
        }
        if matches!(op, Op::Null) {
            return Ok(false);
        }
        let run = Run { schema: &self.schema };
        match members.first_mut() {
            _ if self.wrapped => {
                let start = c.at;
                // A null among several types.
                if let Op::Branches(branches) = op
                    && branches[c.index(branches.len())?].is_none()
                {
                    return Ok(false);
                }
                c.at = start;
                run.members(&mut c, op, members)?;
            }
            Some(member) => run.node(&mut c, op, &mut member.node)?,
            None => run.ignore(&mut c, op)?,
        }
        Ok(true)
    }
}

/// What reading needs to know everywhere.
#[derive(Clone, Copy)]
struct Run<'a> {
    schema: &'a AvroSchema,
}

impl Run<'_> {
    /// Gives the node one value more.
    fn node(self, c: &mut Cursor, op: &Op, node: &mut Node) -> Read {
        match (op, &mut node.values) {
            (Op::Scalar(place), _) => return self.scalar(c, *place, node),
            (Op::Union(ops), _) => {
                let branch = c.index(ops.len())?;
                return self.node(c, &ops[branch], node);
            }
            (Op::Null, _) => {
                node.push_null();
                return Ok(());
            }
            (Op::List(op), Values::List { offsets, element }) => {
                let mut index = 0;
                c.blocks(|c| {
                    self.node(c, op, element).map_err(|fault| fault.inside(Step::Index(index)))?;
                    index += 1;
                    Ok(())
                })?;
                closed(c.at, offsets.push(element.len()))?;
            }
            (Op::Map(op), Values::Map { offsets, key, value, .. }) => {
                let start = offsets.end();
                c.blocks(|c| {
                    let text = c.text()?;
                    push_text(c.at, text, key)?;
                    self.node(c, op, value).map_err(|fault| fault.inside(Step::key(text)))
                })?;
                end_map(c.at, start, offsets, key)?;
            }
            (Op::Entries(parts), Values::Map { offsets, key, value, .. }) => {
                let start = offsets.end();
                let mut index = 0;
                c.blocks(|c| {
                    let inside = |fault: Fault| fault.inside(Step::Index(index));
                    for part in parts {
                        match part {
                            Part::Key(op) => self.node(c, op, key).map_err(inside)?,
                            Part::Value(op) => self.node(c, op, value).map_err(inside)?,
                        }
                    }
                    if key.nulls.is_null(key.len() - 1) {
                        return Err(inside(Fault::new(c.at, "a MAP key that is null")));
                    }
                    index += 1;
                    Ok(())
                })?;
                end_map(c.at, start, offsets, key)?;
            }
            (Op::Branches(branches), Values::Struct(_)) => {
                let start = c.at;
                if branches[c.index(branches.len())?].is_none() {
                    node.push_null();
                    return Ok(());
                }
                c.at = start;
                if let Values::Struct(members) = &mut node.values {
                    self.members(c, op, members)?;
                }
            }
            (Op::Members { .. }, Values::Struct(members)) => self.members(c, op, members)?,
            (op, _) => return Err(refused(c.at, op)),
        }
        node.nulls.push_valid();
        Ok(())
    }

    /// Gives each member one value more.
    fn members(self, c: &mut Cursor, op: &Op, members: &mut [Member]) -> Read {
        match op {
            Op::Members { fields, missing } => {
                for field in fields {
                    self.field(c, field, members)?;
                }
                for at in missing {
                    members[*at].node.push_null();
                }
                Ok(())
            }
            Op::Branches(branches) => {
                let Some(field) = &branches[c.index(branches.len())?] else {
                    return Err(Fault::new(c.at, "null where a record is to be"));
                };
                let taken = if let Field::Read { member, .. } = field { Some(*member) } else { None };
                self.field(c, field, members)?;
                for (at, member) in members.iter_mut().enumerate() {
                    if taken != Some(at) {
                        member.node.push_null();
                    }
                }
                Ok(())
            }
            op => Err(refused(c.at, op)),
        }
    }

    fn field(self, c: &mut Cursor, field: &Field, members: &mut [Member]) -> Read {
        match field {
            Field::Skip(place) => self.skip(c, *place, 0),
            Field::Read { member, op } => {
                let member = &mut members[*member];
                self.node(c, op, &mut member.node)
                    .map_err(|fault| fault.inside(Step::Name(member.name.clone())))
            }
        }
    }

    #[inline]
    fn scalar(self, c: &mut Cursor, place: usize, node: &mut Node) -> Read {
        let at = c.at;
        match (self.schema.at(place), &mut node.values) {
            (Type::Int, Values::Integer(values) | Values::Date { values, .. }) => values.push(c.int()?),
            (Type::Int, Values::BigInt(values)) => values.push(c.int()?.into()),
            (Type::Long, Values::BigInt(values)) => values.push(c.long()?),
            (Type::Float, Values::Double(values)) => values.push(c.float()?.into()),
            (Type::Double, Values::Double(values)) => values.push(c.double()?),
            (Type::Boolean, Values::Boolean(values)) => values.push(c.boolean()?),
            (Type::Int, Values::Time { values, .. }) => {
                values.push(placed(at, time::time_millis(c.int()?.into()))?);
            }
            (Type::Int, Values::Timestamp { values, .. }) => {
                values.push(placed(at, time::timestamp_millis(c.int()?.into()))?);
            }
            (Type::Long, Values::Timestamp { values, .. }) => {
                values.push(placed(at, time::timestamp_millis(c.long()?))?);
            }
            (Type::String, _) => {
                let text = c.text()?;
                return push_text(at, text, node);
            }
            (ty, Values::String(texts)) => {
                let out = &mut texts.bytes;
                match ty {
                    Type::Enum(_, symbols) => {
                        let symbol = c.index(symbols.len())?;
                        out.extend_from_slice(symbols[symbol].as_bytes());
                    }
                    Type::Boolean => out.extend_from_slice(if c.boolean()? { b"true" } else { b"false" }),
                    Type::Int => out.extend_from_slice(c.int()?.to_string().as_bytes()),
                    Type::Long => out.extend_from_slice(c.long()?.to_string().as_bytes()),
                    Type::Float => number::print(c.float()?, out),
                    Type::Double => number::print(c.double()?, out),
                    _ => return Err(disagree(at)),
                }
                closed(at, texts.close())?;
            }
            (Type::Bytes(None), Values::Bytes(texts)) => {
                texts.bytes.extend_from_slice(c.text()?);
                closed(at, texts.close())?;
            }
            (Type::Fixed(size, None), Values::Bytes(texts)) => {
                texts.bytes.extend_from_slice(c.take(*size)?);
                closed(at, texts.close())?;
            }
            (Type::Bytes(Some(scale)) | Type::Fixed(_, Some(scale)), values) => {
                let bytes = match self.schema.at(place) {
                    Type::Fixed(size, _) => c.take(*size)?,
                    _ => c.text()?,
                };
                match values {
                    Values::Decimal128 { values, shape } => {
                        let value = placed(at, number::decimal(bytes, *scale, *shape))?;
                        values.push(value.to_i128().ok_or_else(|| disagree(at))?);
                    }
                    Values::Decimal256 { values, shape } => {
                        values.push(placed(at, number::decimal(bytes, *scale, *shape))?);
                    }
                    _ => return Err(disagree(at)),
                }
            }
            _ => return Err(disagree(at)),
        }
        node.nulls.push_valid();
        Ok(())
    }

    /// Passes over the value of a column that is left out.
    fn ignore(self, c: &mut Cursor, op: &Op) -> Read {
        if let Op::Skip(place) = op { self.skip(c, *place, 0) } else { Err(refused(c.at, op)) }
    }

    /// Passes over a value.
    fn skip(self, c: &mut Cursor, place: usize, depth: usize) -> Read {
        if self.schema.is_empty(place) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(Fault::new(c.at, format!("a value of more than {MAX_DEPTH} levels")));
        }
        match self.schema.at(place) {
            Type::Null => Ok(()),
            Type::Boolean => c.take(1).map(drop),
            Type::Int | Type::Long | Type::Enum(..) => c.long().map(drop),
            Type::Float => c.take(4).map(drop),
            Type::Double => c.take(8).map(drop),
            Type::String | Type::Bytes(_) => c.text().map(drop),
            Type::Fixed(size, _) => c.take(*size).map(drop),
            Type::Union(branches) => {
                let branch = c.index(branches.len())?;
                self.skip(c, branches[branch], depth + 1)
            }
            Type::Record(record) => {
                record.fields.iter().try_for_each(|(_, place)| self.skip(c, *place, depth + 1))
            }
            Type::Array(element) => {
                // Elements without bytes are none to pass over, however many.
                let empty = self.schema.is_empty(*element);
                c.skip_blocks(empty, |c| self.skip(c, *element, depth + 1))
            }
            Type::Map(values) => c.skip_blocks(false, |c| {
                c.text()?;
                self.skip(c, *values, depth + 1)
            }),
        }
    }
}

/// Ends a map whose keys begin at `start`.
fn end_map(at: usize, start: usize, offsets: &mut super::super::super::buffer::Offsets, key: &Node) -> Read {
    if has_duplicates(key, start) {
        return Err(Fault::new(at, DOUBLE_KEY));
    }
    closed(at, offsets.push(key.len()))
}

/// A text; what is not UTF-8 becomes replacement characters, as in Java.
#[inline]
fn push_text(at: usize, text: &[u8], node: &mut Node) -> Read {
    let Values::String(texts) = &mut node.values else { return Err(disagree(at)) };
    match std::str::from_utf8(text) {
        Ok(_) => texts.bytes.extend_from_slice(text),
        Err(_) => texts.bytes.extend_from_slice(String::from_utf8_lossy(text).as_bytes()),
    }
    closed(at, texts.close())?;
    node.nulls.push_valid();
    Ok(())
}

#[cold]
fn refused(at: usize, op: &Op) -> Fault {
    match op {
        Op::Mismatch(why) => Fault::new(at, why.clone()),
        _ => disagree(at),
    }
}

#[cold]
fn disagree(at: usize) -> Fault {
    Fault::new(at, "the schema and the column do not agree")
}

impl<'a> Cursor<'a> {
    #[inline]
    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(Fault::new(self.at, "the datum is cut off")),
        }
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| disagree(at))
    }

    /// A number of 7 bits a byte, the lowest first, its sign in the lowest bit.
    #[inline]
    fn long(&mut self) -> Read<i64> {
        let start = self.at;
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(Fault::new(self.at, "the datum is cut off"));
            };
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return Err(Fault::new(start, "a number of more than 64 bits"));
            }
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
            shift += 7;
        }
    }

    #[inline]
    fn int(&mut self) -> Read<i32> {
        let start = self.at;
        i32::try_from(self.long()?).map_err(|_| Fault::new(start, "an int of more than 32 bits"))
    }

    fn float(&mut self) -> Read<f32> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    fn double(&mut self) -> Read<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    fn boolean(&mut self) -> Read<bool> {
        let at = self.at;
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Fault::new(at, "a boolean that is neither 0 nor 1")),
        }
    }

    /// Bytes behind their number.
    #[inline]
    fn text(&mut self) -> Read<&'a [u8]> {
        let at = self.at;
        let count = self.long()?;
        let count = usize::try_from(count).map_err(|_| Fault::new(at, "a length below zero"))?;
        self.take(count)
    }

    /// A place among `count`: the branch of a union, the symbol of an enum.
    #[inline]
    fn index(&mut self, count: usize) -> Read<usize> {
        let at = self.at;
        let index = usize::try_from(self.long()?).ok().filter(|index| *index < count);
        index.ok_or_else(|| Fault::new(at, "a branch or symbol that the schema does not have"))
    }

    /// Each element of an array or map, block by block.
    fn blocks(&mut self, mut each: impl FnMut(&mut Self) -> Read) -> Read {
        while let Some((count, _)) = self.block()? {
            // Each has a byte at least.
            if count > self.left() as u64 {
                return Err(Fault::new(self.at, "the datum is cut off"));
            }
            for _ in 0..count {
                each(self)?;
            }
        }
        Ok(())
    }

    /// Passes over an array or map.
    fn skip_blocks(&mut self, empty: bool, mut each: impl FnMut(&mut Self) -> Read) -> Read {
        while let Some((count, size)) = self.block()? {
            match size {
                Some(size) => drop(self.take(size)?),
                None if empty => {}
                None if count > self.left() as u64 => {
                    return Err(Fault::new(self.at, "the datum is cut off"));
                }
                None => {
                    for _ in 0..count {
                        each(self)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Elements of the next block, and their bytes where the writer tells; `None` at the end.
    fn block(&mut self) -> Read<Option<(u64, Option<usize>)>> {
        let at = self.at;
        match self.long()? {
            0 => Ok(None),
            count if count < 0 => {
                let size = usize::try_from(self.long()?);
                let size = size.map_err(|_| Fault::new(at, "a size below zero"))?;
                Ok(Some((count.unsigned_abs(), Some(size))))
            }
            count => Ok(Some((count.unsigned_abs(), None))),
        }
    }
}
