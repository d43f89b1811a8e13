//! One thing that is wrong with a file that somebody wrote: where, what was seen, and the nearest thing that is right.

use std::fmt;

use crate::log::escape_controls;

/// How much of a value is shown, in characters.
const SEEN_CHARS: usize = 60;

/// One thing that is wrong, said in one line:
/// `line 4, column 18: storage_mode: "apend" is not one of append, overwrite, ignore; did you mean "append"?`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// The field, `partitioning.columns[1]`; empty when no field is meant.
    pub field: String,
    /// The value as the file writes it, `"apend"`, shortened; empty when there is none to show.
    pub seen: String,
    /// What is wrong, continuing field and value: `is not one of …`.
    pub message: String,
    /// The nearest thing that would be right.
    pub nearest: Option<String>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self {
            line: 0,
            column: 0,
            field: String::new(),
            seen: String::new(),
            message: message.into(),
            nearest: None,
        }
    }

    /// `value` as far as it is shown.
    pub(crate) fn shorten(value: &str) -> String {
        match value.char_indices().nth(SEEN_CHARS) {
            None => value.to_owned(),
            Some((end, _)) => format!("{}…", &value[..end]),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", escape_controls(&self.field))?;
        }
        if !self.seen.is_empty() {
            write!(f, "{} ", escape_controls(&self.seen))?;
        }
        f.write_str(&escape_controls(&self.message))?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean \"{}\"?", escape_controls(nearest))?;
        }
        Ok(())
    }
}

/// The problems on one line each, for an error's text.
pub(crate) fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// The one of `choices` that `seen` most likely meant; `None` when none is near: at most a third of the longer word differs, and
/// less than all of a short one. Case does not count.
pub fn nearest<'a>(seen: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Nobody mistypes a short word into a page of text, and the distance of long texts takes long to find.
    if seen.len() > 200 {
        return None;
    }
    let seen = seen.to_lowercase();
    choices
        .into_iter()
        .map(|choice| (strsim::damerau_levenshtein(&seen, &choice.to_lowercase()), choice))
        .filter(|(distance, choice)| {
            let longer = seen.chars().count().max(choice.chars().count());
            *distance <= longer.div_ceil(3) && *distance * 2 <= longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, choice)| choice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let problem = Problem {
            line: 4,
            column: 18,
            field: "storage_mode".into(),
            seen: "\"apend\"".into(),
            message: "is not one of append, overwrite, ignore".into(),
            nearest: Some("append".into()),
        };
        assert_eq!(
            problem.to_string(),
            "line 4, column 18: storage_mode: \"apend\" is not one of append, overwrite, ignore; did you mean \"append\"?"
        );
        let hostile = Problem { seen: "\"\u{1b}[2J\n\"".into(), ..Problem::of_file("is odd") };
        assert_eq!(hostile.to_string(), "\"\\u{1b}[2J\\n\" is odd");
    }

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["append", "overwrite", "ignore"];
        assert_eq!(nearest("apend", words).as_deref(), Some("append"));
        assert_eq!(nearest("OVERWRITE", words).as_deref(), Some("overwrite"));
        assert_eq!(nearest("gzip", words), None);
        // A short name is near to nothing only because it is short.
        assert_eq!(nearest("odd", ["D1", "A", "ODE"]).as_deref(), Some("ODE"));
        assert_eq!(nearest("odd", ["D1", "A"]), None);
        assert_eq!((nearest("a", ["b"]), nearest("a", ["A"]).as_deref()), (None, Some("A")));
        assert_eq!(nearest(&"x".repeat(1000), words), None);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let cut = Problem::shorten(&"é".repeat(100));
        assert_eq!(cut.chars().count(), SEEN_CHARS + 1);
    }
}
