//! A SELECT bound to its source: which columns the header names, and how a row is printed.

use std::sync::Arc;

use crate::ksql::schema::SqlType;

use super::catalog::{Catalog, Origin, Row, Source, millis};
use super::cell::Cell;
use super::every::Every;
use super::predicate::{Condition, Term, Value};
use super::sql::{Expr, Item, Select};
use super::token::position;
use super::{catalog::SourceColumn, print};

/// A column as the header names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Announced {
    pub(super) name: String,
    pub(super) type_text: String,
    pub(super) key: bool,
}

/// One value of a row.
#[derive(Debug, Clone)]
enum Output {
    Column(Origin),
    Constant(Vec<u8>),
}

/// A query that can be run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) source: Arc<Source>,
    pub(super) columns: Vec<Announced>,
    outputs: Vec<Output>,
    pub(super) condition: Option<Condition>,
    pub(super) push: bool,
    /// At most so many rows.
    pub(super) limit: Option<u64>,
}

/// Type strings as headers show them: names in backticks.
pub(super) fn type_text(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Boolean => "BOOLEAN".into(),
        SqlType::Integer => "INTEGER".into(),
        SqlType::BigInt => "BIGINT".into(),
        SqlType::Double => "DOUBLE".into(),
        SqlType::String => "STRING".into(),
        SqlType::Bytes => "BYTES".into(),
        SqlType::Decimal { precision, scale } => format!("DECIMAL({precision}, {scale})"),
        SqlType::Date => "DATE".into(),
        SqlType::Time => "TIME".into(),
        SqlType::Timestamp => "TIMESTAMP".into(),
        SqlType::Array(member) => format!("ARRAY<{}>", type_text(member)),
        SqlType::Map(key, value) => format!("MAP<{}, {}>", type_text(key), type_text(value)),
        SqlType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("`{}` {}", field.name, type_text(&field.sql_type)))
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
    }
}

/// The `schema` of a header: KEY marks only where `keys` says so.
pub(super) fn schema_text(columns: &[Announced], keys: bool) -> String {
    let column =
        |c: &Announced| format!("`{}` {}{}", c.name, c.type_text, if keys && c.key { " KEY" } else { "" });
    columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

struct Binder<'a> {
    source: &'a Source,
    text: &'a str,
    push: bool,
}

impl Plan {
    /// Binds `select`, whose statement is `text`.
    ///
    /// # Errors
    /// The message of ksqlDB's statement_error.
    pub(super) fn new(select: &Select, text: &str, catalog: &Catalog) -> Result<Self, String> {
        let source = catalog
            .get(&select.from)
            .ok_or_else(|| format!("Exception while preparing statement: {} does not exist.", select.from))?;
        let pull = |what: &str| {
            format!(
                "Pull queries don't support {what}See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if \
                 you intended to issue a push query."
            )
        };
        if let Some(beyond) = &select.beyond {
            return Err(if select.push {
                format!("This server does not do {beyond}")
            } else {
                pull(&format!("{beyond} clauses. "))
            });
        }
        if select.limit.is_some_and(|limit| limit < 0) {
            return Err(pull("negative integers in the LIMIT clause. "));
        }
        if !select.push {
            let refused = |names: Vec<String>, clause: &str| {
                pull(&format!("the following columns in {clause} clauses: {}\n ", names.join(", ")))
            };
            let items = select.items.iter().flat_map(|item| match item {
                Item::All => Vec::new(),
                Item::One { expr, .. } => only_in_push(expr),
            });
            let in_select: Vec<_> = items.collect();
            if !in_select.is_empty() {
                return Err(refused(in_select, "SELECT"));
            }
            let in_where = select.condition.as_ref().map(only_in_push).unwrap_or_default();
            if !in_where.is_empty() {
                return Err(refused(in_where, "WHERE"));
            }
        }
        let binder = Binder { source, text, push: select.push };
        let condition = select.condition.as_ref().map(|expr| binder.condition(expr)).transpose()?;
        let mut plan = Self {
            source: Arc::clone(source),
            columns: Vec::new(),
            outputs: Vec::new(),
            condition,
            push: select.push,
            limit: select.limit.and_then(|limit| u64::try_from(limit).ok()),
        };
        for (at, item) in select.items.iter().enumerate() {
            match item {
                Item::All if source.is_table() && !select.push && select.items.len() > 1 => {
                    return Err("Pull queries over a table take `*` only alone.".into());
                }
                Item::All => {
                    for column in &source.columns {
                        plan.add(
                            column.name.clone(),
                            &column.sql_type,
                            column.key,
                            Output::Column(column.origin),
                        );
                    }
                }
                Item::One { expr, alias } => {
                    let (label, sql_type, key, output) = binder.output(expr, at)?;
                    plan.add(alias.clone().unwrap_or(label), &sql_type, key, output);
                }
            }
        }
        Ok(plan)
    }

    fn add(&mut self, name: String, sql_type: &SqlType, key: bool, output: Output) {
        self.columns.push(Announced { name, type_text: type_text(sql_type), key });
        self.outputs.push(output);
    }

    /// Prints what stands between the brackets of a row.
    pub(super) fn print(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        for (i, output) in self.outputs.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match output {
                Output::Column(origin) => origin.print(row, out),
                Output::Constant(text) => out.extend_from_slice(text),
            }
        }
    }

    /// Whether a row is part of the answer.
    pub(super) fn keeps(&self, row: &Row<'_>) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.keeps(row))
    }

    /// The plan's columns as those of a new source that holds its result.
    pub(super) fn into_columns(self) -> Result<Vec<SourceColumn>, String> {
        let keys: Vec<_> = self.source.columns.iter().filter(|c| c.key).map(|c| c.origin).collect();
        let types: Vec<_> = self.columns.into_iter().zip(self.outputs).collect();
        let mut columns = Vec::new();
        for (announced, output) in types {
            let Output::Column(origin) = output else {
                return Err("This server keeps no constants in a stream".into());
            };
            let Origin::Record(cell) = origin else {
                return Err("This server makes new streams of streams only".into());
            };
            let key = keys.contains(&origin);
            let (name, sql_type) = (announced.name, cell.sql_type());
            columns.push(SourceColumn { name, sql_type, key, window: false, origin });
        }
        // Keys come first in `*`, as in every source.
        columns.sort_by_key(|column| !column.key);
        Ok(columns)
    }
}

/// The pseudo columns that pull queries refuse, in backticks.
fn only_in_push(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Column(name, _) if name == "ROWPARTITION" || name == "ROWOFFSET" => vec![format!("`{name}`")],
        Expr::Column(..) | Expr::Number(_) | Expr::Text(_) | Expr::Null => Vec::new(),
        Expr::Member(inner, _) | Expr::IsNull(inner) | Expr::Not(inner) => only_in_push(inner),
        Expr::Call(_, inner) => inner.iter().flat_map(only_in_push).collect(),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().flat_map(only_in_push).collect(),
        Expr::Compare(left, _, right) => {
            let mut found = only_in_push(left);
            found.extend(only_in_push(right));
            found
        }
        Expr::In(left, members) => {
            only_in_push(left).into_iter().chain(members.iter().flat_map(only_in_push)).collect()
        }
    }
}

impl Binder<'_> {
    /// A value of the SELECT list: label, type, whether it is a key, and what prints it.
    fn output(&self, expr: &Expr, at: usize) -> Result<(String, SqlType, bool, Output), String> {
        let generated = format!("KSQL_COL_{at}");
        match expr {
            Expr::Number(digits) if digits.contains('.') => {
                let scale = digits.split('.').next_back().map_or(0, str::len);
                let sql_type = SqlType::Decimal {
                    precision: u32::try_from(digits.bytes().filter(u8::is_ascii_digit).count()).unwrap_or(1),
                    scale: u32::try_from(scale).unwrap_or(0),
                };
                Ok((generated, sql_type, false, Output::Constant(digits.clone().into_bytes())))
            }
            Expr::Number(digits) => {
                let sql_type = if digits.parse::<i32>().is_ok() { SqlType::Integer } else { SqlType::BigInt };
                Ok((generated, sql_type, false, Output::Constant(digits.clone().into_bytes())))
            }
            Expr::Text(text) => Ok((generated, SqlType::String, false, Output::Constant(print::json(text)))),
            _ => {
                let (origin, sql_type, label) = self.origin(expr, "SELECT")?;
                let key = self.source.columns.iter().any(|c| c.key && c.origin == origin);
                Ok((label.unwrap_or(generated), sql_type, key, Output::Column(origin)))
            }
        }
    }

    /// Where an expression's value comes from, its type, and the name that it lends to the column.
    fn origin(&self, expr: &Expr, clause: &str) -> Result<(Origin, SqlType, Option<String>), String> {
        match expr {
            Expr::Column(name, at) => {
                if let Some(column) = self.source.columns.iter().find(|c| c.name == *name) {
                    return Ok((column.origin, column.sql_type.clone(), Some(name.clone())));
                }
                match Cell::pseudo(name) {
                    Some(cell) if !self.source.is_table() => {
                        Ok((Origin::Record(cell), cell.sql_type(), Some(name.clone())))
                    }
                    _ => {
                        let (line, column) = position(self.text, *at);
                        Err(format!(
                            "Line: {line}, Col: {column}: {clause} column '{name}' cannot be resolved."
                        ))
                    }
                }
            }
            Expr::Member(inner, name) => {
                let (origin, _, _) = self.origin(inner, clause)?;
                let member = match origin {
                    Origin::Record(cell) => cell.member(name),
                    _ => None,
                };
                match member {
                    Some(cell) => Ok((Origin::Record(cell), cell.sql_type(), Some(name.clone()))),
                    None => Err(format!("Could not find field '{name}' in the STRUCT.")),
                }
            }
            Expr::Call(function, arguments) if function == "UNIX_TIMESTAMP" && arguments.len() == 1 => {
                let (origin, sql_type, _) = self.origin(&arguments[0], clause)?;
                let millis = match origin {
                    Origin::Record(Cell::EventTime) => Origin::Record(Cell::EventMillis),
                    Origin::Record(Cell::Every(Every::Timestamp)) => {
                        Origin::Record(Cell::Every(Every::Millis))
                    }
                    Origin::Table(at) if sql_type == SqlType::Timestamp => Origin::TableMillis(at),
                    _ => {
                        return Err(format!(
                            "Function 'UNIX_TIMESTAMP' does not accept {}.",
                            type_text(&sql_type)
                        ));
                    }
                };
                Ok((millis, SqlType::BigInt, None))
            }
            Expr::Call(function, arguments) if function == "FORMAT_TIME" => {
                let [time, Expr::Text(format)] = arguments.as_slice() else {
                    return Err("Function 'FORMAT_TIME' takes a TIME and a format.".into());
                };
                match self.origin(time, clause)?.0 {
                    Origin::Record(Cell::Every(Every::Time)) if format == "HH:mm:ss.SSS" => {
                        Ok((Origin::Record(Cell::Every(Every::TimeText)), SqlType::String, None))
                    }
                    _ => Err("This server formats a TIME as HH:mm:ss.SSS only".into()),
                }
            }
            Expr::Call(function, _) => Err(format!("Can't find any functions with the name '{function}'")),
            _ => Err(format!("This server does not do such an expression in {clause}")),
        }
    }

    fn term(&self, expr: &Expr) -> Result<Term, String> {
        let constant = |value| Ok(Term::Constant(value));
        match expr {
            Expr::Number(digits) => match digits.parse() {
                Ok(whole) => constant(Value::Whole(whole)),
                Err(_) => digits
                    .parse()
                    .map(|real| Term::Constant(Value::Real(real)))
                    .map_err(|_| format!("Invalid number: {digits}")),
            },
            Expr::Text(text) => constant(Value::Text(text.clone())),
            Expr::Null => constant(Value::Null),
            _ => Ok(Term::Column(self.origin(expr, "WHERE")?.0)),
        }
    }

    /// Both sides of a comparison; texts beside a time are read as one.
    fn sides(&self, left: &Expr, right: &Expr) -> Result<(Term, Term), String> {
        let timed = |term: &Term| {
            matches!(term, Term::Column(Origin::Record(Cell::RowTime | Cell::EventTime | Cell::EventMillis)))
        };
        let read = |term: Term| match term {
            Term::Constant(Value::Text(text)) => match millis(&text) {
                Some(millis) => Ok(Term::Constant(Value::Whole(millis))),
                None => Err(format!("Failed to parse timestamp '{text}'")),
            },
            other => Ok(other),
        };
        let (left, right) = (self.term(left)?, self.term(right)?);
        if timed(&left) {
            let right = read(right)?;
            Ok((left, right))
        } else if timed(&right) {
            Ok((read(left)?, right))
        } else {
            Ok((left, right))
        }
    }

    fn condition(&self, expr: &Expr) -> Result<Condition, String> {
        let all =
            |parts: &[Expr]| parts.iter().map(|part| self.condition(part)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::Compare(left, compare, right) => {
                let (left, right) = self.sides(left, right)?;
                Condition::Compare(left, *compare, right)
            }
            Expr::IsNull(inner) => Condition::IsNull(self.term(inner)?),
            Expr::In(left, members) => {
                let right = members.iter().map(|member| Ok(self.sides(left, member)?.1));
                Condition::In(self.term(left)?, right.collect::<Result<_, String>>()?)
            }
            Expr::And(parts) => Condition::And(all(parts)?),
            Expr::Or(parts) => Condition::Or(all(parts)?),
            Expr::Not(inner) => Condition::Not(Box::new(self.condition(inner)?)),
            _ => {
                let kind = if self.push { "push" } else { "pull" };
                return Err(format!(
                    "Type error in WHERE expression of the {kind} query: expected a condition."
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::DemoOptions;
    use crate::demo::log::Log;
    use crate::demo::sql::{Command, parse};
    use crate::demo::transaction::World;

    fn plan(sql: &str) -> Result<Plan, String> {
        let statement = parse(sql).unwrap().remove(0);
        let Command::Select(select) = statement.command else { panic!("{sql}") };
        Plan::new(&select, &statement.text, &Catalog::pipeline(false, true))
    }

    #[test]
    fn columns_are_named_as_ksqldb_names_them() {
        let plan = plan(
            "SELECT 1, `CUSTOMER`->ADDRESS->zip, user_id AS u, UNIX_TIMESTAMP(event_time) FROM transaction_stream;",
        );
        let columns = schema_text(&plan.unwrap().columns, false);
        assert_eq!(columns, "`KSQL_COL_0` INTEGER, `ZIP` STRING, `U` STRING, `KSQL_COL_3` BIGINT");
    }

    #[test]
    fn ranges_of_offsets_are_found_in_a_condition() {
        let sql = "SELECT * FROM transaction_stream WHERE (ROWPARTITION=0 AND ROWOFFSET>=5 AND ROWOFFSET<9) OR \
                   (ROWPARTITION=2 AND ROWOFFSET>7) EMIT CHANGES;";
        let condition = plan(sql).unwrap().condition.unwrap();
        assert_eq!(condition.bounds(0), (5, 9));
        let (low, high) = condition.bounds(1);
        assert!(low >= high, "nothing of partition 1 is kept");
        assert_eq!(condition.bounds(2), (8, u64::MAX));
    }

    #[test]
    fn what_cannot_be_resolved_is_said_where_it_stands() {
        assert_eq!(
            plan("SELECT nope FROM transaction_stream;").unwrap_err(),
            "Line: 1, Col: 8: SELECT column 'NOPE' cannot be resolved."
        );
        assert!(plan("SELECT ROWOFFSET FROM payment_method_totals EMIT CHANGES;").is_err());
    }

    /// Prints how fast rows are made: the target is half a million per second and core, optimised.
    #[test]
    #[ignore = "a measurement, not a test"]
    fn rows_per_second() {
        let world = World::new(&DemoOptions { rows: 3_000_000, ..DemoOptions::default() });
        for source in ["transaction_stream", "transaction_flattened"] {
            let plan =
                plan(&format!("SELECT ROWPARTITION, ROWOFFSET, * FROM {source} EMIT CHANGES;")).unwrap();
            let (mut row, mut bytes) = (Vec::new(), 0);
            let since = std::time::Instant::now();
            for offset in 0..1_000_000 {
                row.clear();
                plan.print(&Row::Record(&Log::Transactions.record(&world, offset % 3, offset / 3)), &mut row);
                bytes += row.len();
            }
            let seconds = since.elapsed().as_secs_f64();
            println!("{source}: {:.0} rows/s, {:.0} MB/s", 1e6 / seconds, bytes as f64 / seconds / 1e6);
        }
    }
}
