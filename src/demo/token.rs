//! SQL text becomes tokens, and tokens become statements' texts.

/// A lexical element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare name or keyword, in upper case as ksqlDB folds it.
    Word(String),
    /// A name in backticks or double quotes, as written.
    Quoted(String),
    /// `'…'`
    Text(String),
    /// Digits with at most one point.
    Number(String),
    /// `( ) , ; * . [ ] -> = <> != < <= > >= + - / := ` and what else stands alone.
    Symbol(&'static str),
}

/// A token and where it begins: byte offset in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(&self.kind, Kind::Symbol(own) if *own == symbol)
    }
}

/// Text that ksqlDB's grammar does not know; the message is as ksqlDB words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError(pub(super) String);

impl SyntaxError {
    /// `line 1:13: Syntax Error` and the rest on the next line.
    pub(super) fn at(text: &str, at: usize, what: &str) -> Self {
        let (line, column) = position(text, at);
        Self(format!("line {line}:{column}: Syntax Error\n{what}"))
    }
}

/// Line and column of a byte offset, both from 1.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Symbols, longer ones first.
const SYMBOLS: [&str; 24] = [
    "->", "<>", "!=", "<=", ">=", ":=", "=>", "(", ")", ",", ";", "*", ".", "[", "]", "=", "<", ">", "+",
    "-", "/", "%", "$", ":",
];

/// The tokens of a text; comments and white space are left out.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let (kind, len) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if rest.starts_with("--") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if matches!(first, '\'' | '"' | '`') {
            let (inner, len) =
                quoted(rest, first).ok_or_else(|| SyntaxError::at(text, at, "unterminated quote"))?;
            (Some(if first == '\'' { Kind::Text(inner) } else { Kind::Quoted(inner) }), len)
        } else if first.is_ascii_digit() {
            let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            (Some(Kind::Number(rest.get(..len).unwrap_or("").to_owned())), len)
        } else if first.is_alphabetic() || first == '_' || first == '@' {
            let len = rest.find(|c: char| !c.is_alphanumeric() && !"_@".contains(c)).unwrap_or(rest.len());
            (Some(Kind::Word(rest.get(..len).unwrap_or("").to_uppercase())), len)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Some(Kind::Symbol(symbol)), symbol.len())
        } else {
            return Err(SyntaxError::at(text, at, &format!("token recognition error at: '{first}'")));
        };
        if let Some(kind) = kind {
            found.push(Token { kind, at, end: at + len });
        }
        at += len;
    }
    Ok(found)
}

/// The text between quotes, where a doubled quote stands for one, and the length with the quotes.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            inner.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            inner.push(quote);
            chars.next();
        } else {
            return Some((inner, at + 1));
        }
    }
    None
}

/// The statements of a text, each with its tokens but without the semicolon that ends it.
///
/// # Errors
/// Text that cannot be read, or whose last statement has no semicolon.
pub(super) fn statements(text: &str) -> Result<Vec<(String, Vec<Token>)>, SyntaxError> {
    let mut found = Vec::new();
    let mut current: Vec<Token> = Vec::new();
    for token in tokens(text)? {
        if !token.is_symbol(";") {
            current.push(token);
        } else if let Some(first) = current.first().map(|first| first.at) {
            let statement = text.get(first..token.end).unwrap_or("").to_owned();
            for token in &mut current {
                token.at -= first;
                token.end -= first;
            }
            found.push((statement, std::mem::take(&mut current)));
        }
    }
    if current.is_empty() {
        Ok(found)
    } else {
        Err(SyntaxError::at(text, text.len(), "missing ';' at '<EOF>'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sql::parse;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            if let Ok(statements) = parse(&format!("{text};")) {
                prop_assert!(statements.iter().all(|statement| statement.text.ends_with(';')));
            }
        }

        #[test]
        fn any_words_are_read_or_refused(words in proptest::collection::vec(
            prop::sample::select(vec!["SELECT", "CREATE", "STREAM", "*", "(", ")", "a", "`b`", "'c'", "1", "-", "->", "FROM",
                "WHERE", "AND", "OR", "NOT", "IN", ",", ";", "=", "AS", "EMIT", "CHANGES", "LIMIT", "IS", "BETWEEN", "."]),
            0..40,
        )) {
            let _read = parse(&words.join(" "));
            let _also = parse(&format!("SELECT {} ;", words.join(" ")));
        }

        #[test]
        fn quoted_names_and_texts_come_back(name in "[^`]{1,20}", text in "[^']{0,20}") {
            let sql = format!("`{name}``x` '{text}''y'");
            let kinds: Vec<_> = tokens(&sql).unwrap().into_iter().map(|token| token.kind).collect();
            prop_assert_eq!(kinds, [Kind::Quoted(format!("{name}`x")), Kind::Text(format!("{text}'y"))]);
        }
    }
}
