//! The WHERE of a query: three-valued, as SQL has it, and the offsets that can meet it at all.

use std::cmp::Ordering;

use super::catalog::{Origin, Row};
use super::cell::Cell;
use super::sql::Compare;

/// A condition bound to the columns of its source.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Compare(Term, Compare, Term),
    IsNull(Term),
    In(Term, Vec<Term>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

/// A side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Term {
    Column(Origin),
    Constant(Value),
}

/// A value to compare.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Term {
    fn value(&self, row: &Row<'_>) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Column(origin) => origin.value(row),
        }
    }
}

impl Value {
    /// A JSON value as it stands in a row.
    pub(super) fn from_json(text: &[u8]) -> Self {
        match serde_json::from_slice::<serde_json::Value>(text) {
            Ok(serde_json::Value::Number(number)) => match number.as_i64() {
                Some(whole) => Self::Whole(whole),
                None => number.as_f64().map_or(Self::Null, Self::Real),
            },
            Ok(serde_json::Value::String(text)) => Self::Text(text),
            Ok(serde_json::Value::Null) | Err(_) => Self::Null,
            Ok(other) => Self::Text(other.to_string()),
        }
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (Self::Whole(a), Self::Real(b)) => (*a as f64).partial_cmp(b),
            (Self::Real(a), Self::Whole(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

impl Compare {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Condition {
    /// Whether the row is kept: only if the condition is true, not if it is unknown.
    pub(super) fn keeps(&self, row: &Row<'_>) -> bool {
        self.value(row) == Some(true)
    }

    fn value(&self, row: &Row<'_>) -> Option<bool> {
        match self {
            Self::Compare(left, compare, right) => {
                left.value(row).compare(&right.value(row)).map(|ordering| compare.holds(ordering))
            }
            Self::IsNull(term) => Some(term.value(row) == Value::Null),
            Self::In(term, members) => {
                let value = term.value(row);
                let mut unknown = value == Value::Null;
                for member in members {
                    match value.compare(&member.value(row)) {
                        Some(Ordering::Equal) => return Some(true),
                        Some(_) => {}
                        None => unknown = true,
                    }
                }
                if unknown { None } else { Some(false) }
            }
            Self::And(parts) => decide(parts, row, false),
            Self::Or(parts) => decide(parts, row, true),
            Self::Not(inner) => inner.value(row).map(|value| !value),
        }
    }

    /// The offsets of a partition outside of which no row is kept: from the first up to, not including, the second.
    ///
    /// A real server reads every record and drops most; the answer is the same.
    pub(super) fn bounds(&self, partition: u64) -> (u64, u64) {
        const ALL: (u64, u64) = (0, u64::MAX);
        const NONE: (u64, u64) = (0, 0);
        match self {
            Self::Compare(Term::Column(Origin::Record(Cell::RowPartition)), compare, Term::Constant(c)) => {
                let own = Value::Whole(i64::try_from(partition).unwrap_or(i64::MAX));
                let holds = own.compare(c).is_some_and(|ordering| compare.holds(ordering));
                if holds { ALL } else { NONE }
            }
            Self::Compare(
                Term::Column(Origin::Record(Cell::RowOffset)),
                compare,
                Term::Constant(Value::Whole(offset)),
            ) => {
                let Ok(offset) = u64::try_from(*offset) else { return ALL };
                match compare {
                    Compare::Equal => (offset, offset.saturating_add(1)),
                    Compare::Less => (0, offset),
                    Compare::LessOrEqual => (0, offset.saturating_add(1)),
                    Compare::Greater => (offset.saturating_add(1), u64::MAX),
                    Compare::GreaterOrEqual => (offset, u64::MAX),
                    Compare::NotEqual => ALL,
                }
            }
            Self::And(parts) => parts
                .iter()
                .map(|part| part.bounds(partition))
                .fold(ALL, |all, part| (all.0.max(part.0), all.1.min(part.1))),
            Self::Or(parts) => parts
                .iter()
                .map(|part| part.bounds(partition))
                .filter(|(low, high)| low < high)
                .reduce(|all, part| (all.0.min(part.0), all.1.max(part.1)))
                .unwrap_or(NONE),
            _ => ALL,
        }
    }

    /// The text that `column` must be equal to, if the condition says so for all rows.
    pub(super) fn pinned(&self, column: Origin) -> Option<&str> {
        match self {
            Self::Compare(Term::Column(own), Compare::Equal, Term::Constant(Value::Text(text)))
                if *own == column =>
            {
                Some(text)
            }
            Self::And(parts) => parts.iter().find_map(|part| part.pinned(column)),
            _ => None,
        }
    }
}

/// AND (`decisive` false) or OR (true): one decisive part decides, else one unknown part leaves it unknown.
fn decide(parts: &[Condition], row: &Row<'_>, decisive: bool) -> Option<bool> {
    let mut value = Some(!decisive);
    for part in parts {
        match part.value(row) {
            Some(own) if own == decisive => return Some(decisive),
            Some(_) => {}
            None => value = None,
        }
    }
    value
}
