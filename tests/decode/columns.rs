//! Columns for tests, from the spelling of a header, and the rows of a recorded body.

use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::Decoder;
use lakehand::ksql::schema::{Field, SqlType};
use serde_json::value::RawValue;

/// A column that arrives as declared.
pub(crate) fn column(name: &str, sql_type: SqlType) -> ReadColumn {
    ReadColumn { label: name.to_owned(), name: name.to_owned(), sql_type, wire: Wire::AsDeclared }
}

/// Columns of a header such as `` `A` STRING KEY, `B` DECIMAL(4, 2) ``. It takes only what is well-formed.
pub(crate) fn columns(header: &str) -> Vec<ReadColumn> {
    let mut spelling = Spelling(header);
    let mut columns = Vec::new();
    loop {
        let name = spelling.name();
        columns.push(column(&name, spelling.sql_type()));
        spelling.skip(" KEY");
        if !spelling.skip(", ") {
            assert_eq!(spelling.0, "");
            return columns;
        }
    }
}

/// A decoder of the columns of a header.
pub(crate) fn decoder(header: &str) -> Decoder {
    Decoder::new(&columns(header)).unwrap()
}

/// The header and the rows of a v1+json body.
pub(crate) fn body(text: &str) -> (Vec<ReadColumn>, Vec<&str>) {
    let mut lines = text.lines();
    let header: serde_json::Value =
        serde_json::from_str(lines.next().unwrap().trim_start_matches('[').trim_end_matches(',')).unwrap();
    let rows = lines
        .filter_map(|line| {
            line.strip_prefix("{\"row\":{\"columns\":")?.trim_end_matches([',', ']']).strip_suffix("}}")
        })
        .collect();
    (columns(header["header"]["schema"].as_str().unwrap()), rows)
}

/// The texts of the values of a row.
pub(crate) fn values_of(row: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(row).unwrap().into_iter().map(RawValue::get).collect()
}

struct Spelling<'a>(&'a str);

impl Spelling<'_> {
    fn skip(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn name(&mut self) -> String {
        assert!(self.skip("`"), "{}", self.0);
        let (name, rest) = self.0.split_once("` ").unwrap();
        self.0 = rest;
        name.to_owned()
    }

    fn number(&mut self) -> u32 {
        let end = self.0.find([',', ')']).unwrap();
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        number.parse().unwrap()
    }

    fn sql_type(&mut self) -> SqlType {
        for (word, sql_type) in [
            ("BOOLEAN", SqlType::Boolean),
            ("INTEGER", SqlType::Integer),
            ("BIGINT", SqlType::BigInt),
            ("DOUBLE", SqlType::Double),
            ("STRING", SqlType::String),
            ("BYTES", SqlType::Bytes),
            ("DATE", SqlType::Date),
            ("TIMESTAMP", SqlType::Timestamp),
            ("TIME", SqlType::Time),
        ] {
            if self.skip(word) {
                return sql_type;
            }
        }
        if self.skip("DECIMAL(") {
            let precision = self.number();
            self.skip(", ");
            let scale = self.number();
            self.skip(")");
            return SqlType::Decimal { precision, scale };
        }
        if self.skip("ARRAY<") {
            let element = self.sql_type();
            self.skip(">");
            return SqlType::Array(Box::new(element));
        }
        if self.skip("MAP<") {
            let key = self.sql_type();
            self.skip(", ");
            let value = self.sql_type();
            self.skip(">");
            return SqlType::Map(Box::new(key), Box::new(value));
        }
        assert!(self.skip("STRUCT<"), "{}", self.0);
        let mut fields = Vec::new();
        loop {
            let name = self.name();
            fields.push(Field { name, sql_type: self.sql_type() });
            if !self.skip(", ") {
                assert!(self.skip(">"), "{}", self.0);
                return SqlType::Struct(fields);
            }
        }
    }
}
