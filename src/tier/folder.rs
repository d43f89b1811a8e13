//! A folder as a store: the archive disk, a network file system.
//!
//! A disk that is not mounted leaves an empty folder behind, in which everything would be missing and to which everything would be
//! written. So the folder must hold a mark that is made by hand while the disk is mounted; without it nothing is done. What is
//! written is on the disk before a call returns: the file, its name and the folders above it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as Key;
use object_store::{Error as StoreError, MultipartId, PutMultipartOptions, PutPayload, PutResult};

use crate::error::{Error, Kind, Result};

/// The file that tells the mounted disk from the empty folder.
pub(super) const MARK: &str = ".lakehand-cold";

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    store: std::sync::Arc<LocalFileSystem>,
}

/// Files in parts. Parts are written at their place in a file beside the object, which no listing shows: its name ends in `#` and a
/// number, as those do that `LocalFileSystem` writes. The name of an upload is this number and the size of a part.
#[derive(Debug)]
pub(super) struct FolderParts {
    pub(super) folder: Folder,
}

/// The size of parts, told to [`FolderParts`] when an upload begins: all but the last have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartSize(pub(super) u64);

impl Folder {
    /// # Errors
    /// [`Kind::Unreachable`] when the folder or its mark is not there.
    pub(super) fn open(root: &Path) -> Result<(Self, std::sync::Arc<LocalFileSystem>)> {
        check(root)?;
        let store = LocalFileSystem::new_with_prefix(root).map_err(|error| {
            Error::new(Kind::Unreachable, format!("the folder of the cold store cannot be opened: {error}"))
        })?;
        let store = std::sync::Arc::new(store.with_fsync(true));
        Ok((Self { root: root.to_owned(), store: std::sync::Arc::clone(&store) }, store))
    }

    pub(super) fn check(&self) -> Result<()> {
        check(&self.root)
    }

    /// Removes what a stopped upload of this object left. One object is written by one process at a time.
    pub(super) fn sweep(&self, key: &Key) -> Result<()> {
        let path = self.path(key).map_err(|e| Error::new(Kind::Bug, e.to_string()))?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::io("look for unfinished files in the cold store", folder, e)),
        };
        let prefix = format!("{}#", name.to_string_lossy());
        for entry in entries {
            let entry =
                entry.map_err(|e| Error::io("look for unfinished files in the cold store", folder, e))?;
            let found = entry.file_name();
            let number = found.to_str().and_then(|name| name.strip_prefix(&prefix));
            if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
                let path = entry.path();
                fs::remove_file(&path).map_err(|e| Error::io("remove an unfinished file", &path, e))?;
            }
        }
        Ok(())
    }

    fn path(&self, key: &Key) -> object_store::Result<PathBuf> {
        self.store.path_to_filesystem(key)
    }
}

fn check(root: &Path) -> Result<()> {
    let mark = root.join(MARK);
    match fs::symlink_metadata(&mark) {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Error::new(
                Kind::Unreachable,
                "the folder of the cold store has no mark: its disk may not be mounted",
            )
            .at("file", mark.display())
            .next(format!(
                "mount the disk; if it is mounted and new, make the mark: touch {}",
                mark.display()
            )))
        }
        Err(e) => Err(Error::io("look for the mark of the cold store", &mark, e)),
    }
}

/// The number of an upload, and the size of its parts.
fn upload(id: &str) -> io::Result<(u64, u64)> {
    let numbers =
        id.split_once('-').and_then(|(number, size)| Some((number.parse().ok()?, size.parse().ok()?)));
    // What is no name of ours was begun by nobody.
    numbers.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// The unfinished file of an upload.
fn unfinished(object: &Path, number: u64) -> PathBuf {
    let mut name = object.as_os_str().to_owned();
    name.push(format!("#{number}"));
    name.into()
}

/// Makes a folder and those above it, each on the disk before the next.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

fn failed(key: &Key) -> impl Fn(io::Error) -> StoreError {
    let path = key.to_string();
    move |e| match e.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { path: path.clone(), source: Box::new(e) },
        io::ErrorKind::AlreadyExists => StoreError::AlreadyExists { path: path.clone(), source: Box::new(e) },
        _ => StoreError::Generic { store: "folder", source: Box::new(e) },
    }
}

impl FolderParts {
    /// Blocking work of the disk, away from the threads of the network.
    async fn on_disk<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> object_store::Result<T> {
        let path = self.folder.path(key)?;
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        done.map_err(|source| StoreError::JoinError { source })?.map_err(failed(key))
    }
}

#[async_trait::async_trait]
impl MultipartStore for FolderParts {
    async fn create_multipart(&self, _: &Key) -> object_store::Result<MultipartId> {
        Err(StoreError::NotSupported { source: "an upload to a folder needs the size of its parts".into() })
    }

    async fn create_multipart_opts(
        &self,
        key: &Key,
        options: PutMultipartOptions,
    ) -> object_store::Result<MultipartId> {
        let Some(PartSize(size)) = options.extensions.get::<PartSize>().copied() else {
            return self.create_multipart(key).await;
        };
        let number = fastrand::u64(1_000_000..);
        self.on_disk(key, move |path| {
            make_folder(path.parent().unwrap_or(path))?;
            File::options().write(true).create_new(true).open(unfinished(path, number)).map(drop)
        })
        .await?;
        Ok(format!("{number}-{size}"))
    }

    async fn put_part(
        &self,
        key: &Key,
        id: &MultipartId,
        index: usize,
        payload: PutPayload,
    ) -> object_store::Result<PartId> {
        let id = id.clone();
        self.on_disk(key, move |path| {
            let (number, size) = upload(&id)?;
            let file = File::options().write(true).open(unfinished(path, number))?;
            let mut at = index as u64 * size;
            for bytes in &payload {
                file.write_all_at(bytes, at)?;
                at += bytes.len() as u64;
            }
            // It is noted as one that arrived: a loss of power must not take it back.
            file.sync_data()
        })
        .await?;
        Ok(PartId { content_id: index.to_string() })
    }

    async fn complete_multipart(
        &self,
        key: &Key,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        let id = id.clone();
        self.on_disk(key, move |path| {
            let (number, size) = upload(&id)?;
            let from = unfinished(path, number);
            let file = File::open(&from)?;
            let whole = file.metadata()?.len().div_ceil(size) == parts.len() as u64;
            if !whole {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the unfinished file lacks parts"));
            }
            file.sync_all()?;
            // A link takes no other file's place.
            fs::hard_link(&from, path)?;
            fs::remove_file(&from)?;
            File::open(path.parent().unwrap_or(path))?.sync_all()
        })
        .await?;
        Ok(PutResult { e_tag: None, version: None, extensions: object_store::Extensions::default() })
    }

    async fn abort_multipart(&self, key: &Key, id: &MultipartId) -> object_store::Result<()> {
        let id = id.clone();
        self.on_disk(key, move |path| fs::remove_file(unfinished(path, upload(&id)?.0))).await
    }
}
