//! Versions and days that are pinned: the feed's rules let them go no more.
//!
//! A pin is a commit of its own that moves nothing: the metadata has the pins, and the journal the list as it is from this commit
//! on, so that metadata that is made anew knows them. What keeps off a pinned path: retention, the purge of the bin, `feeds forget`,
//! and a new export of the day, which throws away what an earlier one had put aside.

use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, PartitionPath, Places, is_inside};
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::pin::Pin;
use crate::lake::ops::replace::prefix_of;
use crate::lake::ops::replaced::commits;
use crate::{Error, Kind, Result};

/// What is pinned, or goes back to what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A version of a table.
    Version(u32),
    /// A day of a stream.
    Day(NaiveDate),
}

impl Target {
    /// The folder below the dataset.
    fn path(self, metadata: &Metadata) -> Result<String> {
        let is_table = metadata.kind == FeedKind::Table.keyword();
        match (self, is_table) {
            (Self::Version(version), true) => Ok(PartitionPath::Version(version).to_string()),
            (Self::Day(day), false) => Ok(prefix_of(metadata, day)),
            (Self::Day(_), true) => {
                Err(Error::new(Kind::Usage, "a table has versions and no days").next("name a version: v3"))
            }
            (Self::Version(_), false) => {
                Err(Error::new(Kind::Usage, "a stream has days and no versions")
                    .next("name a day: 2025-01-15"))
            }
        }
    }
}

impl std::str::FromStr for Target {
    type Err = Error;

    /// `v3` or `3`, or a day: `2025-01-15`.
    fn from_str(text: &str) -> Result<Self> {
        let version = text.strip_prefix('v').unwrap_or(text).parse().ok().map(Self::Version);
        let day = || text.parse().ok().map(Self::Day);
        version.or_else(day).ok_or_else(|| {
            Error::new(Kind::Usage, format!("{text} is neither a version nor a day"))
                .next("write a version of a table as v3, and a day of a stream as 2025-01-15")
        })
    }
}

impl Dataset {
    /// Pins a version or a day, or gives a pin another name. `Kind::Usage` when nothing of it is there, in the data or in the bin.
    pub fn pin(&mut self, target: Target, name: Option<String>, now: DateTime<Utc>) -> Result<Pin> {
        self.recover_if_needed()?;
        let path = target.path(&self.metadata)?;
        let there = held(&self.committer.places)?;
        if !there.iter().any(|known| is_inside(known, &path)) {
            let error = Error::new(Kind::Usage, format!("nothing of {path} is in the lake or in its bin"));
            return Err(error.next("`lakehand history` names what is there"));
        }
        let known = self.metadata.pins.iter().find(|pin| pin.path == path);
        let pin = Pin { at: known.map_or(now, |known| known.at), path, name };
        let mut pins: Vec<Pin> =
            self.metadata.pins.iter().filter(|known| known.path != pin.path).cloned().collect();
        pins.push(pin.clone());
        pins.sort_by(|a, b| layout::path_order(&a.path).cmp(&layout::path_order(&b.path)));
        self.set_pins(pins, "pin", now)?;
        Ok(pin)
    }

    /// Takes a pin away: the feed's rules hold again. `Kind::Usage` when it is not pinned.
    pub fn unpin(&mut self, target: Target, now: DateTime<Utc>) -> Result<Pin> {
        self.recover_if_needed()?;
        let path = target.path(&self.metadata)?;
        let (gone, kept): (Vec<Pin>, Vec<Pin>) =
            self.metadata.pins.iter().cloned().partition(|pin| pin.path == path);
        let Some(gone) = gone.into_iter().next() else {
            let there: Vec<String> = kept.iter().map(Pin::target).collect();
            let error = Error::new(Kind::Usage, format!("{path} is not pinned"));
            return Err(if there.is_empty() {
                error
            } else {
                error.next(format!("there is {}", there.join(", ")))
            });
        };
        self.set_pins(kept, "unpin", now)?;
        Ok(gone)
    }

    fn set_pins(&mut self, pins: Vec<Pin>, word: &str, now: DateTime<Utc>) -> Result<()> {
        let id = format!("{:06}-{word}", self.metadata.commit_seq);
        let mut transaction = self.transaction(id, now);
        transaction.metadata().pins = pins;
        transaction.commit()
    }
}

/// The pins of the dataset in `dataset_dir`, without a lock.
pub fn pins(dataset_dir: &Path) -> Result<Vec<Pin>> {
    let metadata = read_metadata_at(&Places::find(dataset_dir)?.metadata)?;
    Ok(metadata.map(|metadata| metadata.pins).unwrap_or_default())
}

/// The partitions of which something is in the data or can be brought back.
fn held(places: &Places) -> Result<Vec<String>> {
    let mut roots = vec![places.data.clone()];
    roots.extend(commits(places)?.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.path));
    if fs::is_real_dir(&places.previous())? {
        roots.push(places.previous());
    }
    let mut found = Vec::new();
    for root in roots {
        found.extend(layout::leaves(&root)?.into_iter().map(|leaf| leaf.path));
    }
    Ok(found)
}
