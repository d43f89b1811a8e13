//! The writer's types beside our columns, compiled once for each schema id.

use std::sync::Arc;

use super::super::super::node::{Member, Node, Values};
use super::schema::{AvroSchema, Record, Type};

/// How values of one writer's schema become values of our columns.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) schema: Arc<AvroSchema>,
    /// An object with the columns, not one column alone.
    pub(super) wrapped: bool,
    pub(super) op: Op,
}

/// What is done with the next value.
#[derive(Debug)]
pub(super) enum Op {
    /// There is none: null.
    Null,
    /// Nobody wants it.
    Skip(usize),
    /// A value without parts.
    Scalar(usize),
    List(Box<Op>),
    Map(Box<Op>),
    /// An array of records of a key and a value.
    Entries(Vec<Part>),
    Members {
        /// What is done with each field, in the writer's order.
        fields: Vec<Field>,
        /// Members that the writer does not have.
        missing: Vec<usize>,
    },
    /// One of several types, into one place.
    Union(Vec<Op>),
    /// One of several types, each into a member of its own.
    Branches(Vec<Option<Field>>),
    /// The column does not take the type: why.
    Mismatch(String),
}

/// A field of a record.
#[derive(Debug)]
pub(super) enum Field {
    Skip(usize),
    Read { member: usize, op: Op },
}

/// A field of a map's entry.
#[derive(Debug)]
pub(super) enum Part {
    Key(Op),
    Value(Op),
}

impl Plan {
    pub(super) fn new(schema: Arc<AvroSchema>, wrapped: bool, members: &[Member]) -> Self {
        let root = schema.root();
        let op = match members.first() {
            _ if wrapped => members_op(&schema, root, members),
            Some(member) => op(&schema, root, &member.node),
            None => nothing(&schema, root),
        };
        Self { schema, wrapped, op }
    }
}

/// A value that no column takes: only whether it is null matters.
fn nothing(schema: &AvroSchema, place: usize) -> Op {
    match schema.at(place) {
        Type::Null => Op::Null,
        Type::Union(branches) => Op::Union(branches.iter().map(|branch| nothing(schema, *branch)).collect()),
        _ => Op::Skip(place),
    }
}

fn op(schema: &AvroSchema, place: usize, node: &Node) -> Op {
    let ty = schema.at(place);
    match (ty, &node.values) {
        (Type::Union(branches), _) => union(
            schema,
            branches,
            |branch| op(schema, branch, node),
            || match &node.values {
                Values::Struct(members) => Some(members),
                _ => None,
            },
        ),
        (Type::Array(element), Values::List { element: node, .. }) => match empty(schema, *element) {
            Some(mismatch) => mismatch,
            None => Op::List(Box::new(op(schema, *element, node))),
        },
        (Type::Array(element), Values::Map { key, value, .. }) => match schema.at(*element) {
            Type::Record(record) if record.is_entry => entries(schema, *element, record, key, value),
            _ => mismatch(ty, &node.values),
        },
        (Type::Map(values), Values::Map { key, value, .. }) if matches!(key.values, Values::String(_)) => {
            Op::Map(Box::new(op(schema, *values, value)))
        }
        (Type::Record(_), Values::Struct(members)) => members_op(schema, place, members),
        (ty, values) if fits(ty, values) => Op::Scalar(place),
        (ty, values) => mismatch(ty, values),
    }
}

/// Members of a STRUCT, or the columns, from a record or a union.
fn members_op(schema: &AvroSchema, place: usize, members: &[Member]) -> Op {
    match schema.at(place) {
        Type::Record(record) => record_op(schema, record, members),
        Type::Union(branches) => {
            union(schema, branches, |branch| members_op(schema, branch, members), || Some(members))
        }
        other => Op::Mismatch(format!("the schema has {} where a record is to be", other.name())),
    }
}

fn record_op(schema: &AvroSchema, record: &Record, members: &[Member]) -> Op {
    let taken: Vec<_> = record.fields.iter().map(|(name, _)| member_of(name, members)).collect();
    let fields = record.fields.iter().enumerate().map(|(at, (_, place))| match taken[at] {
        // Of two spellings of one name the last counts.
        Some(member) if !taken[at + 1..].contains(&Some(member)) => {
            Field::Read { member, op: op(schema, *place, &members[member].node) }
        }
        _ => Field::Skip(*place),
    });
    let fields = fields.collect();
    let missing = (0..members.len()).filter(|member| !taken.contains(&Some(*member))).collect();
    Op::Members { fields, missing }
}

/// The member that a field goes into: of its name, or of its name in upper case. No name of AVRO has a dot, and ksqlDB has
/// an underscore in its place.
fn member_of(name: &str, members: &[Member]) -> Option<usize> {
    let of = |name: &str| members.iter().position(|member| member.name.replace('.', "_") == name);
    of(name).or_else(|| of(&name.to_uppercase()))
}

/// `null` and one other type is that type, as is a type alone; several are a STRUCT with a member for each.
fn union<'a>(
    schema: &AvroSchema,
    branches: &[usize],
    of: impl Fn(usize) -> Op,
    members: impl FnOnce() -> Option<&'a [Member]>,
) -> Op {
    let is_null = |place: &usize| *schema.at(*place) == Type::Null;
    let null_or =
        |place: &usize, op: &dyn Fn(usize) -> Op| if is_null(place) { Op::Null } else { op(*place) };
    if branches.iter().filter(|place| !is_null(place)).count() <= 1 {
        let ops: Vec<_> = branches.iter().map(|place| null_or(place, &of)).collect();
        // A type that does not fit is none, whatever the value: a null is refused too.
        return match ops.iter().position(|op| matches!(op, Op::Mismatch(_))) {
            Some(at) => ops.into_iter().nth(at).unwrap_or(Op::Null),
            None => Op::Union(ops),
        };
    }
    let Some(members) = members() else {
        return Op::Mismatch("the schema has a union of several types, which only a STRUCT takes".to_owned());
    };
    let branch = |place: &usize| {
        (!is_null(place)).then(|| match member_of(schema.branch_name(*place), members) {
            Some(member) => Field::Read { member, op: op(schema, *place, &members[member].node) },
            None => Field::Skip(*place),
        })
    };
    Op::Branches(branches.iter().map(branch).collect())
}

fn entries(schema: &AvroSchema, place: usize, record: &Record, key: &Node, value: &Node) -> Op {
    if let Some(mismatch) = empty(schema, place) {
        return mismatch;
    }
    let part = |(name, place): &(String, usize)| match name.as_str() {
        "key" => Some(Part::Key(op(schema, *place, key))),
        "value" => Some(Part::Value(op(schema, *place, value))),
        _ => None,
    };
    let parts: Option<Vec<_>> = record.fields.iter().map(part).collect();
    match parts {
        Some(parts)
            if matches!(
                parts.as_slice(),
                [Part::Key(_), Part::Value(_)] | [Part::Value(_), Part::Key(_)]
            ) =>
        {
            Op::Entries(parts)
        }
        _ => Op::Mismatch("the schema has entries of a map that are not key and value".to_owned()),
    }
}

/// Elements without bytes could be any number.
fn empty(schema: &AvroSchema, element: usize) -> Option<Op> {
    schema.is_empty(element).then(|| Op::Mismatch("the schema has elements without bytes".to_owned()))
}

/// Whether a column takes a type without parts.
fn fits(ty: &Type, values: &Values) -> bool {
    match ty {
        Type::Boolean => matches!(values, Values::Boolean(_) | Values::String(_)),
        Type::Int => matches!(
            values,
            Values::Integer(_)
                | Values::BigInt(_)
                | Values::String(_)
                | Values::Date { .. }
                | Values::Time { .. }
                | Values::Timestamp { .. }
        ),
        Type::Long => matches!(values, Values::BigInt(_) | Values::String(_) | Values::Timestamp { .. }),
        Type::Float | Type::Double => matches!(values, Values::Double(_) | Values::String(_)),
        Type::String | Type::Enum(..) => matches!(values, Values::String(_)),
        Type::Bytes(None) | Type::Fixed(_, None) => matches!(values, Values::Bytes(_)),
        Type::Bytes(Some(_)) | Type::Fixed(_, Some(_)) => {
            matches!(values, Values::Decimal128 { .. } | Values::Decimal256 { .. })
        }
        Type::Null | Type::Array(_) | Type::Map(_) | Type::Record(_) | Type::Union(_) => false,
    }
}

fn mismatch(ty: &Type, values: &Values) -> Op {
    let ours = match values {
        Values::Boolean(_) => "BOOLEAN",
        Values::Integer(_) => "INTEGER",
        Values::BigInt(_) => "BIGINT",
        Values::Double(_) => "DOUBLE",
        Values::String(_) => "STRING",
        Values::Bytes(_) => "BYTES",
        Values::Decimal128 { .. } | Values::Decimal256 { .. } | Values::Overlaid(_) => "DECIMAL",
        Values::Date { .. } => "DATE",
        Values::Time { .. } => "TIME",
        Values::Timestamp { .. } => "TIMESTAMP",
        Values::List { .. } => "ARRAY",
        Values::Map { .. } => "MAP",
        Values::Struct(_) => "STRUCT",
    };
    let theirs = match ty {
        Type::Bytes(Some(_)) | Type::Fixed(_, Some(_)) => "a decimal",
        other => other.name(),
    };
    Op::Mismatch(format!("the schema has {theirs}, which no {ours} takes"))
}
