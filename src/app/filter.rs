//! A filter as it is typed: words, `field:value`, `!not`; all must hold.
//!
//! ```text
//! pay             some value holds "pay", in whatever case
//! state:failed    the value of the field whose name begins with "state" holds "failed"
//! !kind:table     and this one must not hold
//! ```

/// A filter, read. The empty one lets all pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    not: bool,
    field: Option<&'static str>,
    value: String,
}

impl Filter {
    /// Reads what was typed; `fields` are those of the list. What stands before `:` and is no field is part of a word.
    pub fn parse(text: &str, fields: &[&'static str]) -> Self {
        let terms = text.split_whitespace().filter_map(|word| {
            let (not, word) = match word.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, word),
            };
            let field = word.split_once(':').and_then(|(name, value)| {
                let name = name.to_lowercase();
                let field = fields.iter().find(|field| !name.is_empty() && field.starts_with(&name))?;
                Some((*field, value))
            });
            let (field, value) = match field {
                Some((field, value)) => (Some(field), value),
                None => (None, word),
            };
            // `!` and `state:` are what is typed on the way to something: they hold nothing back.
            (!value.is_empty()).then(|| Term { not, field, value: value.to_lowercase() })
        });
        Self { terms: terms.collect() }
    }

    /// Whether it lets all pass.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row passes: its values, each with the name of its field.
    pub fn matches(&self, values: &[(&str, &str)]) -> bool {
        self.terms.iter().all(|term| {
            let found = values
                .iter()
                .filter(|(field, _)| term.field.is_none_or(|wanted| wanted == *field))
                .any(|(_, value)| contains(value, &term.value));
            found != term.not
        })
    }
}

/// Whether `text` holds `part`, which is in lower case.
fn contains(text: &str, part: &str) -> bool {
    if text.is_ascii() && part.is_ascii() {
        let (text, part) = (text.as_bytes(), part.as_bytes());
        return text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    }
    text.to_lowercase().contains(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: [&str; 3] = ["name", "state", "kind"];

    #[track_caller]
    fn passes(filter: &str, expected: bool) {
        let row = [("name", "Payment_feed"), ("state", "failed"), ("kind", "stream")];
        assert_eq!(Filter::parse(filter, &FIELDS).matches(&row), expected, "{filter}");
    }

    #[test]
    fn words_fields_and_their_opposites() {
        passes("", true);
        passes("pay", true);
        passes("PAY feed", true);
        passes("pay order", false);
        passes("!order", true);
        passes("state:fail", true);
        passes("st:fail !kind:table", true);
        passes("kind:fail", false);
        passes("!state:failed", false);
        passes("state:", true);
        passes("!", true);
        passes("http://pay", false);
    }

    #[test]
    fn letters_beyond_ascii_have_cases_too() {
        assert!(Filter::parse("ÉTÉ", &FIELDS).matches(&[("name", "Été")]));
    }

    proptest! {
        #[test]
        fn a_term_and_its_opposite_split_the_rows(word in "[a-z]{1,3}", value in "[a-zA-Z]{0,8}") {
            let row = [("name", value.as_str())];
            let yes = Filter::parse(&word, &FIELDS).matches(&row);
            let no = Filter::parse(&format!("!{word}"), &FIELDS).matches(&row);
            prop_assert!(yes != no);
        }
    }
}
