//! Readers are sent to the copies in the cold tier; then the local files go.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::plan::{DueCold, TierRules, due};
use crate::hash::ContentHash;
use crate::lake::Dataset;
use crate::lake::file::footer::look_at_footer;
use crate::lake::file::stub::tail_of;
use crate::lake::fs;
use crate::lake::layout::{self, Place, Places};
use crate::lake::manifest::cold::{self, StubFile};
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::data_file::{Cold, DataFile};
use crate::lake::manifest::metadata::read_metadata_at;
use crate::{Error, Kind, Result};

/// A day that was switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooled {
    /// The commit.
    pub id: String,
    /// The day's partition.
    pub partition: String,
    /// Files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// A partition whose local copies may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiesDue {
    /// Below the dataset.
    pub partition: String,
    /// Name, object, size and hash of each file.
    pub files: Vec<super::ColdFile>,
}

/// Local copies that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freed {
    /// Files.
    pub files: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// Partitions of the dataset in `dataset_dir` whose local copies may go, as their grace period is over. Takes no lock.
pub fn copies_due(dataset_dir: &Path, now: DateTime<Utc>) -> Result<Vec<CopiesDue>> {
    let places = Places::find(dataset_dir)?;
    let Some(metadata) = read_metadata_at(&places.metadata)? else { return Ok(Vec::new()) };
    let over = metadata.partitions.iter().filter(|partition| {
        partition.cold.as_ref().and_then(|cold| cold.local_until).is_some_and(|until| until <= now)
    });
    let mut due: BTreeMap<&str, Vec<super::ColdFile>> =
        over.map(|partition| (partition.path.as_str(), Vec::new())).collect();
    if due.is_empty() {
        return Ok(Vec::new());
    }
    for file in super::cold_files(dataset_dir)? {
        if let Some(files) = due.get_mut(file.partition.as_str()) {
            files.push(file);
        }
    }
    Ok(due.into_iter().map(|(path, files)| CopiesDue { partition: path.to_owned(), files }).collect())
}

impl Dataset {
    /// Sends readers to the copies of a day, which lie in `folder` of the cold tier and were read back: each file of `day` with the hash of
    /// what was read. The local files stay until `local_until`. `Kind::Refused`, and nothing changes, when the day is not as it was when it
    /// was copied.
    pub fn cool(
        &mut self,
        day: &DueCold,
        hashes: &[ContentHash],
        folder: &str,
        local_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Cooled> {
        self.recover_if_needed()?;
        self.check_lock()?;
        self.refuse_ahead()?;
        self.check_unchanged(day, now)?;
        let id = layout::tier_id(self.metadata.commit_seq + 1, layout::COLD, now);
        self.needs_recovery = true;
        let staging = self.staging("cold")?;
        let mut files = Vec::new();
        for (n, (file, hash)) in day.files.iter().zip(hashes).enumerate() {
            let url = format!("{folder}/{}", file.name);
            let stub = Stub { url, bytes: file.bytes, hash: *hash, since: now, local_until };
            let (staged, bytes) = self.stage_stub(&staging.join(format!("{n:06}")), &stub, &file.path)?;
            let path = layout::join(&day.partition, &file.name);
            let listed = look_at_footer(&file.path).into_result(&file.path)?.listed(path, file.bytes);
            files.push((
                staged,
                bytes,
                self.known(DataFile { cold: Some(Cold { stub, has_copy: true }), ..listed })?,
            ));
        }
        let mut transaction = self.transaction(&id, now);
        transaction.cool(&day.partition, files)?;
        transaction.commit()?;
        let (partition, files) = (day.partition.clone(), day.files.len() as u64);
        Ok(Cooled { id, partition, files, rows: day.rows, bytes: day.bytes })
    }

    /// The local copies of a partition go for good: their grace period is over, and the caller has seen each of these objects again. Gives what
    /// went: nothing where other files of the partition are cold by now.
    pub fn drop_copies(&mut self, seen: &CopiesDue, now: DateTime<Utc>) -> Result<Freed> {
        self.recover_if_needed()?;
        self.check_lock()?;
        let partition = seen.partition.as_str();
        let known = self.metadata.partitions.iter().find(|known| known.path == partition);
        let cold = known.and_then(|known| known.cold.as_ref());
        let is_due = cold.and_then(|cold| cold.local_until).is_some_and(|until| until <= now);
        let is_seen = |name: &String| seen.files.iter().any(|file| file.name == *name);
        if !is_due || !cold.is_some_and(|cold| cold.objects.iter().all(is_seen)) {
            return Ok(Freed::default());
        }
        let mut copies = BTreeMap::new();
        for stub in self.stubs_of(partition)? {
            let told = Stub::read(&stub.path)?;
            let at = self.path(&Place::data(stub.relative()))?;
            match fs::size_of(&at)? {
                None => {}
                Some(bytes) if bytes == told.bytes => drop(copies.insert(stub.name, bytes)),
                Some(bytes) => {
                    return Err(Error::new(
                        Kind::Damaged,
                        format!(
                            "the local file has {bytes} bytes, and its copy in the cold tier {}",
                            told.bytes
                        ),
                    )
                    .at("file", at.display())
                    .next("nothing was removed; `lakehand check` tells what is wrong"));
                }
            }
        }
        let id = layout::tier_id(self.metadata.commit_seq + 1, layout::LOCAL, now);
        let freed = Freed { files: copies.len() as u64, bytes: copies.values().sum() };
        let mut transaction = self.transaction(&id, now);
        transaction.drop_copies(partition, &copies)?;
        transaction.commit()?;
        Ok(freed)
    }

    /// Frees what local copies that went still take: second names by which an Iceberg table's older snapshots named them, where none needs
    /// them any more. It reads the whole table: once is enough for many days.
    pub fn free_copies(&mut self) -> Result<()> {
        self.recover_if_needed()?;
        self.free_links()
    }

    /// The day has the files that were copied, no other, and is still sealed.
    fn check_unchanged(&self, day: &DueCold, now: DateTime<Utc>) -> Result<()> {
        let partition =
            layout::PartitionPath::parse(&day.partition).and_then(layout::PartitionPath::first_day);
        let rules = TierRules { after_days: None, today: now.date_naive(), day: partition };
        let found = due(self.dir(), &self.feed, rules)?;
        match found.days.iter().find(|found| found.partition == day.partition) {
            Some(found) if found.files == day.files => Ok(()),
            _ => {
                let why = found.not.into_iter().find(|not| not.partition == day.partition).map(|not| not.why);
                let why = why.unwrap_or_else(|| "its files are others now".to_owned());
                Err(Error::new(Kind::Refused, format!("the day changed while it was copied: {why}"))
                    .at("partition", &day.partition)
                    .next("nothing was changed; the next run begins again with what is there then"))
            }
        }
    }

    /// Writes a stub of the file at `local` to `path`, which is in staging.
    fn stage_stub(&self, path: &Path, stub: &Stub, local: &Path) -> Result<(std::path::PathBuf, u64)> {
        let text = stub.text(&tail_of(local)?)?;
        let mut file = self.committer.fs.create(path, self.feed.visibility.file_mode())?;
        file.write_all(&text).map_err(|e| Error::io("write", path, e))?;
        file.sync()?;
        Ok((path.to_path_buf(), text.len() as u64))
    }

    /// The record of a file whose stub is in the books.
    pub(crate) fn record_of_stub(&self, file: &StubFile) -> Result<DataFile> {
        let stub = Stub::read(&file.path)?;
        let has_copy = fs::size_of(&self.path(&Place::data(file.relative()))?)?.is_some();
        let listed = look_at_footer(&file.path).into_result(&file.path)?.listed(file.relative(), stub.bytes);
        self.known(DataFile { cold: Some(Cold { stub, has_copy }), ..listed })
    }

    /// The record with what the journal knows beside: bounds of values, which table formats tell.
    pub(crate) fn known(&self, file: DataFile) -> Result<DataFile> {
        if self.feed.table_format.is_empty() {
            return Ok(file);
        }
        let journal =
            crate::lake::manifest::journal::read(&self.committer.places.journal())?.unwrap_or_default();
        let record = journal.files.get(&file.path).filter(|record| record.bytes == file.bytes);
        Ok(match record {
            Some(record) => DataFile { hash: record.hash, column_stats: record.column_stats.clone(), ..file },
            None => file,
        })
    }
}

/// The objects in use: those of days in the cold tier, and of days in the bin that may come back.
pub(super) fn in_use(places: &Places) -> Result<std::collections::BTreeSet<String>> {
    let mut urls = std::collections::BTreeSet::new();
    let mut files = cold::stubs(places)?;
    for commit in crate::lake::ops::replaced::commits(places)?.into_iter().filter(|entry| entry.is_dir) {
        files.extend(cold::below(&commit.path)?);
    }
    for file in files {
        urls.insert(Stub::read(&file.path)?.url);
    }
    Ok(urls)
}
