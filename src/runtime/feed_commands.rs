//! Changes to feeds that the operator asks for on the screen. Blocking.
//!
//! Of several feeds one that fails does not stop the others: what was done is told with its way back, what failed is
//! told too.

use chrono::Utc;

use super::work::{Reply, Teller};
use crate::app::Message;
use crate::error::{Error, Kind, Result};
use crate::feed::{self, Catalog, Change, FeedPaths, NewFeed, Place};

/// What is asked.
#[derive(Debug)]
pub(super) enum FeedCommand {
    SetEnabled { feeds: Vec<String>, enabled: bool },
    Archive(Vec<String>),
    Restore(Vec<String>),
    Undo(Vec<Change>),
    Add(NewFeed),
}

/// Does it and tells.
pub(super) fn perform(command: FeedCommand, paths: &FeedPaths, catalog: &Catalog, teller: &Teller) {
    match command {
        FeedCommand::SetEnabled { feeds, enabled } => {
            let word = if enabled { "enabled" } else { "disabled" };
            each(&feeds, word, teller, |name| feed::set_enabled(&path_of(catalog, name)?, enabled));
        }
        FeedCommand::Archive(feeds) => each(&feeds, "archived", teller, |name| feed::archive(paths, name)),
        FeedCommand::Restore(feeds) => each(&feeds, "restored", teller, |name| feed::restore(paths, name)),
        FeedCommand::Undo(changes) => {
            let mut undone = 0;
            for change in changes.into_iter().rev() {
                match feed::undo(change) {
                    Ok(_) => undone += 1,
                    Err(error) => teller.say(Message::Failed(error)),
                }
            }
            if undone > 0 {
                teller.say(Message::Done { text: "taken back".into(), undo: Vec::new() });
            }
        }
        FeedCommand::Add(new) => match feed::add(paths, &new, Utc::now()) {
            Ok(_) => teller.say(Message::Done { text: format!("{} is added", new.name), undo: Vec::new() }),
            Err(error) => teller.say(Message::Failed(error)),
        },
    }
    teller.say(Reply::FeedsChanged);
}

fn each(names: &[String], word: &str, teller: &Teller, change: impl Fn(&str) -> Result<Change>) {
    let mut done = Vec::new();
    let mut undo = Vec::new();
    for name in names {
        match change(name) {
            Ok(change) => {
                done.push(name.as_str());
                undo.push(change);
            }
            Err(error) => teller.say(Message::Failed(error.at("feed", name))),
        }
    }
    let text = match done.as_slice() {
        [] => return,
        [one] => format!("{one} is {word}"),
        many => format!("{} feeds are {word}", many.len()),
    };
    teller.say(Message::Done { text, undo });
}

fn path_of(catalog: &Catalog, name: &str) -> Result<std::path::PathBuf> {
    let active = catalog.entries.iter().find(|entry| entry.place == Place::Active && entry.name == name);
    active.map(|entry| entry.path.clone()).ok_or_else(|| {
        Error::new(Kind::Feed, "there is no active feed of this name")
            .next("it may have been moved meanwhile")
    })
}
