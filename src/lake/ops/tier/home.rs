//! A day comes home from the cold tier.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, Place};
use crate::lake::manifest::data_file::Stub;
use crate::lake::txn::cold::Returning;
use crate::{Error, Kind, Result};

/// The folder in staging for files that come home, and what is to be put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeComing {
    /// The partition.
    pub partition: String,
    /// The files that have no local copy.
    pub files: Vec<super::ColdFile>,
    /// Where they are to be downloaded to, by name.
    pub staging: PathBuf,
}

/// A day that came home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warmed {
    /// The commit.
    pub id: String,
    /// Files, those whose local copy was still there included.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Size, bytes.
    pub bytes: u64,
}

impl Dataset {
    /// What has to be downloaded for `partition` to come home; the folder for it is made. `Kind::Usage` when nothing of it lies in the cold
    /// tier.
    pub fn prepare_home(&mut self, partition: &str) -> Result<HomeComing> {
        self.recover_if_needed()?;
        self.check_ready()?;
        let stubs = self.stubs_of(partition)?;
        if stubs.is_empty() {
            return Err(Error::new(Kind::Usage, "nothing of the day lies in the cold tier")
                .at("partition", partition)
                .next("`lakehand tier list` says where each day lies"));
        }
        // What is downloaded lies in staging, and goes with the next recovery.
        self.needs_recovery = true;
        let staging = self.staging("home")?;
        let mut files = Vec::new();
        for stub in stubs {
            let Stub { url, bytes, hash, .. } = Stub::read(&stub.path)?;
            if fs::size_of(&self.path(&Place::data(stub.relative()))?)? != Some(bytes) {
                let (partition, name) = (stub.partition, stub.name);
                files.push(super::ColdFile { partition, name, url, bytes, hash, has_copy: false });
            }
        }
        Ok(HomeComing { partition: partition.to_owned(), files, staging })
    }

    /// The files that were received come into the day's folder, and readers are sent there again. The objects are listed as not needed any more.
    pub fn bring_home(&mut self, coming: &HomeComing, now: DateTime<Utc>) -> Result<Warmed> {
        self.check_ready()?;
        let partition = &coming.partition;
        let downloaded: BTreeSet<&str> = coming.files.iter().map(|file| file.name.as_str()).collect();
        let id = layout::tier_id(self.metadata.commit_seq + 1, layout::HOT, now);
        let mut done = Warmed { id: id.clone(), files: 0, rows: 0, bytes: 0 };
        let mut files = Vec::new();
        for stub in self.stubs_of(partition)? {
            let told = Stub::read(&stub.path)?;
            let staged = downloaded.contains(stub.name.as_str()).then(|| coming.staging.join(&stub.name));
            let file = self.record_of_stub(&stub)?;
            done.files += 1;
            done.rows += file.rows;
            done.bytes += file.bytes;
            files.push(Returning {
                file: crate::lake::manifest::data_file::DataFile { cold: None, ..file },
                stub,
                told,
                staged,
            });
        }
        let sealed = self.metadata.partitions.iter().any(|p| p.path == *partition && p.sealed_at.is_some());
        let mut transaction = self.transaction(&id, now);
        transaction.warm(partition, files)?;
        // The mark went with the local copies.
        if sealed {
            transaction.mark(std::slice::from_ref(partition))?;
        }
        transaction.commit()?;
        Ok(done)
    }

    /// Takes a file that comes home: `download` writes its content. `Kind::Damaged` when that is not what went to the cold tier.
    pub fn receive(
        &self,
        coming: &HomeComing,
        file: &super::ColdFile,
        download: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let path = coming.staging.join(&file.name);
        let mut staged = self.committer.fs.create(&path, self.feed.visibility.file_mode())?;
        download(&mut staged)?;
        staged.sync()?;
        if fs::size_of(&path)? == Some(file.bytes) && staged.hash() == file.hash {
            return Ok(());
        }
        Err(Error::new(Kind::Damaged, "what came from the cold tier is not the file that went there")
            .at("object", &file.url)
            .next("nothing was changed; bring the object back from a version or a backup of the bucket"))
    }
}
