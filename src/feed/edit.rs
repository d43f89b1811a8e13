//! Changes to a feed's file that the program makes, and their way back.
//!
//! | command | on disk | its undo |
//! |---|---|---|
//! | [`set_enabled`], [`set_table_format`] | one value alone, all else byte for byte; replaced atomically | the bytes of before |
//! | [`archive`], [`restore`] | a rename that never replaces | the rename back |
//!
//! A change is undone only while the file is as the change left it. No feed that is invalid is edited, though it may be
//! archived: putting aside what is broken is what archiving is for.

use std::path::{Path, PathBuf};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};

use super::catalog::{Catalog, FeedPaths, Place, is_feed_file};
use super::disk::{move_new, read_text, replace, unchanged};
use super::parse::parse_feed;
use super::problem::{Problem, lines};
use crate::{Error, Kind, Result};

/// What was done, as far as it is needed to undo it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change(FileChange);

#[derive(Debug, Clone, PartialEq, Eq)]
enum FileChange {
    Replaced { path: PathBuf, before: String, after: String },
    Moved { from: PathBuf, to: PathBuf, text: String },
}

impl Change {
    /// Where the feed's file is now.
    pub fn path(&self) -> &Path {
        match &self.0 {
            FileChange::Replaced { path, .. } => path,
            FileChange::Moved { to, .. } => to,
        }
    }

    /// Whether nothing had to be done.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.0, FileChange::Replaced { before, after, .. } if before == after)
    }
}

/// Sets `enabled` in the feed file at `path`.
///
/// # Errors
/// The feed's problems when it is invalid: an edit must not hide them.
pub fn set_enabled(path: &Path, enabled: bool) -> Result<Change> {
    set(path, "enabled", CstInputValue::Bool(enabled), false, |feed| super::Feed { enabled, ..feed })
}

/// Sets `table_format` in the feed file at `path`: written out where the file says nothing of it, as the configuration may.
///
/// # Errors
/// As [`set_enabled`].
pub fn set_table_format(path: &Path, formats: &[super::TableFormat]) -> Result<Change> {
    let words = formats.iter().map(|format| CstInputValue::String(format.keyword().to_owned())).collect();
    let table_format = formats.to_vec();
    set(path, "table_format", CstInputValue::Array(words), true, |feed| super::Feed { table_format, ..feed })
}

/// Sets one member of the feed file at `path`, which makes the feed what `wanted` says.
fn set(
    path: &Path,
    member: &str,
    value: CstInputValue,
    is_written_out: bool,
    wanted: impl FnOnce(super::Feed) -> super::Feed,
) -> Result<Change> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let before = read_text(path).map_err(|problem| invalid(path, &[problem]))?;
    let feed = parse_feed(&before, &stem).map_err(|problems| invalid(path, &problems))?;
    let wanted = wanted(feed.clone());
    let is_nothing = feed == wanted && (!is_written_out || names(&before, member)?);
    let after = if is_nothing { before.clone() } else { with(&before, member, value)? };
    // The proof before the change: the edit changes this one value and no other.
    let proof = parse_feed(&after, &stem).map_err(|problems| invalid(path, &problems))?;
    if proof != wanted {
        return Err(Error::new(Kind::Bug, format!("the edit would have changed more than {member}"))
            .at("path", path.display()));
    }
    if before != after {
        replace(path, &before, &after)?;
    }
    Ok(Change(FileChange::Replaced { path: path.to_owned(), before, after }))
}

/// The text with this one value set, and every other byte as it was.
fn with(text: &str, name: &str, value: CstInputValue) -> Result<String> {
    let bare = text.strip_prefix('\u{FEFF}');
    let (root, object) = object(text)?;
    match object.get(name) {
        Some(member) => member.set_value(value),
        None => {
            object.append(name, value);
        }
    }
    let mark = if bare.is_some() { "\u{FEFF}" } else { "" };
    Ok(format!("{mark}{root}"))
}

/// The text has this member.
fn names(text: &str, name: &str) -> Result<bool> {
    Ok(object(text)?.1.get(name).is_some())
}

/// The object that the text is.
fn object(text: &str) -> Result<(CstRootNode, CstObject)> {
    let bug = || Error::new(Kind::Bug, "a valid feed could not be edited");
    let bare = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let root = CstRootNode::parse(bare, &ParseOptions::default()).map_err(|e| bug().because(e))?;
    let object = root.object_value().ok_or_else(bug)?;
    Ok((root, object))
}

/// Puts the active feed `name` aside.
pub fn archive(paths: &FeedPaths, name: &str) -> Result<Change> {
    shift(paths, name, Place::Active, Place::Archived)
}

/// Makes the archived feed `name` active again.
///
/// # Errors
/// Among others when an active feed exports the same dataset: two of them would write to one folder.
pub fn restore(paths: &FeedPaths, name: &str) -> Result<Change> {
    let from = paths.file(Place::Archived, name);
    if is_plain(name)
        && let Ok(feed) = read_text(&from).and_then(|text| {
            parse_feed(&text, name)
                .map_err(|_| Problem::of_file("is shown as invalid, and moves all the same"))
        })
        && let Some(other) = Catalog::load(paths)?.by_dataset(feed.kind, &feed.dataset())
        && other.name != name
    {
        return Err(same_dataset(&feed.source, &other.name).at("feed", name));
    }
    shift(paths, name, Place::Archived, Place::Active)
}

fn shift(paths: &FeedPaths, name: &str, from: Place, to: Place) -> Result<Change> {
    if !is_plain(name) {
        return Err(
            Error::new(Kind::Usage, "a feed's name is the name of its file without .json").at("feed", name)
        );
    }
    let source = paths.file(from, name);
    if std::fs::symlink_metadata(&source).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        let word = if from == Place::Active { "active" } else { "archived" };
        return Err(Error::new(Kind::Feed, format!("there is no {word} feed of this name"))
            .at("feed", name)
            .next("lakehand feeds list shows those that there are"));
    }
    let target = paths.file(to, name);
    let folder = paths.folder(to);
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make the folder of feeds", folder, e))?;
    let text = read_text(&source).map_err(|problem| invalid(&source, &[problem]))?;
    move_new(&source, &target)?;
    Ok(Change(FileChange::Moved { from: source, to: target, text }))
}

/// Takes a change back; what is returned undoes the undoing.
///
/// # Errors
/// When the file was changed meanwhile, or the place from which it was moved is taken.
pub fn undo(change: Change) -> Result<Change> {
    let reverse = match change.0 {
        FileChange::Replaced { path, before, after } => {
            unchanged(&path, &after)?;
            if before != after {
                replace(&path, &after, &before)?;
            }
            FileChange::Replaced { path, before: after, after: before }
        }
        FileChange::Moved { from, to, text } => {
            unchanged(&to, &text)?;
            move_new(&to, &from)?;
            FileChange::Moved { from: to, to: from, text }
        }
    };
    Ok(Change(reverse))
}

/// Whether `name` names a file in a folder, and not one elsewhere.
fn is_plain(name: &str) -> bool {
    !name.contains(['/', '\0']) && is_feed_file(format!("{name}.json").as_ref())
}

fn invalid(path: &Path, problems: &[Problem]) -> Error {
    let what = match problems {
        [one] => format!("the feed is invalid: {one}"),
        many => format!("the feed has {} problems:\n  {}\n ", many.len(), lines(many)),
    };
    Error::new(Kind::Feed, what).at("path", path.display()).next("correct the file first")
}

pub(super) fn same_dataset(source: &str, other: &str) -> Error {
    Error::new(Kind::Feed, format!("the active feed {other} exports {source} already"))
        .next(format!("archive {other} first"))
}
