//! Names and paths as literals of Python and SQL, and as themselves in patterns of paths.

use crate::{Error, Kind};

/// A Python string: `"a\"b"`.
pub(super) fn python(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if crate::log::is_control(c) => out += &format!("\\U{:08x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A Python string of several lines, for SQL.
pub(super) fn python_block(text: &str) -> String {
    format!("\"\"\"\n{}\n\"\"\"", text.replace('\\', r"\\").replace("\"\"\"", r#"\"\"\""#))
}

/// A string of standard SQL: `'it''s'`.
pub(super) fn sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A string of SQL dialects in which a backslash escapes: Spark, ClickHouse.
pub(super) fn sql_backslash(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A name of standard SQL: `"a""b"`.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name in backticks: Spark.
pub(super) fn backticks(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A path in patterns that know classes: `[*]` is a star.
pub(super) fn in_classes(path: &str) -> String {
    path.chars()
        .map(|c| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() })
        .collect()
}

/// A path in patterns in which a backslash escapes: Hadoop's.
pub(super) fn in_backslashes(path: &str) -> String {
    path.chars()
        .map(|c| {
            let special = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '^' | ',');
            if special { format!("\\{c}") } else { c.to_string() }
        })
        .collect()
}

/// A folder that an engine can only take for a pattern, or for another path.
pub(super) fn is_a_pattern(folder: &str, engine: &str) -> Error {
    Error::new(Kind::Feed, format!("{engine} cannot be told a path with these characters"))
        .at("folder", folder)
        .next("take another engine, or read through a symbolic link with a plain name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_hold_what_would_end_them() {
        assert_eq!(python("a\"b\\c\n"), r#""a\"b\\c\U0000000a""#);
        assert_eq!(python_block("a\"\"\"\\"), "\"\"\"\na\\\"\\\"\\\"\\\\\n\"\"\"");
        assert_eq!(sql("it's"), "'it''s'");
        assert_eq!(sql_backslash("it's \\"), r"'it\'s \\'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(backticks("a`b"), "`a``b`");
        assert_eq!(in_classes("/a[1]*?"), "/a[[]1][*][?]");
        assert_eq!(in_backslashes("/a{b,c}"), r"/a\{b\,c\}");
    }
}
