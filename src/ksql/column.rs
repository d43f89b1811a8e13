//! What is asked for and what arrives, column by column.
//!
//! The wire loses digits in some places (DECIMAL inside a STRUCT passes through a double, TIME outside of one loses its
//! milliseconds, TIMESTAMP text before 1583 means another day). A [`ReadColumn`] says which expression is selected for a
//! column so that nothing is lost, and how the decoder turns what arrives into the declared type.

use super::schema::SqlType;

/// One item of the SELECT list and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadColumn {
    /// The name that the header must show for it (unquoted).
    pub label: String,
    /// The name in the lake: the source's name, or what `rename` says. Unused by an overlay.
    pub name: String,
    /// The declared type: it gives the Arrow type.
    pub sql_type: SqlType,
    /// What arrives in the row at this place.
    pub wire: Wire,
}

/// How a value arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// As ksqlDB encodes the declared type: outside a STRUCT strings for times and exact numbers for DECIMAL, inside
    /// one integers and doubles.
    AsDeclared,
    /// A TIMESTAMP asked for as `UNIX_TIMESTAMP(c)`: BIGINT milliseconds.
    EpochMillis,
    /// A TIME asked for as `FORMAT_TIME(c, 'HH:mm:ss.SSS')`: STRING.
    TimeText,
    /// A DECIMAL member of a STRUCT asked for on its own (``c->`F` ``), because inside the STRUCT its digits are lost.
    /// The value is no column of its own: its values take the place of the member `path` of the column `column`.
    Overlay {
        /// Index, in the same list, of the STRUCT column that owns the member.
        column: usize,
        /// Names of the members from that column's STRUCT down to the DECIMAL; STRUCTs only, no ARRAY or MAP between.
        path: Vec<String>,
    },
}

impl ReadColumn {
    /// The type that the response's header must announce for this item.
    pub fn wire_type(&self) -> SqlType {
        match self.wire {
            Wire::EpochMillis => SqlType::BigInt,
            Wire::TimeText => SqlType::String,
            Wire::AsDeclared | Wire::Overlay { .. } => self.sql_type.clone(),
        }
    }
}
