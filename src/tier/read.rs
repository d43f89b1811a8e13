//! Objects to bytes: whole and hashed, or their ends.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore as _, ObjectStoreExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::put::Whole;
use super::{ColdStore, Content, Work, fault};
use crate::error::{Error, Kind, Result};

/// A range on its way.
struct Coming(JoinHandle<Result<(Bytes, Option<OwnedSemaphorePermit>), object_store::Error>>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ColdStore {
    /// Reads an object to its end and tells what it is; `None` where the store has none.
    ///
    /// # Errors
    /// [`Kind::Refused`] when it lies in an archive; what the store says. Never a content of fewer bytes than there are.
    pub fn read_back(&self, key: &str, work: &Work) -> Result<Option<Content>> {
        self.get(key, &mut std::io::sink(), work)
    }

    /// Copies an object, and tells what was copied; `None` where the store has none. After an error `into` holds a part of it.
    ///
    /// # Errors
    /// As [`ColdStore::read_back`]; [`Kind::Io`] when `into` cannot be written.
    pub fn get(&self, key: &str, into: &mut dyn Write, work: &Work) -> Result<Option<Content>> {
        let path = self.key(key)?;
        self.run_until(work.cancel, async {
            let Some(meta) = self.meta(key, &path).await? else { return Ok(None) };
            let mut copy = Copy { whole: Whole::new(), into, work };
            if meta.size <= self.0.config.part_bytes {
                self.stream(key, &path, &mut copy).await?;
            } else {
                self.ranges(key, &path, &meta, &mut copy).await?;
            }
            let content = copy.whole.content();
            if content.bytes != meta.size {
                return Err(self.cut(key, content.bytes, meta.size));
            }
            Ok(Some(content))
        })
    }

    /// The last bytes of an object, or all of a shorter one; `None` where the store has none.
    ///
    /// # Errors
    /// As [`ColdStore::read_back`].
    pub fn tail(&self, key: &str, bytes: u64) -> Result<Option<Vec<u8>>> {
        let path = self.key(key)?;
        self.run(async {
            let Some(meta) = self.meta(key, &path).await? else { return Ok(None) };
            if meta.size == 0 || bytes == 0 {
                return Ok(Some(Vec::new()));
            }
            let range = meta.size.saturating_sub(bytes)..meta.size;
            let wanted = range.end - range.start;
            let options = options(&meta, range);
            let read = match self.0.store.get_opts(&path, options).await {
                Ok(answer) => answer.bytes().await,
                Err(error) => Err(error),
            };
            let read = read.map_err(|error| self.error("read an object", key, &error))?;
            if read.len() as u64 != wanted {
                return Err(self.cut(key, read.len() as u64, wanted));
            }
            Ok(Some(read.to_vec()))
        })
    }

    /// Size and version; `None` when the store says that there is no such object.
    pub(super) async fn meta(&self, key: &str, path: &Key) -> Result<Option<ObjectMeta>> {
        match self.0.store.head(path).await {
            Ok(meta) => return Ok(Some(meta)),
            Err(error) if !fault::is_missing(&error) => {
                return Err(self.error("look at an object", key, &error));
            }
            Err(_) => {}
        }
        // The answer to such a request has no text, and some services say the same of a bucket that is not there. A listing tells.
        match self.0.store.list(Some(path)).try_next().await {
            Ok(_) => Ok(None),
            Err(error) => Err(self.error("look at an object", key, &error)),
        }
    }

    /// One request.
    async fn stream(&self, key: &str, path: &Key, copy: &mut Copy<'_, '_>) -> Result<()> {
        let answer =
            self.0.store.get(path).await.map_err(|error| self.error("read an object", key, &error))?;
        let mut stream = answer.into_stream();
        while let Some(bytes) =
            stream.try_next().await.map_err(|error| self.error("read an object", key, &error))?
        {
            self.0.limits.bandwidth(bytes.len() as u64).await;
            copy.take(&bytes)?;
        }
        Ok(())
    }

    /// Several requests at the same time, taken in order.
    async fn ranges(&self, key: &str, path: &Key, meta: &ObjectMeta, copy: &mut Copy<'_, '_>) -> Result<()> {
        let part = self.0.config.part_bytes;
        let mut next = 0;
        let mut coming: VecDeque<(u64, Coming)> = VecDeque::new();
        loop {
            while next < meta.size && coming.len() < self.0.config.parallel {
                let range = next..(next + part).min(meta.size);
                let length = range.end - range.start;
                // Whoever holds memory must not wait for more: others would do the same, and all would wait for ever.
                let memory = if coming.is_empty() {
                    self.0.limits.memory(length).await
                } else {
                    match self.0.limits.memory_now(length) {
                        Some(memory) => Some(memory),
                        None => break,
                    }
                };
                next = range.end;
                let (store, limits) = (Arc::clone(&self.0.store), self.0.limits.clone());
                let (path, options) = (path.clone(), options(meta, range));
                let task = tokio::spawn(async move {
                    limits.bandwidth(length).await;
                    let bytes = store.get_opts(&path, options).await?.bytes().await?;
                    Ok((bytes, memory))
                });
                coming.push_back((length, Coming(task)));
            }
            let Some((length, mut first)) = coming.pop_front() else { return Ok(()) };
            let joined = (&mut first.0).await;
            let joined = joined
                .map_err(|error| Error::new(Kind::Bug, format!("reading an object broke off: {error}")))?;
            let (bytes, memory) = joined.map_err(|error| self.error("read an object", key, &error))?;
            if bytes.len() as u64 != length {
                return Err(self.cut(key, bytes.len() as u64, length));
            }
            copy.take(&bytes)?;
            drop(memory);
        }
    }

    fn cut(&self, key: &str, got: u64, wanted: u64) -> Error {
        Error::new(Kind::Incomplete, format!("an answer ended after {got} of {wanted} bytes"))
            .at("object", key)
            .at("store", self.url())
    }
}

/// A range of the object that was looked at: of no other that took its place.
fn options(meta: &ObjectMeta, range: Range<u64>) -> GetOptions {
    GetOptions {
        range: Some(GetRange::Bounded(range)),
        if_match: meta.e_tag.clone(),
        ..GetOptions::default()
    }
}

/// Where bytes go.
struct Copy<'i, 'w> {
    whole: Whole,
    into: &'i mut dyn Write,
    work: &'w Work<'w>,
}

impl Copy<'_, '_> {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.whole.add(bytes);
        self.into.write_all(bytes).map_err(|e| {
            let kind = if e.kind() == std::io::ErrorKind::StorageFull { Kind::DiskFull } else { Kind::Io };
            Error::new(kind, format!("cannot write what was read from the cold store: {e}"))
        })?;
        (self.work.advance)(bytes.len() as u64);
        self.work.cancel.check()
    }
}
