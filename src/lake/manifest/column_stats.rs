//! What is known of the values of a file's columns, for those who choose files without opening them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hash::ContentHash;

/// By column, what is known of its values in one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ColumnStats(pub(crate) BTreeMap<String, Bounds>);

/// What is known of the values of one column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Rows without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nulls: Option<u64>,
    /// No value is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<Value>,
    /// No value is greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<Value>,
}

impl ColumnStats {
    /// Two files with the same statistics have the same hash.
    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

impl Bounds {
    /// Adds those of another row group: what one of them does not tell, is not known of both.
    pub(crate) fn unite(&mut self, other: Self) {
        self.nulls = self.nulls.zip(other.nulls).map(|(a, b)| a + b);
        self.min = self.min.take().zip(other.min).map(|(a, b)| if is_less(&b, &a) { b } else { a });
        self.max = self.max.take().zip(other.max).map(|(a, b)| if is_less(&a, &b) { b } else { a });
    }
}

fn is_less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a < b,
        (Value::String(a), Value::String(b)) => a.as_bytes() < b.as_bytes(),
        _ => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a < b,
            _ => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a < b),
        },
    }
}
