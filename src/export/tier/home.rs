//! A day comes home.

use chrono::NaiveDate;

use super::Mover;
use crate::error::{Error, Kind, Result};
use crate::feed::PartitionPath;
use crate::lake::{ColdFile, TierLock, cold_files};
use crate::tier::ObjectState;

/// How far a day is on its way home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeWay {
    /// It is home.
    Home {
        /// Files.
        files: u64,
        /// Rows.
        rows: u64,
        /// Size, bytes.
        bytes: u64,
    },
    /// Objects of it lie in an archive, and were asked for, now or before.
    Waiting {
        /// Objects that cannot be read yet.
        objects: u64,
        /// Those of them that were asked for just now.
        asked: u64,
    },
}

impl Mover<'_> {
    /// Brings the partitions of `day` home. What lies in an archive is asked for, and nothing else is done until all of it can be read.
    ///
    /// # Errors
    /// `Kind::Usage` when nothing of the day lies in the cold tier; `Kind::Damaged` when an object is gone or is not what went there.
    pub fn restore(&self, day: NaiveDate) -> Result<HomeWay> {
        let dir = self.dir()?;
        let is_of_day = |partition: &str| PartitionPath::parse(partition).is_some_and(|path| path.holds(day));
        let files: Vec<ColdFile> =
            cold_files(&dir)?.into_iter().filter(|file| is_of_day(&file.partition)).collect();
        if files.is_empty() {
            return Err(Error::new(Kind::Usage, format!("nothing of {day} lies in the cold tier"))
                .at("feed", &self.feed.name)
                .next("`lakehand tier list` says where each day lies"));
        }
        let _lock = TierLock::take(&dir, self.feed.visibility)?;
        let (mut waiting, mut asked) = (0, 0);
        for file in files.iter().filter(|file| !file.has_copy) {
            self.cancel.check()?;
            let key = self.key_of(&file.url)?;
            match self.store.state(&key)? {
                ObjectState::Ready { .. } => {}
                ObjectState::Restoring { .. } => waiting += 1,
                ObjectState::Archived { .. } => {
                    self.store.request_restore(&key, self.setup.restore_days)?;
                    (waiting, asked) = (waiting + 1, asked + 1);
                }
                ObjectState::Missing => {
                    return Err(Error::new(Kind::Damaged, "an object of the day is not there")
                        .at("object", &file.url)
                        .next("nothing was changed; bring it back from a version of the bucket"));
                }
            }
        }
        if waiting > 0 {
            return Ok(HomeWay::Waiting { objects: waiting, asked });
        }
        let mut partitions: Vec<&str> = files.iter().map(|file| file.partition.as_str()).collect();
        partitions.dedup();
        let mut dataset = self.open()?;
        let (mut count, mut rows, mut bytes) = (0, 0, 0);
        for partition in partitions {
            let coming = dataset.prepare_home(partition)?;
            for file in &coming.files {
                let key = self.key_of(&file.url)?;
                dataset.receive(&coming, file, |into| match self.store.get(&key, into, &self.work())? {
                    Some(_) => Ok(()),
                    None => Err(Error::new(Kind::Damaged, "an object of the day is not there")
                        .at("object", &file.url)
                        .next("nothing was changed; bring it back from a version of the bucket")),
                })?;
            }
            let warmed = dataset.bring_home(&coming, self.now())?;
            (count, rows, bytes) = (count + warmed.files, rows + warmed.rows, bytes + warmed.bytes);
        }
        Ok(HomeWay::Home { files: count, rows, bytes })
    }
}
