//! What a commit does with files of the cold tier. Their content is moved by others: here readers are sent to another place.
//!
//! ```text
//! cool          stubs come into `cold/`            the files stay where they are: readers that know no better still find them
//! drop_copies   the local files go for good        stubs stay
//! warm          files come out of staging          stubs go to `cold-gone/`, the list of objects that nobody needs
//! aside         a day leaves by retention          its stubs go to the bin with it, and can come back
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::lake::fs;
use crate::lake::layout::{self, Leaf, Place, Room};
use crate::lake::manifest::cold::{self, StubFile};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::data_file::Stub;
use crate::lake::txn::transaction::{Action, Bin, Step, Transaction, is_data};
use crate::{Error, Kind, Result};

/// A file that comes home from the cold tier.
pub(crate) struct Returning {
    /// Its stub.
    pub(crate) stub: StubFile,
    /// What the stub says.
    pub(crate) told: Stub,
    /// The file's record.
    pub(crate) file: DataFile,
    /// Where it was downloaded to; `None`: the local copy is still in its place.
    pub(crate) staged: Option<PathBuf>,
}

impl Transaction<'_> {
    /// Readers are sent to the cold tier for these files of a partition. Each has its stub in staging, with its size.
    pub(crate) fn cool(&mut self, partition: &str, files: Vec<(PathBuf, u64, DataFile)>) -> Result<()> {
        let known = self.dataset.stubs_of(partition)?;
        let mut cold = Vec::new();
        for file in &known {
            cold.push(self.dataset.record_of_stub(file)?);
        }
        for (staged, bytes, file) in files {
            let from = self.dataset.staged(&staged)?;
            self.step(Step::Books, from, Place::aside(Room::Cold, &file.path), bytes, file.rows);
            self.tell(Action::Relocate { file: file.clone(), from: None });
            cold.push(file);
        }
        let known = self.metadata().partitions.iter_mut().find(|known| known.path == partition);
        known.ok_or_else(|| unknown(partition))?.set_cold(cold.iter());
        Ok(())
    }

    /// The local copies of these files of a partition go for good: names and sizes. Where nothing else lies in the folder, it goes in one
    /// step.
    pub(crate) fn drop_copies(&mut self, partition: &str, copies: &BTreeMap<String, u64>) -> Result<()> {
        let folder = Place::data(partition);
        let entries = fs::list(&self.dataset.path(&folder)?)?;
        let goes = |entry: &fs::Entry| {
            is_data(entry) && copies.contains_key(&entry.name)
                || entry.name == layout::SUCCESS && entry.bytes == 0
        };
        if entries.iter().all(goes) {
            let to = self.trash();
            self.step(Step::Remove, folder, to, copies.values().sum(), 0);
        } else {
            for (name, bytes) in copies {
                let (from, to) = (Place::data(layout::join(partition, name)), self.trash());
                self.step(Step::Remove, from, to, *bytes, 0);
            }
        }
        let known = self.metadata().partitions.iter_mut().find(|known| known.path == partition);
        if let Some(cold) = known.and_then(|known| known.cold.as_mut()) {
            cold.without_copies();
        }
        Ok(())
    }

    /// All files of a partition that lie in the cold tier come home.
    pub(crate) fn warm(&mut self, partition: &str, files: Vec<Returning>) -> Result<()> {
        for Returning { stub, told, file, staged } in files {
            if let Some(staged) = staged {
                let from = self.dataset.staged(&staged)?;
                self.step(Step::Add, from, Place::data(&file.path), file.bytes, file.rows);
            }
            self.give_up_cold(&stub);
            self.tell(Action::Relocate { file, from: Some(told.url) });
        }
        let known = self.metadata().partitions.iter_mut().find(|known| known.path == partition);
        known.ok_or_else(|| unknown(partition))?.cold = None;
        Ok(())
    }

    /// Nobody needs the object of the stub at `from`, which is of a file of `partition`: it may be deleted once the grace period is over.
    pub(crate) fn give_up(&mut self, from: Place, partition: &str, stub: &fs::Entry) {
        self.give_up_stub(from, &layout::join(partition, &stub.name), stub.bytes);
    }

    fn give_up_cold(&mut self, stub: &StubFile) {
        let from = Place::aside(Room::Cold, &stub.relative());
        let path = from.path.clone();
        self.give_up_stub(from, &path, stub.bytes);
    }

    /// One file may be given up more than once in a second, and in one commit: no two notes have one place.
    fn give_up_stub(&mut self, from: Place, path: &str, bytes: u64) {
        let set = layout::gone_set(self.now(), format_args!("{}-{:06}", self.id(), self.steps()));
        self.step(Step::Books, from, Place::new(Room::ColdGone, format!("{set}/{path}")), bytes, 0);
    }

    /// What of a partition lies in the cold tier leaves: the stub of a file whose local copy leaves too is not needed any more, the others
    /// go to the bin. Gives the number of files that leave so, and their size.
    pub(super) fn set_cold_aside(&mut self, leaf: &Leaf, bin: &Bin) -> Result<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for stub in self.dataset.stubs_of(&leaf.path)? {
            if leaf.files.iter().any(|file| file.name == stub.name) {
                self.give_up_cold(&stub);
                continue;
            }
            let told = Stub::read(&stub.path)?;
            (files, bytes) = (files + 1, bytes + told.bytes);
            let from = Place::aside(Room::Cold, &stub.relative());
            let to = bin.place(&from.path);
            self.step(Step::Remove, from, to, stub.bytes, 0);
            self.tell(Action::Remove(stub.relative()));
        }
        Ok((files, bytes))
    }
}

impl crate::lake::Dataset {
    /// The stubs of a partition.
    pub(crate) fn stubs_of(&self, partition: &str) -> Result<Vec<StubFile>> {
        let is_cold = |known: &&crate::lake::PartitionInfo| known.path == partition && known.cold.is_some();
        if !self.metadata.partitions.iter().any(|known| is_cold(&known)) {
            return Ok(Vec::new());
        }
        let mut stubs = cold::stubs(&self.committer.places)?;
        stubs.retain(|stub| stub.partition == partition);
        Ok(stubs)
    }
}

fn unknown(partition: &str) -> Error {
    Error::new(Kind::Bug, "a partition that the metadata does not know").at("partition", partition)
}
