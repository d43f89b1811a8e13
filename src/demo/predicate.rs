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
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
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
        self.truth(row) == Some(true)
    }

    fn truth(&self, row: &Row<'_>) -> Option<bool> {
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
            Self::And(left, right) => match (left.truth(row), right.truth(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.truth(row), right.truth(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.truth(row).map(|truth| !truth),
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
            Self::And(left, right) => {
                let (left, right) = (left.bounds(partition), right.bounds(partition));
                (left.0.max(right.0), left.1.min(right.1))
            }
            Self::Or(left, right) => {
                let (left, right) = (left.bounds(partition), right.bounds(partition));
                if left.0 >= left.1 {
                    right
                } else if right.0 >= right.1 {
                    left
                } else {
                    (left.0.min(right.0), left.1.max(right.1))
                }
            }
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
            Self::And(left, right) => left.pinned(column).or_else(|| right.pinned(column)),
            _ => None,
        }
    }
}
