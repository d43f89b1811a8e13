//! SQL text: every name quoted, every value kept.
//!
//! ```text
//! DESCRIBE ──select_stream, select_table──▶ Selection ──push_sql, table_pull_sql …──▶ one statement
//!            (or a refusal before any query)                   └──check_header: does the answer hold just this?
//! ```
//!
//! | module | what |
//! |---|---|
//! | `select` | which items are asked for, so that nothing is lost on the wire |
//! | `names` | which names a lake can hold |
//! | `helper` | CREATE statements of the streams that help to know ends and positions |

mod helper;
pub(super) mod names;
mod select;

use std::fmt::Write as _;

pub(super) use helper::FROM_TOPIC;
pub use helper::{ddl_properties, end_helper_ddl, helper_name, is_helper, queryable_ddl, raw_ddl, raw_name};
pub(super) use select::column_order;
pub use select::{select_stream, select_table};

use super::column::ReadColumn;
use super::schema::Column;
use crate::error::{Error, Kind, Result};

/// What is selected, and how it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// One for every item, in order.
    pub columns: Vec<ReadColumn>,
    /// The SQL of every item, in the same order.
    pub exprs: Vec<String>,
    /// Whether `*` must be asked for instead of the items: a table whose header columns precede its values hands out
    /// listed items under each other's names (verified page, fact 7).
    pub star: bool,
}

impl Selection {
    /// Whether the header announces just what was asked for: names, order and types.
    ///
    /// # Errors
    /// [`Kind::Schema`]: the source changed after it was described.
    pub fn check_header(&self, header: &[Column]) -> Result<()> {
        let changed = |what: String| {
            Err(Error::new(
                Kind::Schema,
                format!("the schema changed between DESCRIBE and the header: {what}"),
            )
            .next("run the export again; the new schema is then compared with the lake's"))
        };
        if header.len() != self.columns.len() {
            return changed(format!(
                "{} columns were asked for, {} are announced",
                self.columns.len(),
                header.len()
            ));
        }
        for (i, (asked, announced)) in self.columns.iter().zip(header).enumerate() {
            let wire_type = asked.wire_type();
            if asked.label != announced.name || wire_type != announced.sql_type {
                return changed(format!(
                    "column {} was asked for as `{}` {wire_type} and is announced as `{}` {}",
                    i + 1,
                    asked.label,
                    announced.name,
                    announced.sql_type
                ));
            }
        }
        Ok(())
    }

    fn items(&self) -> String {
        if self.star { "*".to_owned() } else { self.exprs.join(", ") }
    }
}

/// Which offsets of one Kafka partition a query shall deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The partition.
    pub partition: i32,
    /// First offset wanted.
    pub from: i64,
    /// First offset no longer wanted; `None` for no end.
    pub until: Option<i64>,
}

impl Bound {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.until.is_some_and(|until| until <= self.from)
    }
}

/// What becomes of partitions without a [`Bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Their rows are not delivered.
    Exclude,
    /// Their rows are delivered from the first one: partitions may be added while a query runs.
    Include,
}

/// A push query bounded per partition; `SELECT … WHERE (ROWPARTITION=0 AND ROWOFFSET>=5 AND ROWOFFSET<9) OR … EMIT CHANGES;`
///
/// Empty bounds are left out. When nothing at all is wanted, no query should be started; the text then selects nothing.
pub fn push_sql(source: &str, selection: &Selection, bounds: &[Bound], rest: Rest) -> String {
    let filter = filter(bounds, rest);
    format!("SELECT {} FROM {}{filter} EMIT CHANGES;", selection.items(), quote(source))
}

/// The same, only for rows with `from <= ROWTIME < until`, milliseconds since 1970.
pub fn push_between_sql(
    source: &str,
    selection: &Selection,
    bounds: &[Bound],
    [from, until]: [i64; 2],
) -> String {
    let filter = filter(bounds, Rest::Exclude);
    let filter = filter.trim_start_matches(" WHERE ");
    format!(
        "SELECT {} FROM {} WHERE ({filter}) AND ROWTIME>={from} AND ROWTIME<{until} EMIT CHANGES;",
        selection.items(),
        quote(source)
    )
}

/// A pull of a constant over a whole stream: one row per record.
pub fn count_pull_sql(source: &str) -> String {
    format!("SELECT 1 FROM {};", quote(source))
}

/// A scan of a whole table.
pub fn table_pull_sql(source: &str, selection: &Selection) -> String {
    format!("SELECT {} FROM {};", selection.items(), quote(source))
}

/// `` `name` ``, with backticks doubled.
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string literal, with quotes doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// ` WHERE …`, or nothing when nothing is to be left out.
fn filter(bounds: &[Bound], rest: Rest) -> String {
    let mut terms: Vec<String> = bounds
        .iter()
        .filter(|bound| !bound.is_empty())
        .map(|bound| {
            let mut term = format!("(ROWPARTITION={} AND ROWOFFSET>={}", bound.partition, bound.from.max(0));
            if let Some(until) = bound.until {
                let _ = write!(term, " AND ROWOFFSET<{until}");
            }
            term.push(')');
            term
        })
        .collect();
    if rest == Rest::Include {
        let Some(highest) = bounds.iter().map(|bound| bound.partition).max() else { return String::new() };
        let missing = (0..highest).filter(|p| bounds.iter().all(|bound| bound.partition != *p));
        terms.extend(missing.map(|p| format!("(ROWPARTITION={p})")));
        terms.push(format!("(ROWPARTITION>{highest})"));
    }
    if terms.is_empty() {
        terms.push("(ROWPARTITION<0)".to_owned());
    }
    format!(" WHERE {}", terms.join(" OR "))
}

#[cfg(test)]
mod tests;
