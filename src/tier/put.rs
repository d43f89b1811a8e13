//! Files to objects. An object of the same name is never written over: the store is asked first, asked again before parts become an
//! object, and told to refuse where it can.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use object_store::path::Path as Key;
use object_store::{Attribute, Attributes, Error as StoreError, ObjectStore as _, PutMode, PutOptions};

use super::fault;
use super::resume::Resume;
use super::{ColdStore, Content, Put, Work};
use crate::error::{Error, Kind, Result};
use crate::hash::{ContentHash, Hasher};

/// A file on its way.
pub(super) struct Sending<'a> {
    pub(super) key: &'a str,
    pub(super) path: Key,
    pub(super) local: &'a Path,
    pub(super) file: File,
    pub(super) wanted: &'a Content,
    pub(super) resume: &'a Path,
    pub(super) work: &'a Work<'a>,
}

impl Sending<'_> {
    /// The next bytes of the file.
    pub(super) fn read(&self, bytes: u64) -> Result<Vec<u8>> {
        let length = usize::try_from(bytes)
            .map_err(|_| Error::new(Kind::Bug, "a part is longer than memory can be"))?;
        let mut buffer = vec![0; length];
        match (&self.file).read_exact(&mut buffer) {
            Ok(()) => Ok(buffer),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Err(self.changed()),
            Err(e) => Err(Error::io("read a file that moves to the cold store", self.local, e)),
        }
    }

    /// That the local file is not what it should be.
    pub(super) fn changed(&self) -> Error {
        Error::new(Kind::Damaged, "a file is not what it was when it was written, and is not moved")
            .at("file", self.local.display())
            .next("lakehand check looks at the dataset")
    }
}

impl ColdStore {
    /// Makes an object of a file that must be `wanted`, unless one is there. The file is hashed while it is sent.
    ///
    /// `resume` is a file of our own, beside nothing else: with a longer file it keeps what arrived, so that the same call goes on
    /// there after a stop. It is gone when the call succeeds; who gives up calls [`ColdStore::abandon`].
    ///
    /// # Errors
    /// [`Kind::Damaged`] when the file is not `wanted`, and no object is left of it; [`Kind::Refused`] when another object has the
    /// name; [`Kind::Interrupted`]; what the store says.
    pub fn put(&self, key: &str, local: &Path, wanted: &Content, resume: &Path, work: &Work) -> Result<Put> {
        let path = self.key(key)?;
        let file =
            File::open(local).map_err(|e| Error::io("open a file that moves to the cold store", local, e))?;
        let length = file.metadata().map_err(|e| Error::io("look at a file that moves", local, e))?.len();
        let sending = Sending { key, path, local, file, wanted, resume, work };
        if length != wanted.bytes {
            return Err(sending.changed());
        }
        self.run_until(work.cancel, async {
            if self.is_there(&sending).await? {
                self.drop_upload(resume).await?;
                (work.advance)(wanted.bytes);
                return Ok(Put::AlreadyThere);
            }
            if wanted.bytes <= self.0.config.part_bytes {
                self.put_whole(&sending).await
            } else {
                self.put_parts(&sending).await
            }
        })
    }

    /// Ends an upload that nobody goes on with: the store forgets its parts, and `resume` is gone.
    ///
    /// # Errors
    /// What the store says; the file stays then.
    pub fn abandon(&self, resume: &Path) -> Result<()> {
        self.run(self.drop_upload(resume))
    }

    pub(super) async fn drop_upload(&self, resume: &Path) -> Result<()> {
        if let Some(left) = Resume::read(resume)? {
            // Another store's upload cannot be ended here.
            if left.begun.url == self.url() {
                self.abort(&left.begun.key, &left.begun.upload).await?;
            }
        }
        Resume::forget(resume)
    }

    /// Whether an object of this name and size is there.
    pub(super) async fn is_there(&self, sending: &Sending<'_>) -> Result<bool> {
        let Some(meta) = self.meta(sending.key, &sending.path).await? else { return Ok(false) };
        if meta.size == sending.wanted.bytes {
            return Ok(true);
        }
        Err(Error::new(
            Kind::Refused,
            format!("another object of {} bytes lies there, and is not written over", meta.size),
        )
        .at("object", sending.key)
        .at("store", self.url())
        .next("look at what wrote it; remove it by hand if it is nobody's"))
    }

    async fn put_whole(&self, sending: &Sending<'_>) -> Result<Put> {
        let _memory = self.0.limits.memory(sending.wanted.bytes).await;
        let bytes = sending.read(sending.wanted.bytes)?;
        if ContentHash::of(&bytes) != sending.wanted.hash {
            return Err(sending.changed());
        }
        self.0.service.sweep(&sending.path)?;
        self.0.limits.bandwidth(sending.wanted.bytes).await;
        let attributes = self.attributes();
        let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        let put = self.0.store.put_opts(&sending.path, bytes.into(), options).await;
        (sending.work.advance)(sending.wanted.bytes);
        match put {
            Ok(_) => Ok(Put::Created),
            // Somebody was faster, or the first answer was lost on its way.
            Err(StoreError::AlreadyExists { .. }) if self.is_there(sending).await? => Ok(Put::AlreadyThere),
            Err(error @ StoreError::AlreadyExists { .. }) => {
                Err(Error::new(Kind::Busy, "the store says that an object is there, and then that it is not")
                    .at("object", sending.key)
                    .at("store", self.url())
                    .because(error))
            }
            Err(error) => Err(fault::error("write an object", self.url(), sending.key, &error)),
        }
    }

    /// What an object is made with.
    pub(super) fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        if let Some(class) = self.class_at_first() {
            attributes.insert(Attribute::StorageClass, class.to_owned().into());
        }
        attributes
    }
}

/// Hashes a file part by part.
pub(super) struct Whole {
    hasher: Hasher,
    bytes: u64,
}

impl Whole {
    pub(super) fn new() -> Self {
        Self { hasher: Hasher::default(), bytes: 0 }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hasher.add(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn content(&self) -> Content {
        Content { bytes: self.bytes, hash: self.hasher.hash() }
    }
}
