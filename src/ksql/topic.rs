//! How a stream's topic is read: what DESCRIBE and the CREATE text say of its records.
//!
//! DESCRIBE tells formats, columns and the timestamp column. The format of that column, the delimiter, and whether a single
//! value stands in an object are told by the statement's WITH clause alone.

use std::collections::BTreeMap;

use super::column::{ReadColumn, Wire};
use super::decode::record::{Format, Layout, RecordColumn, RowTime};
use super::describe::{Description, SourceKind};
use super::schema::Role;
use super::statement::names;
use crate::error::{Error, Kind, Result};

/// The layout of the records of a stream.
///
/// # Errors
/// [`Kind::Feed`] when the stream cannot be read from its topic by this program, with the other way; when the feed names a
/// column that is not there, or one whose name cannot be kept.
pub fn layout(source: &Description, exclude: &[String], rename: &BTreeMap<String, String>) -> Result<Layout> {
    let refuse = |what: String| {
        Err(Error::new(Kind::Feed, what)
            .at("source", &source.name)
            .next("read this feed through ksqlDB: \"read\": \"offsets\""))
    };
    if source.kind == SourceKind::Table {
        return refuse("a table is not read from its topic".to_owned());
    }
    if source.window.is_some() {
        return refuse("the keys of a windowed stream cannot be read from its topic yet".to_owned());
    }
    names::check_feed(source, exclude, rename)?;
    let columns: Vec<_> = source
        .columns
        .iter()
        .map(|column| RecordColumn {
            name: column.name.clone(),
            lake: (!exclude.contains(&column.name))
                .then(|| rename.get(&column.name).unwrap_or(&column.name).clone()),
            sql_type: column.sql_type.clone(),
            role: column.role.clone(),
        })
        .collect();
    let read: Vec<_> = columns
        .iter()
        .filter_map(|column| {
            Some(ReadColumn {
                label: column.name.clone(),
                name: column.lake.clone()?,
                sql_type: column.sql_type.clone(),
                wire: Wire::AsDeclared,
            })
        })
        .collect();
    if read.is_empty() {
        return Err(Error::new(Kind::Feed, "every column is excluded: nothing is left to export")
            .at("source", &source.name));
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
    Ok(Layout { columns, key, value, row_time })
}

/// The format of that name; `None` for one that is not read from a topic.
fn format(name: &str, wrapped: bool, delimiter: Option<&String>) -> Option<Format> {
    Some(match name {
        "NONE" => Format::None,
        "JSON" => Format::Json { wrapped },
        "JSON_SR" => Format::JsonSr { wrapped },
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
        for formats in [("KAFKA", "AVRO"), ("PROTOBUF", "JSON")] {
            let error = of(formats, &[key.clone(), value.clone()]).unwrap_err();
            assert!(error.advice().unwrap().contains("offsets"), "{error}");
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
