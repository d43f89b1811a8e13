//! The files of a dataset that lie in the cold tier, as their stubs in the books tell.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::lake::fs;
use crate::lake::layout::places::{is_stub, original_name};
use crate::lake::layout::{self, Places, Room};

/// A stub.
#[derive(Debug, Clone)]
pub(crate) struct StubFile {
    /// The partition of the file, below the dataset.
    pub(crate) partition: String,
    /// The file's name.
    pub(crate) name: String,
    /// Where the stub is.
    pub(crate) path: PathBuf,
    /// The size of the stub.
    pub(crate) bytes: u64,
}

impl StubFile {
    /// The file, below the dataset.
    pub(crate) fn relative(&self) -> String {
        layout::join(&self.partition, &self.name)
    }
}

/// The stubs of files that lie in the cold tier, by partition.
pub(crate) fn stubs(places: &Places) -> Result<Vec<StubFile>> {
    below(&places.room(Room::Cold))
}

/// The stubs in `folder`, which has partitions.
pub(crate) fn below(folder: &Path) -> Result<Vec<StubFile>> {
    if !fs::is_real_dir(folder)? {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for leaf in layout::leaves(folder)? {
        let stubs = leaf.files.into_iter().filter(|file| file.is_file && is_stub(&file.name));
        found.extend(stubs.map(|file| StubFile {
            partition: leaf.path.clone(),
            name: original_name(&file.name).to_owned(),
            path: file.path,
            bytes: file.bytes,
        }));
    }
    Ok(found)
}
