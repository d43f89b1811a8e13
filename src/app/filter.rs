//! A filter as it is typed: words, `field:value`, `!not`; all must hold.

/// A filter, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    not: bool,
    field: Option<String>,
    value: String,
}
