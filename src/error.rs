//! What can go wrong, said once: what happened, where, and what to do next.
//!
//! Every fallible function of the crate returns [`Error`]. Its [`Kind`] is what code decides on (retry, exit code, state
//! on the screen); its text is what an operator reads. A [`Class`] follows from the kind: try again, a matter of this
//! feed alone, or of the whole run. Text that came from outside is escaped when it is shown, never before.

use std::fmt;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of trouble it is. The exit code and the class follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The command line cannot be understood. Exit 2.
    Usage,
    /// `lakehand.toml`, the environment or a flag holds a value that cannot be used. Exit 2.
    Config,
    /// A feed file is invalid, or the feed asks for what its source cannot give.
    Feed,
    /// No connection, no answer in time, or the connection was cut before anything was learnt. Exit 3.
    Unreachable,
    /// The server is there but will not work now: 429, 503, queries at their limit.
    Busy,
    /// Credentials are missing, wrong or not enough: 401, 403.
    Auth,
    /// The server understood and said no: an unknown source, a statement that it rejects.
    Refused,
    /// An answer ended without its mark of completeness, or said itself that it failed.
    Incomplete,
    /// An answer breaks the grammar of its format: such bytes must not reach the lake.
    Garbled,
    /// The source's columns changed in a way that readers of the lake cannot bridge, or cannot be kept at all.
    Schema,
    /// More rows than allowed could not be decoded.
    Quarantine,
    /// Something waits for a decision of the operator; what was there before stays as it was. Exit 1.
    Held,
    /// Another process holds the dataset. Exit 4.
    Locked,
    /// The lake on disk is not what its records say. Exit 5.
    Damaged,
    /// The file system refused.
    Io,
    /// Less space than the floor that the configuration keeps free.
    DiskFull,
    /// Somebody asked to stop. Exit 130.
    Interrupted,
    /// A fault of this program.
    Bug,
}

/// What follows from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Trying again later may help.
    Retry,
    /// Only this feed is concerned, and trying again changes nothing.
    Feed,
    /// The run as a whole cannot go on.
    Fatal,
}

impl Kind {
    /// What follows from an error of this kind.
    pub fn class(self) -> Class {
        match self {
            Self::Unreachable | Self::Busy | Self::Incomplete | Self::Garbled => Class::Retry,
            Self::Feed
            | Self::Refused
            | Self::Schema
            | Self::Quarantine
            | Self::Held
            | Self::Locked
            | Self::Damaged
            | Self::Io => Class::Feed,
            Self::Usage | Self::Config | Self::Auth | Self::DiskFull | Self::Interrupted | Self::Bug => {
                Class::Fatal
            }
        }
    }

    /// The word used in logs and in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Feed => "feed",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Auth => "auth",
            Self::Refused => "refused",
            Self::Incomplete => "incomplete",
            Self::Garbled => "garbled",
            Self::Schema => "schema",
            Self::Quarantine => "quarantine",
            Self::Held => "held",
            Self::Locked => "locked",
            Self::Damaged => "damaged",
            Self::Io => "io",
            Self::DiskFull => "disk-full",
            Self::Interrupted => "interrupted",
            Self::Bug => "bug",
        }
    }
}

/// Text that may hold values of a row: a piece of an answer, a key of a map, a primary key.
///
/// Such text has no `Display`, so it cannot come into a log, a terminal, the screen or an error's text by formatting. The one way
/// out is [`RowText::shown`], which asks who may read the feed's data.
#[derive(Clone, PartialEq, Eq)]
pub struct RowText(String);

/// What stands in the place of a text that is not shown.
const HIDDEN: &str = "(not shown: the feed is restricted)";

impl RowText {
    /// Text with values in it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text where it may be shown, because everybody may read the feed's data; else a word that it is not shown.
    pub fn shown(&self, may_show: bool) -> &str {
        if may_show { &self.0 } else { HIDDEN }
    }
}

impl fmt::Debug for RowText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowText({} bytes)", self.0.len())
    }
}

/// What happened, where, and what to do next.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    what: String,
    place: Vec<(&'static str, String)>,
    quotes: Vec<(&'static str, RowText)>,
    next: Option<String>,
    retry_after: Option<std::time::Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `what` is a sentence without a final stop: "the answer ended without its end mark".
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            what: what.into(),
            place: Vec::new(),
            quotes: Vec::new(),
            next: None,
            retry_after: None,
            source: None,
        }))
    }

    /// An error of the file system at `path`.
    pub fn io(doing: &str, path: &std::path::Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::DiskFull,
            _ => Kind::Io,
        };
        Self::new(kind, format!("cannot {doing}: {source}")).at("path", path.display()).because(source)
    }

    /// Adds where it happened, outermost last: `.at("column", 12).at("file", name)`.
    #[must_use]
    pub fn at(mut self, what: &'static str, value: impl fmt::Display) -> Self {
        self.0.place.push((what, value.to_string()));
        self
    }

    /// Adds a piece of a row. It is never part of the text before [`Error::reveal`] was called.
    #[must_use]
    pub fn quote(mut self, what: &'static str, text: RowText) -> Self {
        self.0.quotes.push((what, text));
        self
    }

    /// Makes the pieces of rows part of the text where they may be shown, because everybody may read the feed's data; else
    /// drops them.
    #[must_use]
    pub fn reveal(mut self, may_show: bool) -> Self {
        for (what, text) in std::mem::take(&mut self.0.quotes) {
            if may_show {
                self.0.place.push((what, text.0));
            }
        }
        self
    }

    /// Says what the operator can do: "start the server or set server.url".
    #[must_use]
    pub fn next(mut self, advice: impl Into<String>) -> Self {
        self.0.next = Some(advice.into());
        self
    }

    /// Keeps the cause for `source()`; its text should already be part of `what`.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The wait that the server asked for (`Retry-After`).
    #[must_use]
    pub fn retry_after(mut self, wait: std::time::Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// What sort of trouble it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What follows from it.
    pub fn class(&self) -> Class {
        self.0.kind.class()
    }

    /// The sentence without place and advice.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Where it happened, innermost first.
    pub fn place(&self) -> &[(&'static str, String)] {
        &self.0.place
    }

    /// What the operator can do.
    pub fn advice(&self) -> Option<&str> {
        self.0.next.as_deref()
    }

    /// The wait that the server asked for.
    pub fn wait(&self) -> Option<std::time::Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        if !self.0.place.is_empty() {
            f.write_str(" (")?;
            for (i, (what, value)) in self.0.place.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{what} {value}")?;
            }
            f.write_str(")")?;
        }
        if let Some(next) = &self.0.next {
            write!(f, "; {next}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.0.kind.name())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_next() {
        let error = Error::new(Kind::Garbled, "a row has 3 values where the header names 4 columns")
            .at("line", 17)
            .at("feed", "payments")
            .next("the read is tried again");
        assert_eq!(
            error.to_string(),
            "a row has 3 values where the header names 4 columns (line 17, feed payments); the read is tried again"
        );
        assert_eq!(error.class(), Class::Retry);
    }

    #[test]
    fn values_of_a_row_are_told_only_where_everybody_may_read_them() {
        let error = || Error::new(Kind::Garbled, "a line is no element").quote("text", RowText::new("iban"));
        assert!(!format!("{} {:?}", error(), error()).contains("iban"));
        assert!(!error().reveal(false).to_string().contains("iban"));
        assert!(error().reveal(true).to_string().ends_with("(text iban)"));
        assert!(!format!("{:?}", RowText::new("iban")).contains("iban"));
    }

    #[test]
    fn a_full_disk_is_told_from_other_refusals() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::io("write", std::path::Path::new("/lake/x"), full);
        assert_eq!(error.kind(), Kind::DiskFull);
        assert!(std::error::Error::source(&error).is_some());
    }
}
