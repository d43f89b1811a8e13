//! What other processes do to the lake: locks that they hold, metadata that they wrote.
//!
//! A look asks the file system for two times a dataset, and reads only what changed since the last look. The first look
//! is how the screen learns what the lake holds.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::Utc;

use super::load;
use super::work::{Reply, Teller};
use crate::app::Message;
use crate::lake::{Holder, Owner, lock_holder, read_metadata, watched};

/// Size and time of a file: what changes when its content does.
type Stamp = Option<(u64, SystemTime)>;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct LakeWatch {
    seen: HashMap<String, Seen>,
    held: BTreeMap<String, Owner>,
}

#[derive(Debug)]
struct Seen {
    dir: PathBuf,
    metadata: Stamp,
    lock: Stamp,
    /// The folder of what was published to catalogues.
    published: Stamp,
}

impl LakeWatch {
    /// Looks at the datasets of these feeds, and tells what is different.
    pub(super) fn look(mut self, datasets: Vec<(String, PathBuf)>, teller: &Teller) {
        let mut seen = HashMap::with_capacity(datasets.len());
        let mut held = BTreeMap::new();
        for (feed, dir) in datasets {
            let before = self.seen.remove(&feed).filter(|before| before.dir == dir);
            let (metadata, lock, published) = watched(&dir);
            let now =
                Seen { metadata: stamp(&metadata), lock: stamp(&lock), published: stamp(&published), dir };
            if before.as_ref().is_none_or(|before| before.metadata != now.metadata) {
                let metadata = read_metadata(&now.dir);
                teller.say(Message::Dataset { feed: feed.clone(), metadata, usage: None });
            }
            if before.as_ref().map_or(now.published.is_some(), |before| before.published != now.published) {
                teller.say(load::catalogs(&feed, &now.dir));
            }
            // Whoever takes the lock signs it: a file that did not change and was free is free.
            let may_be_held = self.held.contains_key(&feed)
                || now.lock.is_some() && before.is_none_or(|before| before.lock != now.lock);
            if may_be_held && let Some(owner) = other(&now.dir) {
                held.insert(feed.clone(), owner);
            }
            seen.insert(feed, now);
        }
        if held != self.held {
            teller.say(Message::Locks(held.clone()));
        }
        teller.say(Reply::Lake(Self { seen, held }));
    }
}

/// Who holds the dataset, when it is not this process.
fn other(dir: &Path) -> Option<Owner> {
    match lock_holder(dir) {
        Ok(Holder::Somebody(Some(owner))) => {
            (owner.pid != std::process::id() || owner.host != crate::export::host()).then_some(owner)
        }
        Ok(Holder::Somebody(None)) => {
            Some(Owner { what: "another program".into(), pid: 0, host: String::new(), since: Utc::now() })
        }
        // What cannot be told is not shown; an export says what is wrong with its lock.
        Ok(Holder::Nobody) | Err(_) => None,
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.len(), meta.modified().ok()?))
}
