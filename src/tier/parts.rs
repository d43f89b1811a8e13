//! A longer file: parts on their way at the same time, noted as they arrive, and made one object at the end.

use std::io::Seek as _;
use std::sync::Arc;

use object_store::multipart::PartId;
use object_store::{Error as StoreError, PutMultipartOptions};
use tokio::task::JoinSet;

use super::fault;
use super::folder::PartSize;
use super::put::{Sending, Whole};
use super::resume::{Begun, Part, Resume};
use super::{ColdStore, Put};
use crate::error::{Error, Kind, Result};
use crate::hash::ContentHash;

/// An object has at most so many parts.
const MAX_PARTS: u64 = 10_000;

/// Why sending parts came to nothing.
enum Trouble {
    /// The store has forgotten the upload.
    Stale(Error),
    Other(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// What a part's task gives back.
type Sent = (usize, ContentHash, u64, object_store::Result<PartId>);

impl ColdStore {
    pub(super) async fn put_parts(&self, sending: &Sending<'_>) -> Result<Put> {
        let part_bytes = part_bytes(self.0.config.part_bytes, sending.wanted.bytes);
        let mut left = Resume::read(sending.resume)?;
        if left
            .as_ref()
            .is_some_and(|left| !left.begun.is_for(self.url(), sending.key, sending.wanted, part_bytes))
        {
            // It was begun for something else, which nobody sends any more.
            self.drop_upload(sending.resume).await?;
            left = None;
        }
        if let Some(left) = left {
            let (key, upload) = (left.begun.key.clone(), left.begun.upload.clone());
            match self.send(sending, left).await {
                Err(Trouble::Stale(_)) => {}
                // Services have many words for an upload that they do not know: s3s-fs says that access is denied. What is truly
                // refused is refused again.
                Err(Trouble::Other(error)) if matches!(error.kind(), Kind::Auth | Kind::Refused) => {
                    let _ = self.abort(&key, &upload).await;
                }
                result => return ended(result),
            }
            Resume::forget(sending.resume)?;
            // What was forgotten may have become the object, and the answer was lost.
            if self.is_there(sending).await? {
                return Ok(Put::AlreadyThere);
            }
            (&sending.file)
                .rewind()
                .map_err(|e| Error::io("read a file that moves anew", sending.local, e))?;
        }
        self.0.service.sweep(&sending.path)?;
        let mut options =
            PutMultipartOptions { attributes: self.attributes_of_parts(), ..PutMultipartOptions::default() };
        options.extensions.insert(PartSize(part_bytes));
        let begun = self.0.parts.create_multipart_opts(&sending.path, options).await;
        let upload = begun.map_err(|error| self.error("begin an upload", sending.key, &error))?;
        let begun = Begun {
            url: self.url().to_owned(),
            key: sending.key.to_owned(),
            bytes: sending.wanted.bytes,
            hash: sending.wanted.hash,
            part_bytes,
            upload: upload.clone(),
        };
        let noted = match Resume::begin(sending.resume, begun) {
            Ok(noted) => noted,
            Err(error) => {
                // Nobody would remember it.
                let _ = self.abort(sending.key, &upload).await;
                return Err(error);
            }
        };
        ended(self.send(sending, noted).await)
    }

    async fn send(&self, sending: &Sending<'_>, mut noted: Resume) -> Result<Put, Trouble> {
        let (part_bytes, upload) = (noted.begun.part_bytes, noted.begun.upload.clone());
        let count = usize::try_from(sending.wanted.bytes.div_ceil(part_bytes)).unwrap_or(usize::MAX);
        let mut whole = Whole::new();
        let mut tasks: JoinSet<Sent> = JoinSet::new();
        for index in 0..count {
            while tasks.len() >= self.0.config.parallel {
                self.take(sending, &mut noted, tasks.join_next().await)?;
            }
            let length = part_bytes.min(sending.wanted.bytes - index as u64 * part_bytes);
            let memory = self.0.limits.memory(length).await;
            let bytes = sending.read(length)?;
            whole.add(&bytes);
            let hash = ContentHash::of(&bytes);
            if noted.parts.get(&index).is_some_and(|part| part.hash == hash) {
                (sending.work.advance)(length);
                continue;
            }
            let (parts, limits) = (Arc::clone(&self.0.parts), self.0.limits.clone());
            let (path, upload) = (sending.path.clone(), upload.clone());
            tasks.spawn(async move {
                limits.bandwidth(length).await;
                let sent = parts.put_part(&path, &upload, index, bytes.into()).await;
                drop(memory);
                (index, hash, length, sent)
            });
        }
        while let Some(done) = tasks.join_next().await {
            self.take(sending, &mut noted, Some(done))?;
        }
        if whole.content() != *sending.wanted {
            self.abort(sending.key, &upload).await?;
            Resume::forget(sending.resume)?;
            return Err(sending.changed().into());
        }
        if self.is_there(sending).await? {
            self.abort(sending.key, &upload).await?;
            Resume::forget(sending.resume)?;
            return Ok(Put::AlreadyThere);
        }
        let ids: Vec<_> = noted.parts.values().map(|part| PartId { content_id: part.id.clone() }).collect();
        if ids.len() != count {
            return Err(Error::new(Kind::Bug, "an upload lacks parts").at("object", sending.key).into());
        }
        match self.0.parts.complete_multipart(&sending.path, &upload, ids).await {
            Ok(_) => {
                Resume::forget(sending.resume)?;
                Ok(Put::Created)
            }
            Err(error) => {
                // The answer may be lost, and the object there.
                if self.is_there(sending).await? {
                    Resume::forget(sending.resume)?;
                    return Ok(Put::AlreadyThere);
                }
                Err(self.trouble("make an object of its parts", sending, &error))
            }
        }
    }

    /// Notes a part that arrived.
    fn take(
        &self,
        sending: &Sending<'_>,
        noted: &mut Resume,
        done: Option<Result<Sent, tokio::task::JoinError>>,
    ) -> Result<(), Trouble> {
        let (index, hash, length, sent) = match done {
            Some(Ok(sent)) => sent,
            Some(Err(error)) => {
                return Err(Error::new(Kind::Bug, format!("sending a part broke off: {error}")).into());
            }
            None => return Ok(()),
        };
        let id = sent.map_err(|error| self.trouble("send a part", sending, &error))?;
        noted.arrived(Part { index, hash, id: id.content_id })?;
        (sending.work.advance)(length);
        // What arrived is noted, so this is a good place to stop.
        sending.work.cancel.check()?;
        Ok(())
    }

    fn trouble(&self, doing: &str, sending: &Sending<'_>, error: &StoreError) -> Trouble {
        let words = self.error(doing, sending.key, error);
        if fault::is_stale_upload(error) { Trouble::Stale(words) } else { Trouble::Other(words) }
    }

    /// Ends an upload. One that the store has forgotten is ended.
    pub(super) async fn abort(&self, key: &str, upload: &str) -> Result<()> {
        let path = self.key(key)?;
        match self.0.parts.abort_multipart(&path, &upload.to_owned()).await {
            Err(error) if !fault::is_stale_upload(&error) => Err(self.error("end an upload", key, &error)),
            _ => Ok(()),
        }
    }
}

fn ended(result: Result<Put, Trouble>) -> Result<Put> {
    result.map_err(|trouble| match trouble {
        Trouble::Stale(error) | Trouble::Other(error) => error,
    })
}

/// The size of a part: as configured, or larger in whole MiB where there would be too many.
fn part_bytes(configured: u64, bytes: u64) -> u64 {
    let smallest = bytes.div_ceil(MAX_PARTS);
    if smallest <= configured { configured } else { smallest.next_multiple_of(1 << 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_never_too_many() {
        assert_eq!(part_bytes(16 << 20, 1 << 30), 16 << 20);
        assert_eq!(part_bytes(1000, 5000), 1000);
        let huge = 1_u64 << 40;
        let part = part_bytes(16 << 20, huge);
        assert!(huge.div_ceil(part) <= MAX_PARTS && part.is_multiple_of(1 << 20), "{part}");
    }
}
