//! Type strings and header schemas, read in full.
//!
//! ```text
//! columns   column {',' column}
//! column    name type [KEY | HEADERS | HEADER('key')]
//! type      BOOLEAN … | DECIMAL(p, s) | ARRAY<type> | MAP<type, type> | STRUCT<[name type {',' name type}]>
//! name      `anything but a backtick` | word
//! ```
//!
//! ksqlDB prints names in backticks and does not double a backtick inside of one, so such a name cannot be told from its
//! surroundings: it is refused in words, not guessed.

use super::{Column, Field, Role, SqlType};
use crate::error::{Error, Kind, Result};

/// Deeper nesting is refused: the text comes from outside, and every level is a stack frame.
const MAX_DEPTH: usize = 64;

/// A type string, such as ``ARRAY<STRUCT<`A` DECIMAL(4, 2)>>``. `INT` and `VARCHAR` are understood as well.
///
/// # Errors
/// [`Kind::Garbled`] when the grammar is broken, [`Kind::Schema`] for a type that is not known here and for a name that
/// cannot be read.
pub fn parse_type(text: &str) -> Result<SqlType> {
    let mut parser = Parser { text, at: 0 };
    let sql_type = parser.sql_type(0)?;
    parser.finish()?;
    Ok(sql_type)
}

/// The schema string of a header, such as ``` `K` STRING KEY, `V` INTEGER ```.
///
/// # Errors
/// As [`parse_type`].
pub fn parse_columns(text: &str) -> Result<Vec<Column>> {
    let mut parser = Parser { text, at: 0 };
    let mut columns = Vec::new();
    loop {
        let name = parser.name()?;
        let sql_type = parser.sql_type(0)?;
        let role = parser.role()?;
        columns.push(Column { name, sql_type, role });
        if !parser.take(',') {
            break;
        }
    }
    parser.finish()?;
    Ok(columns)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.take(wanted) { Ok(()) } else { Err(self.broken(&format!("`{wanted}` is missing"))) }
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn name(&mut self) -> Result<String> {
        if !self.take('`') {
            let word = self.word();
            return if word.is_empty() { Err(self.broken("a name is missing")) } else { Ok(word.to_owned()) };
        }
        let rest = self.rest();
        let Some(end) = rest.find('`') else { return Err(self.broken("a name has no closing backtick")) };
        let (name, after) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default());
        if name.is_empty() || !(after.is_empty() || after.starts_with(char::is_whitespace)) {
            return Err(self.error(
                Kind::Schema,
                "a name contains a backtick, which ksqlDB prints in a way that cannot be read back",
            ))
            .map_err(|error| error.next("give the column another name in a stream or table derived with auto.offset.reset=earliest"));
        }
        self.at += end + 1;
        Ok(name.to_owned())
    }

    fn sql_type(&mut self, depth: usize) -> Result<SqlType> {
        if depth > MAX_DEPTH {
            return Err(self.error(Kind::Schema, &format!("types are nested more than {MAX_DEPTH} deep")));
        }
        let start = self.at;
        let word = self.word().to_ascii_uppercase();
        Ok(match word.as_str() {
            "BOOLEAN" => SqlType::Boolean,
            "INTEGER" | "INT" => SqlType::Integer,
            "BIGINT" => SqlType::BigInt,
            "DOUBLE" => SqlType::Double,
            "STRING" | "VARCHAR" => SqlType::String,
            "BYTES" => SqlType::Bytes,
            "DATE" => SqlType::Date,
            "TIME" => SqlType::Time,
            "TIMESTAMP" => SqlType::Timestamp,
            "DECIMAL" => self.decimal()?,
            "ARRAY" => {
                self.expect('<')?;
                let item = self.sql_type(depth + 1)?;
                self.expect('>')?;
                SqlType::Array(Box::new(item))
            }
            "MAP" => {
                self.expect('<')?;
                let key = self.sql_type(depth + 1)?;
                self.expect(',')?;
                let value = self.sql_type(depth + 1)?;
                self.expect('>')?;
                SqlType::Map(Box::new(key), Box::new(value))
            }
            "STRUCT" => SqlType::Struct(self.fields(depth)?),
            "" => return Err(self.broken("a type is missing")),
            other => {
                self.at = start;
                return Err(self.error(Kind::Schema, &format!("type {other} is not known")));
            }
        })
    }

    fn decimal(&mut self) -> Result<SqlType> {
        self.expect('(')?;
        let precision = self.number()?;
        self.expect(',')?;
        let scale = self.number()?;
        self.expect(')')?;
        if precision == 0 || scale > precision {
            return Err(self.broken(&format!("DECIMAL({precision}, {scale}) does not exist")));
        }
        Ok(SqlType::Decimal { precision, scale })
    }

    fn number(&mut self) -> Result<u32> {
        let word = self.word();
        word.parse().map_err(|_| self.broken("a number is missing or too large"))
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<Field>> {
        self.expect('<')?;
        let mut fields = Vec::new();
        if self.take('>') {
            return Ok(fields);
        }
        loop {
            let name = self.name()?;
            let sql_type = self.sql_type(depth + 1)?;
            fields.push(Field { name, sql_type });
            if !self.take(',') {
                break;
            }
        }
        self.expect('>')?;
        Ok(fields)
    }

    fn role(&mut self) -> Result<Role> {
        match self.word().to_ascii_uppercase().as_str() {
            "" => Ok(Role::Value),
            "KEY" => Ok(Role::Key),
            "HEADERS" => Ok(Role::Headers),
            "HEADER" => {
                self.expect('(')?;
                self.expect('\'')?;
                // A quote inside of the key is doubled or not, depending on the server: the key ends at `')`.
                let rest = self.rest();
                let Some(end) = rest.find("')") else {
                    return Err(self.broken("HEADER('…') is not closed"));
                };
                self.at += end + 2;
                Ok(Role::Header(rest.get(..end).unwrap_or_default().to_owned()))
            }
            other => Err(self.broken(&format!("{other} after a column's type is not known"))),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.skip_space();
        if self.rest().is_empty() { Ok(()) } else { Err(self.broken("text follows the end")) }
    }

    fn broken(&self, what: &str) -> Error {
        self.error(Kind::Garbled, what)
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        let shown: String = self.text.chars().take(200).collect();
        Error::new(kind, format!("a schema string cannot be read: {what}"))
            .at("position", self.at + 1)
            .at("schema", format!("{shown:?}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_may_hold_what_looks_like_grammar() {
        let columns = parse_columns("`k e y` STRING, `comma,lt<gt>` STRING, `st r` STRUCT<`in ner` INTEGER, `x.y` STRUCT<`Z` STRING>>").unwrap();
        let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["k e y", "comma,lt<gt>", "st r"]);
        assert_eq!(columns[2].sql_type.to_string(), "STRUCT<`in ner` INTEGER, `x.y` STRUCT<`Z` STRING>>");
    }

    #[test]
    fn suffixes_tell_the_role() {
        let columns =
            parse_columns("`K` INTEGER KEY, `H` BYTES HEADER('abc'), `A` ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>> HEADERS, `V` STRING").unwrap();
        let roles: Vec<_> = columns.into_iter().map(|c| c.role).collect();
        assert_eq!(roles, [Role::Key, Role::Header("abc".into()), Role::Headers, Role::Value]);
    }

    #[test]
    fn aliases_white_space_and_the_empty_struct() {
        for (text, printed) in [
            ("int", "INTEGER"),
            (" VARCHAR ", "STRING"),
            ("DECIMAL(4,2)", "DECIMAL(4, 2)"),
            ("STRUCT<>", "STRUCT< >"),
            ("STRUCT< >", "STRUCT< >"),
            ("MAP < STRING ,\tARRAY<\nDOUBLE> >", "MAP<STRING, ARRAY<DOUBLE>>"),
        ] {
            assert_eq!(parse_type(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn a_backtick_inside_a_name_is_refused_in_words() {
        for text in ["`x`y` STRING", "`x`` STRING", "``` STRING"] {
            let error = parse_columns(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Schema, "{text}");
            assert!(error.to_string().contains("backtick"), "{error}");
        }
    }

    #[test]
    fn broken_grammar_is_garbled_and_unknown_types_are_a_matter_of_schema() {
        for text in [
            "",
            "DECIMAL",
            "DECIMAL(0, 0)",
            "DECIMAL(2, 3)",
            "DECIMAL(99999999999, 0)",
            "ARRAY<STRING",
            "MAP<STRING>",
            "STRING STRING",
        ] {
            assert_eq!(parse_type(text).unwrap_err().kind(), Kind::Garbled, "{text}");
        }
        for text in ["", "`A`", "`A` STRING,", "`A` STRING PRIMARY", "`A STRING", "`A` BYTES HEADER('x"] {
            assert_eq!(parse_columns(text).unwrap_err().kind(), Kind::Garbled, "{text}");
        }
        assert_eq!(parse_type("GEOGRAPHY").unwrap_err().kind(), Kind::Schema);
    }

    #[test]
    fn depth_is_limited() {
        let deep = |n: usize| format!("{}STRING{}", "ARRAY<".repeat(n), ">".repeat(n));
        assert!(parse_type(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(parse_type(&deep(100_000)).unwrap_err().kind(), Kind::Schema);
    }

    fn any_type() -> impl Strategy<Value = SqlType> {
        let leaf = prop_oneof![
            Just(SqlType::Boolean),
            Just(SqlType::Integer),
            Just(SqlType::BigInt),
            Just(SqlType::Double),
            Just(SqlType::String),
            Just(SqlType::Bytes),
            Just(SqlType::Date),
            Just(SqlType::Time),
            Just(SqlType::Timestamp),
            (1u32..100, 0u32..100).prop_map(|(p, s)| SqlType::Decimal { precision: p, scale: s.min(p) }),
        ];
        leaf.prop_recursive(5, 24, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|t| SqlType::Array(Box::new(t))),
                (inner.clone(), inner.clone()).prop_map(|(k, v)| SqlType::Map(Box::new(k), Box::new(v))),
                prop::collection::vec((any_name(), inner), 0..4).prop_map(|fields| SqlType::Struct(
                    fields.into_iter().map(|(name, sql_type)| Field { name, sql_type }).collect()
                )),
            ]
        })
    }

    fn any_name() -> impl Strategy<Value = String> {
        "[^`]{1,12}"
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(sql_type in any_type()) {
            prop_assert_eq!(parse_type(&sql_type.to_string()).unwrap(), sql_type);
        }

        #[test]
        fn headers_are_read_back(columns in prop::collection::vec((any_name(), any_type(), any::<bool>()), 1..6)) {
            let text: Vec<_> = columns.iter().map(|(name, sql_type, key)| format!("`{name}` {sql_type}{}", if *key { " KEY" } else { "" })).collect();
            let read: Vec<_> = parse_columns(&text.join(", ")).unwrap().into_iter().map(|c| (c.name, c.sql_type, c.role == Role::Key)).collect();
            prop_assert_eq!(read, columns);
        }

        #[test]
        fn any_text_is_an_answer_and_never_a_panic(text in ".{0,60}") {
            let _ = parse_type(&text);
            let _ = parse_columns(&text);
        }
    }
}
