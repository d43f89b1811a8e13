//! The configuration file: TOML, every problem at once, each with line and column.
//!
//! It knows which keys there are and how each is written; what a value means is for [`super::keys`].

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Form, KEYS, Key, REPLACED};
use super::secret::SECRETS;
use crate::feed::{Problem, nearest};

const MAX_BYTES: u64 = 1 << 20;

/// A value of the file, of the right form and not checked yet.
pub(super) struct Written {
    pub(super) key: &'static Key,
    pub(super) text: String,
    pub(super) line: usize,
    /// The place of the value.
    place: (usize, usize),
}

impl Written {
    /// What is wrong with the value.
    pub(super) fn problem(&self, message: String) -> Problem {
        let (line, column) = self.place;
        Problem {
            line,
            column,
            field: self.key.name.to_owned(),
            seen: self.key.seen(&self.text),
            ..Problem::of_file(message)
        }
    }
}

/// The text of the file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// The values of known keys, and what is wrong.
pub(super) fn parse(text: &str) -> (Vec<Written>, Vec<Problem>) {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut page = Page { text, written: Vec::new(), problems: Vec::new() };
    page.sections(table.get_ref());
    // What was made of a line that breaks the grammar is a guess, and so is what would be wrong with it.
    let broken: Vec<_> = errors.iter().map(|error| error.span().map_or(0, |span| span.start)).collect();
    let lines: Vec<_> = broken.iter().map(|start| page.place(*start).0).collect();
    page.problems.retain(|problem| !lines.contains(&problem.line));
    page.written.retain(|value| !lines.contains(&value.line));
    for (error, start) in errors.iter().zip(broken) {
        page.report(start, "", "", format!("is not TOML: {}", error.message().replace('\n', ", ")), None);
    }
    (page.written, page.problems)
}

struct Page<'t> {
    text: &'t str,
    written: Vec<Written>,
    problems: Vec<Problem>,
}

impl Page<'_> {
    fn sections(&mut self, table: &DeTable<'_>) {
        let mut sections: Vec<_> = KEYS.iter().filter_map(|key| Some(key.name.split_once('.')?.0)).collect();
        sections.dedup();
        for (name, value) in table {
            let (start, name) = (name.span().start, name.get_ref());
            match value.get_ref() {
                DeValue::Table(keys) if sections.contains(&name.as_ref()) => self.keys(name, keys),
                _ if sections.contains(&name.as_ref()) => {
                    self.report(start, name, "", format!("is a section: [{name}]"), None);
                }
                _ => {
                    // A key that lost its section is found by its own name.
                    let lost =
                        KEYS.iter().find(|key| key.name.split_once('.').is_some_and(|(_, key)| key == name));
                    let near = lost
                        .map(|key| key.name.to_owned())
                        .or_else(|| nearest(name, sections.iter().copied()));
                    self.report(start, name, "", "is not a section of the configuration", near);
                }
            }
        }
    }

    fn keys(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = format!("{section}.{}", name.get_ref());
            let below = format!("{full}.");
            if KEYS.iter().any(|key| key.name.starts_with(&below)) {
                match value.get_ref() {
                    DeValue::Table(keys) => self.keys(&full, keys),
                    _ => {
                        self.report(name.span().start, &full, "", format!("is a section: [{full}]"), None);
                    }
                }
                continue;
            }
            match KEYS.iter().find(|key| key.name == full) {
                Some(key) => self.value(key, name.span().start, value),
                None if SECRETS.iter().any(|secret| secret.name == full) => {
                    let secret = SECRETS.iter().find(|secret| secret.name == full);
                    let (variable, file) =
                        secret.map_or(("", ""), |secret| (secret.variable, secret.file_key));
                    let message = format!("is a secret, and not kept here; set {variable} or {file}");
                    self.report(name.span().start, &full, "", message, None);
                }
                None if REPLACED.iter().any(|(old, ..)| *old == full) => {
                    let (_, new, how) =
                        REPLACED.iter().find(|(old, ..)| *old == full).copied().unwrap_or_default();
                    let message = format!("is a key of before; {new} took its place: {how}");
                    self.report(name.span().start, &full, "", message, Some(new.to_owned()));
                }
                None => {
                    let near = nearest(&full, KEYS.iter().map(|key| key.name));
                    self.report(name.span().start, &full, "", "is not a key of the configuration", near);
                }
            }
        }
    }

    fn value(&mut self, key: &'static Key, start: usize, value: &Spanned<DeValue<'_>>) {
        let text = match (key.form, value.get_ref()) {
            (Form::Text, DeValue::String(text)) => Some(text.to_string()),
            (Form::Whole | Form::Decimal, DeValue::Integer(number)) => {
                // Beyond 64 bits it stays as it is written, and is out of every range.
                let radix = i128::from_str_radix(number.as_str(), number.radix());
                Some(radix.map_or_else(|_| number.to_string(), |number| number.to_string()))
            }
            (Form::Decimal, DeValue::Float(number)) => Some(number.as_str().to_owned()),
            (Form::Switch, DeValue::Boolean(switch)) => Some(switch.to_string()),
            _ => None,
        };
        if let Some(text) = text {
            let line = self.place(start).0;
            let place = self.place(value.span().start);
            self.written.push(Written { key, text, line, place });
            return;
        }
        let wanted = match key.form {
            Form::Text => "a text in quotes",
            Form::Whole => "a whole number without quotes",
            Form::Decimal => "a number without quotes",
            Form::Switch => "true or false without quotes",
        };
        let span = value.span();
        let seen = self.text.get(span.clone()).unwrap_or_default().to_owned();
        let seen = if key.is_url() { String::new() } else { seen };
        self.report(span.start, key.name, &seen, format!("is not {wanted}"), None);
    }

    /// Line and column, both from 1.
    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn report(
        &mut self,
        offset: usize,
        field: &str,
        seen: &str,
        message: impl Into<String>,
        near: Option<String>,
    ) {
        let (line, column) = self.place(offset);
        self.problems.push(Problem {
            line,
            column,
            field: field.to_owned(),
            seen: Problem::shorten(seen),
            nearest: near,
            ..Problem::of_file(message)
        });
    }
}
