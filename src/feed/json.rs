//! A JSON file that somebody wrote, read strictly, with the place of every value kept.
//!
//! ```text
//! text ──serde_json──▶ is it JSON at all (no comments, no trailing comma, at most 128 levels deep)?
//!      ──jsonc_parser─▶ the tree with byte ranges ──Page::object, text, one_of …──▶ values, or Problems in the Page
//! ```
//!
//! Two parsers on purpose: serde_json decides what JSON is and cannot be driven out of the stack, the other
//! one knows where each value stands and keeps a name that is written twice. Nothing here knows what a feed is.

use std::collections::BTreeMap;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::problem::{Problem, nearest};

/// What is read at most, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// How many problems are listed; a file that is something else altogether would have thousands.
const MAX_PROBLEMS: usize = 100;

/// The text being read, and what was found wrong with it so far.
pub(super) struct Page<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    more: usize,
}

/// A value and its path: `partitioning.columns[1]`.
pub(super) struct Node<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value<'a>,
}

/// The members of an object whose names are known.
pub(super) struct Fields<'a> {
    path: String,
    start: usize,
    members: BTreeMap<&'a str, &'a Value<'a>>,
}

impl<'a> Fields<'a> {
    /// A member that is there, `null` included.
    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        self.members.get(name).map(|value| Node { path: join(&self.path, name), value })
    }

    /// A member that is there and not `null`, for fields of which `null` says: not set.
    pub(super) fn set(&self, name: &str) -> Option<Node<'a>> {
        self.get(name).filter(|node| node.value.as_null_keyword().is_none())
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl<'t> Page<'t> {
    /// A page of `text`; a byte order mark before it is passed over.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: text.strip_prefix('\u{FEFF}').unwrap_or(text), problems: Vec::new(), more: 0 }
    }

    /// The tree, or nothing and a problem.
    pub(super) fn tree(&mut self) -> Option<Value<'t>> {
        if self.text.len() > MAX_BYTES {
            self.problems.push(Problem::of_file(format!(
                "the file is {} bytes long; a feed has at most {MAX_BYTES}",
                self.text.len()
            )));
            return None;
        }
        if let Err(error) = serde_json::from_str::<serde_json::Value>(self.text) {
            self.not_json(&error);
            return None;
        }
        let strict = ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        match parse_to_ast(self.text, &CollectOptions::default(), &strict) {
            Ok(result) => result.value,
            Err(error) => {
                self.report(error.range().start, "", "", format!("is not JSON: {}", error.kind()), None);
                None
            }
        }
    }

    fn not_json(&mut self, error: &serde_json::Error) {
        let line = error.line().max(1);
        let text = self.text.split('\n').nth(line - 1).unwrap_or_default();
        let before = error.column().saturating_sub(1);
        let column = text.char_indices().take_while(|(at, _)| *at < before).count() + 1;
        // The place stands in front already.
        let full = error.to_string();
        let what = full.split(" at line ").next().unwrap_or(&full);
        let hint = match text.chars().nth(column - 1) {
            Some('/' | '#') => " (comments are not allowed)",
            Some('\'') => " (strings stand in double quotes)",
            _ => "",
        };
        self.problems.push(Problem {
            line,
            column,
            ..Problem::of_file(format!("is not JSON: {what}{hint}"))
        });
    }

    /// Reports a problem at a byte offset.
    pub(super) fn report(
        &mut self,
        offset: usize,
        field: &str,
        seen: &str,
        message: impl Into<String>,
        nearest: Option<String>,
    ) {
        if !self.has_room() {
            self.more += 1;
            return;
        }
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.problems.push(Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            field: field.to_owned(),
            seen: Problem::shorten(seen),
            message: message.into(),
            nearest,
        });
    }

    fn has_room(&self) -> bool {
        self.problems.len() < MAX_PROBLEMS
    }

    /// Reports a value that is wrong.
    pub(super) fn wrong(&mut self, node: &Node<'_>, message: impl Into<String>, nearest: Option<String>) {
        let range = node.value.range();
        let seen = self.text.get(range.start..range.end).unwrap_or_default();
        self.report(range.start, &node.path, seen, message, nearest);
    }

    /// Reports a required member that is not there.
    pub(super) fn missing(&mut self, fields: &Fields<'_>, name: &str) {
        self.report(fields.start, &join(&fields.path, name), "", "is missing, and a feed must have it", None);
    }

    /// All problems in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|p| (p.line, p.column));
        if self.more > 0 {
            self.problems.push(Problem::of_file(format!("{} more problems are not listed", self.more)));
        }
        self.problems
    }

    /// An object; members that are not among `known`, and names that come twice, are reported.
    pub(super) fn object<'a>(&mut self, node: &Node<'a>, known: &[&str]) -> Option<Fields<'a>> {
        self.members(node, Some(known))
    }

    fn members<'a>(&mut self, node: &Node<'a>, known: Option<&[&str]>) -> Option<Fields<'a>> {
        let Some(object) = node.value.as_object() else {
            self.wrong(node, "is not an object: {\"name\": value, …}", None);
            return None;
        };
        let mut members = BTreeMap::new();
        for member in &object.properties {
            let name = member.name.as_str();
            let known = known.filter(|known| !known.contains(&name));
            if members.contains_key(name) {
                self.report(member.start(), &join(&node.path, name), "", "is there twice", None);
            } else if let Some(known) = known {
                let near = self.has_room().then(|| nearest(name, known.iter().copied())).flatten();
                self.report(member.start(), &join(&node.path, name), "", "is not a field of a feed", near);
            } else {
                members.insert(name, &member.value);
            }
        }
        Some(Fields { path: node.path.clone(), start: object.range.start, members })
    }

    /// The members of an object of texts, each with its node, in the order of their names.
    pub(super) fn texts_by_name<'a>(&mut self, node: &Node<'a>) -> Vec<(&'a str, &'a str, Node<'a>)> {
        let Some(fields) = self.members(node, None) else { return Vec::new() };
        let nodes =
            fields.members.iter().map(|(name, value)| (*name, Node { path: join(&node.path, name), value }));
        nodes.filter_map(|(name, node)| Some((name, self.text(&node)?, node))).collect()
    }

    /// The elements of a list.
    pub(super) fn list<'a>(&mut self, node: &Node<'a>) -> Option<Vec<Node<'a>>> {
        let Some(array) = node.value.as_array() else {
            self.wrong(node, "is not a list: [value, …]", None);
            return None;
        };
        let element = |(at, value)| Node { path: format!("{}[{at}]", node.path), value };
        Some(array.elements.iter().enumerate().map(element).collect())
    }

    /// A text.
    pub(super) fn text<'a>(&mut self, node: &Node<'a>) -> Option<&'a str> {
        let text = node.value.as_string_lit().map(|lit| &*lit.value);
        if text.is_none() {
            self.wrong(node, "is not a text in double quotes", None);
        }
        text
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, node: &Node<'_>) -> Option<bool> {
        let switch = node.value.as_boolean_lit().map(|lit| lit.value);
        if switch.is_none() {
            let near = node.value.as_string_lit().and_then(|lit| nearest(&lit.value, ["true", "false"]));
            self.wrong(node, "is neither true nor false", near);
        }
        switch
    }

    /// A whole number from 1 to `max`, written in digits alone.
    pub(super) fn count(&mut self, node: &Node<'_>, max: u32) -> Option<u32> {
        let digits = node.value.as_number_lit().map(|lit| lit.value);
        let count = digits.and_then(|text| text.parse().ok()).filter(|count| (1..=max).contains(count));
        if count.is_none() {
            self.wrong(node, format!("is not a whole number from 1 to {max}"), None);
        }
        count
    }

    /// A number above 0 and below 1.
    pub(super) fn share(&mut self, node: &Node<'_>) -> Option<f64> {
        let digits = node.value.as_number_lit().map(|lit| lit.value);
        let share =
            digits.and_then(|text| text.parse().ok()).filter(|share: &f64| *share > 0.0 && *share < 1.0);
        if share.is_none() {
            self.wrong(node, "is not a number between 0 and 1, such as 0.01", None);
        }
        share
    }

    /// One of the words of a table.
    pub(super) fn one_of<T: Copy>(&mut self, node: &Node<'_>, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        self.wrong(node, format!("is not one of {}", words.join(", ")), nearest(text, words));
        None
    }
}
