//! Why a row is bad, and the path to the value that made it so.
//!
//! A fault starts where a byte is wrong and knows only that place; each level that it passes on its way out adds its
//! step, so the happy path pays nothing for paths. It is boxed, so that a good result stays small.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a map key that a path shows.
const SHOWN_KEY: usize = 64;

/// A result of reading.
pub(super) type Read<T = ()> = Result<T, Fault>;

/// What is wrong, where, and the steps outwards from there.
#[derive(Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    offset: usize,
    reason: Cow<'static, str>,
    /// Innermost first.
    steps: Vec<Step>,
}

/// A step of a path.
#[derive(Debug)]
pub(super) enum Step {
    /// The place in an array, from 0.
    Index(usize),
    /// The name of a member, as the schema has it.
    Name(String),
    /// The key of a map's entry, or the name of a member that the schema does not have: bytes of the row.
    Key(String),
}

impl Fault {
    /// A fault at this byte.
    #[cold]
    pub(super) fn new(offset: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { offset, reason: reason.into(), steps: Vec::new() }))
    }

    /// Byte in the row.
    pub(super) fn offset(&self) -> usize {
        self.0.offset
    }

    /// A clause without a final stop.
    pub(super) fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The same fault, seen from the array or object around it.
    #[cold]
    pub(super) fn inside(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }

    /// `$[4].ITEMS[2].QTY`; names that are not plain words stand in brackets and quotes.
    pub(super) fn path(&self) -> String {
        self.spell(true)
    }

    /// The same without anything that the row itself brought: `$[4]['…']`.
    pub(super) fn place(&self) -> String {
        self.spell(false)
    }

    fn spell(&self, with_keys: bool) -> String {
        let mut path = String::from("$");
        for step in self.0.steps.iter().rev() {
            match step {
                Step::Index(index) => {
                    let _ = write!(path, "[{index}]");
                }
                Step::Key(_) if !with_keys => path.push_str("['…']"),
                Step::Name(name) | Step::Key(name) if is_word(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Name(name) | Step::Key(name) => {
                    path.push_str("['");
                    for c in name.chars() {
                        if matches!(c, '\'' | '\\') {
                            path.push('\\');
                        }
                        path.push(c);
                    }
                    path.push_str("']");
                }
            }
        }
        path
    }
}

impl Step {
    /// The step of a map's key, shortened when it is long.
    #[cold]
    pub(super) fn key(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        Self::Key(match text.char_indices().nth(SHOWN_KEY) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.into_owned(),
        })
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
