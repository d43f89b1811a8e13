//! How the topic of a stream or a table is read: what DESCRIBE and the CREATE text say of its records.
//!
//! DESCRIBE tells formats, columns and the timestamp column. The format of that column, the delimiter, whether a single
//! value stands in an object, and the size of windows are told by the statement alone.

use std::collections::BTreeMap;

use super::column::{ReadColumn, Wire};
use super::decode::record::{Format, KeyWindow, Layout, RecordColumn, RowTime};
use super::describe::{Description, SourceKind, WindowKind};
use super::schema::{Role, SqlType};
use super::statement::{self, names};
use crate::error::{Error, Kind, Result};

/// The layout of the records of a stream or a table. The columns of a table have the order in which a pull gives them.
///
/// # Errors
/// [`Kind::Feed`] when the source cannot be read from its topic by this program, with the other way; when the feed names a
/// column that is not there, or one whose name cannot be kept.
pub fn layout(source: &Description, exclude: &[String], rename: &BTreeMap<String, String>) -> Result<Layout> {
    let other_way = match source.kind {
        SourceKind::Stream => "read this feed through ksqlDB: \"read\": \"offsets\"",
        SourceKind::Table => "read this feed through ksqlDB: \"read\": \"auto\"",
    };
    let refuse = |what: String| Err(Error::new(Kind::Feed, what).at("source", &source.name).next(other_way));
    names::check_feed(source, exclude, rename)?;
    let columns: Vec<_> = statement::column_order(source)
        .into_iter()
        .map(|column| RecordColumn {
            name: column.name.clone(),
            lake: (!exclude.contains(&column.name))
                .then(|| rename.get(&column.name).unwrap_or(&column.name).clone()),
            sql_type: column.sql_type.clone(),
            role: column.role.clone(),
        })
        .collect();
    let own =
        columns.iter().filter_map(|column| Some((&column.name, column.lake.clone()?, &column.sql_type)));
    let mut read: Vec<_> = own.map(|(label, name, sql_type)| read_column(label, name, sql_type)).collect();
    if read.is_empty() {
        return Err(Error::new(Kind::Feed, "every column is excluded: nothing is left to export")
            .at("source", &source.name));
    }
    if source.window.is_some() {
        let bounds = ["WINDOWSTART", "WINDOWEND"];
        read.extend(bounds.map(|name| read_column(name, name.to_owned(), &SqlType::BigInt)));
    }
    names::check_lake(&read)?;
    let with = with_clause(&source.statement);
    let count = |role: fn(&Role) -> bool| source.columns.iter().filter(|c| role(&c.role)).count();
    let keys = count(|role| *role == Role::Key);
    // One key column stands alone; one value column does where the statement says so.
    let wrapped = !with.get("WRAP_SINGLE_VALUE").is_some_and(|text| text.eq_ignore_ascii_case("false"));
    let Some(key) = format(&source.key_format, keys != 1, with.get("KEY_DELIMITER")) else {
        return refuse(format!("keys of the format {} cannot be read from the topic", source.key_format));
    };
    let Some(value) = format(&source.value_format, wrapped, with.get("VALUE_DELIMITER")) else {
        return refuse(format!("values of the format {} cannot be read from the topic", source.value_format));
    };
    let key = if keys == 0 { Format::None } else { key };
    let row_time = match unquoted(&source.timestamp) {
        "" => RowTime::Record,
        name => RowTime::Column { name: name.to_owned(), pattern: with.get("TIMESTAMP_FORMAT").cloned() },
    };
    if let RowTime::Column { name, .. } = &row_time
        && columns.iter().all(|column| column.name != *name)
    {
        return refuse(format!("the stream's timestamp column {name} is none of its columns"));
    }
    if let Some(why) = without_state(source, keys, &with) {
        return refuse(why);
    }
    let window = match source.window {
        None => None,
        Some(WindowKind::Session) => Some(KeyWindow::Session),
        Some(WindowKind::Tumbling | WindowKind::Hopping) => {
            let Some(ms) = window_ms(&source.statement, &with) else {
                return refuse("the statement does not tell the size of the windows".to_owned());
            };
            Some(KeyWindow::Sized { ms })
        }
    };
    Ok(Layout { columns, key, window, value, row_time })
}

fn read_column(label: &str, name: String, sql_type: &SqlType) -> ReadColumn {
    ReadColumn { label: label.to_owned(), name, sql_type: sql_type.clone(), wire: Wire::AsDeclared }
}

/// Why the topic of a table does not hold its state; `None` where it does, and for streams.
fn without_state(source: &Description, keys: usize, with: &BTreeMap<String, String>) -> Option<String> {
    if source.kind == SourceKind::Stream {
        return None;
    }
    if keys == 0 {
        return Some("the table has no key column, so its topic does not tell which rows it has".to_owned());
    }
    let policy = with.get("CLEANUP_POLICY").map(String::as_str).unwrap_or_default();
    let forgets = policy.eq_ignore_ascii_case("delete");
    forgets.then(|| {
        "the table's topic has CLEANUP_POLICY='delete': it forgets rows that the table still has".to_owned()
    })
}

/// The size of tumbling or hopping windows in milliseconds: `WINDOW TUMBLING (SIZE 1 DAYS …)` of a query, or
/// `WINDOW_SIZE='1 DAYS'` of a declaration.
fn window_ms(statement: &str, with: &BTreeMap<String, String>) -> Option<i64> {
    if let Some(size) = with.get("WINDOW_SIZE") {
        let mut words = size.split_whitespace();
        return duration_ms(words.next()?, words.next()?).filter(|_| words.next().is_none());
    }
    let tokens = tokens(statement);
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.as_str(),
        _ => "",
    };
    let is = |at: usize, wanted: &str| word(at).eq_ignore_ascii_case(wanted);
    let size = (0..tokens.len()).find(|&at| {
        (is(at, "TUMBLING") || is(at, "HOPPING"))
            && tokens.get(at + 1) == Some(&Token::Mark('('))
            && is(at + 2, "SIZE")
    })?;
    duration_ms(word(size + 3), word(size + 4))
}

/// `1 DAY`, `30 SECONDS`
fn duration_ms(number: &str, unit: &str) -> Option<i64> {
    let unit = unit.to_ascii_uppercase();
    let ms = match unit.strip_suffix('S').unwrap_or(&unit) {
        "DAY" => 86_400_000,
        "HOUR" => 3_600_000,
        "MINUTE" => 60_000,
        "SECOND" => 1_000,
        "MILLISECOND" => 1,
        _ => return None,
    };
    number.parse::<i64>().ok().filter(|number| *number > 0)?.checked_mul(ms)
}

/// The format of that name; `None` for one that is not read from a topic.
fn format(name: &str, wrapped: bool, delimiter: Option<&String>) -> Option<Format> {
    Some(match name {
        "NONE" => Format::None,
        "JSON" => Format::Json { wrapped },
        "JSON_SR" => Format::JsonSr { wrapped },
        "AVRO" => Format::Avro { wrapped },
        "KAFKA" => Format::Kafka,
        "DELIMITED" => Format::Delimited(match delimiter.map(String::as_str) {
            None => ',',
            Some("TAB") => '\t',
            Some("SPACE") => ' ',
            Some(text) => {
                let mut chars = text.chars();
                chars.next().filter(|_| chars.next().is_none())?
            }
        }),
        _ => return None,
    })
}

fn unquoted(name: &str) -> &str {
    name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).unwrap_or(name)
}

/// The properties of a statement's first WITH clause, names in upper case. Of a text that is no such clause nothing is taken.
fn with_clause(statement: &str) -> BTreeMap<String, String> {
    let tokens = tokens(statement);
    let mut found = BTreeMap::new();
    let is = |token: Option<&Token>, word: &str| matches!(token, Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
    let Some(start) = (0..tokens.len())
        .find(|&at| is(tokens.get(at), "WITH") && tokens.get(at + 1) == Some(&Token::Mark('(')))
    else {
        return found;
    };
    let mut rest = tokens[start + 2..].iter();
    while let (Some(Token::Word(name)), Some(Token::Mark('='))) = (rest.next(), rest.next()) {
        let value = match rest.next() {
            Some(Token::Text(text) | Token::Word(text)) => text.clone(),
            Some(Token::Mark('-')) => match rest.next() {
                Some(Token::Word(number)) => format!("-{number}"),
                _ => break,
            },
            _ => break,
        };
        found.insert(name.to_uppercase(), value);
        if rest.next() != Some(&Token::Mark(',')) {
            break;
        }
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A name, a number, or a quoted name.
    Word(String),
    /// `'…'`
    Text(String),
    Mark(char),
}

/// The tokens of a statement, comments left out.
fn tokens(statement: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = statement.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '-' if rest.next_if_eq(&'-').is_some() => while rest.next().is_some_and(|c| c != '\n') {},
            '\'' | '`' | '"' => {
                let mut text = String::new();
                while let Some(next) = rest.next() {
                    if next == c && rest.next_if_eq(&c).is_none() {
                        break;
                    }
                    text.push(next);
                }
                tokens.push(if c == '\'' { Token::Text(text) } else { Token::Word(text) });
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c => tokens.push(Token::Mark(c)),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ksql::schema::{Column, parse_type};

    fn stream(
        statement: &str,
        timestamp: &str,
        formats: (&str, &str),
        columns: &[(&str, &str, Role)],
    ) -> Description {
        Description {
            name: "S".into(),
            kind: SourceKind::Stream,
            window: None,
            columns: columns
                .iter()
                .map(|(name, sql_type, role)| Column {
                    name: (*name).into(),
                    sql_type: parse_type(sql_type).unwrap(),
                    role: role.clone(),
                })
                .collect(),
            topic: "t".into(),
            key_format: formats.0.into(),
            value_format: formats.1.into(),
            timestamp: timestamp.into(),
            partitions: 1,
            statement: statement.into(),
            read_queries: Vec::new(),
            write_queries: Vec::new(),
            offsets: Vec::new(),
        }
    }

    #[test]
    fn the_with_clause_tells_what_describe_does_not() {
        let text = "CREATE STREAM S (`with` STRING, E STRING) -- WITH (A='no')\n WITH (KAFKA_TOPIC='it''s', \
                    RETENTION_MS=-1, TIMESTAMP='E', TIMESTAMP_FORMAT='yyyy-MM-dd''T''HH:mm:ssX', WRAP_SINGLE_VALUE=false, PARTITIONS=1);";
        let with = with_clause(text);
        assert_eq!(with["KAFKA_TOPIC"], "it's");
        assert_eq!(with["TIMESTAMP_FORMAT"], "yyyy-MM-dd'T'HH:mm:ssX");
        assert_eq!(with["WRAP_SINGLE_VALUE"], "false");
        assert!(with_clause("CREATE STREAM S AS SELECT * FROM T WITHIN 5 MINUTES;").is_empty());
        assert!(with_clause("WITH (").is_empty());
    }

    #[test]
    fn keys_stand_alone_or_in_an_object_and_values_as_the_statement_says() {
        let key = ("K", "STRING", Role::Key);
        let other = ("K2", "STRING", Role::Key);
        let value = ("V", "BIGINT", Role::Value);
        let none = BTreeMap::new();
        let of = |formats, columns: &[_]| {
            layout(
                &stream("CREATE STREAM S WITH (WRAP_SINGLE_VALUE=FALSE);", "", formats, columns),
                &[],
                &none,
            )
        };
        let alone = of(("JSON", "JSON"), &[key.clone(), value.clone()]).unwrap();
        assert_eq!(
            (alone.key, alone.value),
            (Format::Json { wrapped: false }, Format::Json { wrapped: false })
        );
        let two = of(("JSON", "DELIMITED"), &[key.clone(), other, value.clone()]).unwrap();
        assert_eq!((two.key, two.value), (Format::Json { wrapped: true }, Format::Delimited(',')));
        assert_eq!(of(("NONE", "KAFKA"), std::slice::from_ref(&value)).unwrap().key, Format::None);
        let avro = of(("AVRO", "AVRO"), &[key.clone(), value.clone()]).unwrap();
        assert_eq!(
            (avro.key, avro.value),
            (Format::Avro { wrapped: false }, Format::Avro { wrapped: false })
        );
        for formats in [("KAFKA", "PROTOBUF"), ("PROTOBUF", "JSON")] {
            let error = of(formats, &[key.clone(), value.clone()]).unwrap_err();
            assert!(error.advice().unwrap().contains("offsets"), "{error}");
        }
    }

    #[test]
    fn the_size_of_windows_stands_in_the_query_or_in_the_declaration() {
        let ms = |statement: &str| window_ms(statement, &with_clause(statement));
        let query = "CREATE TABLE T WITH (PARTITIONS=3) AS SELECT K, COUNT(*) N FROM S S\nWINDOW TUMBLING ( SIZE 1 DAYS , \
                     RETENTION 3650 DAYS , GRACE PERIOD 30 DAYS ) \nGROUP BY K EMIT CHANGES;";
        assert_eq!(ms(query), Some(86_400_000));
        let hopping = "CREATE TABLE T AS SELECT 'TUMBLING (SIZE 9 DAYS)' C FROM S WINDOW w HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS) GROUP BY K;";
        assert_eq!(ms(hopping), Some(30_000));
        let declared = "CREATE TABLE T (K STRING PRIMARY KEY) WITH (WINDOW_TYPE='hopping', WINDOW_SIZE='500 milliseconds');";
        assert_eq!(ms(declared), Some(500));
        for text in [
            "CREATE TABLE T AS SELECT * FROM S;",
            "WINDOW TUMBLING (SIZE 1 FORTNIGHT)",
            "WITH (WINDOW_SIZE='1')",
        ] {
            assert_eq!(ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_table_is_read_from_a_topic_that_keeps_its_rows() {
        let columns = [("K", "STRING", Role::Key), ("V", "BIGINT", Role::Value)];
        let of = |statement: &str, columns: &[_]| {
            let source =
                Description { kind: SourceKind::Table, ..stream(statement, "", ("KAFKA", "JSON"), columns) };
            layout(&source, &[], &BTreeMap::new())
        };
        let kept = of("CREATE TABLE T WITH (CLEANUP_POLICY='compact,delete') AS SELECT * FROM S;", &columns);
        assert_eq!(kept.unwrap().window, None);
        for refused in [
            of("CREATE TABLE T WITH (CLEANUP_POLICY='delete') AS SELECT * FROM S;", &columns),
            of("CREATE TABLE T;", &columns[1..]),
        ] {
            let error = refused.unwrap_err();
            assert!(error.advice().unwrap().contains("\"auto\""), "{error}");
        }
    }

    #[test]
    fn a_timestamp_column_must_be_one_of_the_columns() {
        let value = ("AT", "TIMESTAMP", Role::Value);
        let of = |name: &str| {
            let source = stream("", name, ("NONE", "JSON"), std::slice::from_ref(&value));
            layout(&source, &[], &BTreeMap::new()).map(|layout| layout.row_time)
        };
        assert_eq!(of("AT").unwrap(), RowTime::Column { name: "AT".into(), pattern: None });
        assert_eq!(of("").unwrap(), RowTime::Record);
        assert!(of("GONE").is_err());
    }
}
