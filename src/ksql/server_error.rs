//! What the server says when it fails: an error object in an answer's body or in its midst, and what follows from it.
//!
//! ```text
//! {"@type":"generic_error","error_code":40000,"message":"…"}
//! {"@type":"statement_error","error_code":40001,"message":"…","statementText":"…","entities":[]}
//! ```
//!
//! The message is the server's; the statement, which it likes to repeat, is taken out, as it may be long and may hold
//! literals that belong to nobody's log.

use serde::Deserialize;

use crate::error::Kind;

/// Longest text that is kept of a server's message, in characters.
const MAX_CHARS: usize = 500;

/// An error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// `error_code`: the HTTP status times 100, plus a number.
    pub code: Option<u32>,
    /// The message: first lines, bounded, without the statement.
    pub message: String,
}

#[derive(Deserialize)]
struct Wire {
    error_code: Option<u32>,
    message: Option<String>,
    #[serde(rename = "statementText")]
    statement: Option<String>,
}

impl ServerError {
    /// Reads an error object; `None` when `json` is none.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(json).ok()?;
        if wire.error_code.is_none() && wire.message.is_none() {
            return None;
        }
        let message = wire.message.unwrap_or_default();
        Some(Self { code: wire.error_code, message: shorten(&message, wire.statement.as_deref()) })
    }

    /// What follows, by the code and by the words that tell a full or unready server from a refusal.
    /// `otherwise` is for codes that say no more than "failed" (50000).
    pub fn kind(&self, otherwise: Kind) -> Kind {
        if is_busy(&self.message) {
            return Kind::Busy;
        }
        // Raised in mid-answer with 50000, but no second try will do better (verified page, 2.3).
        if self.message.contains("Table scan unsupported") {
            return Kind::Refused;
        }
        match self.code.map(|code| code / 100) {
            Some(401 | 403) => Kind::Auth,
            Some(429 | 503) => Kind::Busy,
            Some(400..=499) => Kind::Refused,
            _ => otherwise,
        }
    }
}

/// Words by which a server that is merely full, starting or rebalancing tells so, with codes that say "bad request".
fn is_busy(message: &str) -> bool {
    const WORDS: [&str; 9] = [
        "maximum number of push queries",
        "push queries exceed",
        "push queries to exceed",
        "rate limit",
        "concurrency limit",
        "failed to find valid host",
        "cannot determine which host",
        "could not write the statement",
        "command queue",
    ];
    let message = message.to_lowercase();
    WORDS.iter().any(|word| message.contains(word))
}

/// The first lines of `message` without `statement`.
fn shorten(message: &str, statement: Option<&str>) -> String {
    let mut text = message.to_owned();
    if let Some(statement) = statement.map(str::trim).filter(|s| !s.is_empty()) {
        text = text.replace(&format!("'{statement}'"), "…").replace(statement, "…");
    }
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Statement:"))
        .take(3)
        .collect();
    let text = without_classes(&lines.join(" "));
    if text.chars().count() <= MAX_CHARS {
        return text;
    }
    text.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}

/// Drops the names of Java classes that stand before messages: `io.confluent.ksql.util.KsqlException: `.
fn without_classes(text: &str) -> String {
    let is_class = |word: &&str| {
        word.strip_suffix(':').is_some_and(|name| {
            name.contains('.') && ["Exception", "Error"].iter().any(|end| name.ends_with(end))
        })
    };
    text.split(' ').filter(|word| !is_class(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str, code: u32) -> ServerError {
        ServerError { code: Some(code), message: message.into() }
    }

    #[test]
    fn the_statement_is_taken_out_of_the_message() {
        let body = br#"{"@type":"statement_error","error_code":40001,"message":"Not executing statement(s) 'SELECT 1;' as it would cause the number of active, push queries to exceed the configured limit.\nStatement: SELECT 1;","statementText":"SELECT 1;","entities":[]}"#;
        let error = ServerError::parse(body).unwrap();
        assert!(!error.message.contains("SELECT"), "{}", error.message);
        assert_eq!(error.kind(Kind::Incomplete), Kind::Busy);
    }

    #[test]
    fn names_of_classes_are_dropped() {
        let body = br#"{"error_code":50000,"message":"io.confluent.ksql.X$MaterializationException: Unable to pull: io.confluent.KsqlException: RocksDB iterator has closed"}"#;
        assert_eq!(ServerError::parse(body).unwrap().message, "Unable to pull: RocksDB iterator has closed");
    }

    #[test]
    fn codes_and_words_class_it() {
        for (message, code, kind) in [
            ("Maximum number of push queries exceeded", 40003, Kind::Busy),
            ("Host is at rate limit for pull queries. Currently set to 1 qps.", 42900, Kind::Busy),
            ("Host is at bandwidth rate limit for pull queries.", 40000, Kind::Busy),
            ("Partition 0 failed to find valid host. Hosts scanned: []", 40001, Kind::Busy),
            ("Unauthorized", 40100, Kind::Auth),
            ("NOPE does not exist.", 40001, Kind::Refused),
            ("RocksDB iterator for store x has closed", 50000, Kind::Incomplete),
            ("Server is shutting down", 50303, Kind::Busy),
            ("Table scan unsupported on session tables", 50000, Kind::Refused),
        ] {
            assert_eq!(error(message, code).kind(Kind::Incomplete), kind, "{message}");
        }
    }

    #[test]
    fn long_messages_are_cut_and_other_json_is_no_error() {
        let long = format!(r#"{{"message":"{}"}}"#, "ü".repeat(5000));
        assert_eq!(ServerError::parse(long.as_bytes()).unwrap().message.chars().count(), MAX_CHARS);
        assert_eq!(ServerError::parse(b"{}"), None);
        assert_eq!(ServerError::parse(b"<html>"), None);
    }
}
