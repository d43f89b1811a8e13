//! A store in memory whose calls can fail: before they are done, after they were done, with other bytes, or for ever after.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use lakehand::tier::Cancel;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// What happens at a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It fails and nothing was done.
    Before,
    /// It is done and its answer is lost.
    After,
    /// It fails, and so does every later one, as for a process that is no more.
    KilledBefore,
    /// It is done, and every later one fails.
    KilledAfter,
    /// The store says that its bucket is not there.
    NoBucket,
    /// The store refuses the credentials.
    Denied,
    /// The answer ends early.
    Truncated,
    /// A bit of the answer is another.
    Corrupted,
    /// Somebody else makes an object of these bytes under the key first.
    Race(Vec<u8>),
    /// It never answers; somebody asks to stop.
    Hangs(Cancel),
}

/// What is done at which call.
#[derive(Debug, Default)]
struct Script {
    fault: Option<(usize, Fault)>,
    killed: bool,
    calls: Vec<String>,
    uploads: BTreeSet<String>,
}

/// The store. Its clones have the same objects and the same script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty {
    pub(crate) inner: Arc<InMemory>,
    script: Arc<Mutex<Script>>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn broken() -> Error {
    Error::Generic { store: "Faulty", source: "the connection was reset".into() }
}

/// What is left to do at a call that is not failed yet.
#[derive(PartialEq)]
enum Then {
    Go,
    FailAfter,
    Truncate,
    Corrupt,
}

impl Faulty {
    /// The same objects, and this fault at the call of this number, from 0.
    pub(crate) fn with_fault(&self, at: usize, fault: Fault) {
        let mut script = self.script.lock().unwrap();
        script.fault = Some((at, fault));
        script.killed = false;
        script.calls.clear();
    }

    /// No faults any more.
    pub(crate) fn healthy(&self) {
        self.with_fault(usize::MAX, Fault::Before);
    }

    /// The calls since the last change of the script.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.script.lock().unwrap().calls.clone()
    }

    /// Calls of one name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.calls().iter().filter(|call| *call == name).count()
    }

    /// Uploads that were begun and neither completed nor aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        self.script.lock().unwrap().uploads.len()
    }

    /// The bytes of an object.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        let found = self.inner.get(&Key::parse(key).unwrap()).now_or_never().unwrap();
        found.ok().map(|answer| answer.bytes().now_or_never().unwrap().unwrap().to_vec())
    }

    async fn step(&self, name: &str, key: Option<&Key>) -> Result<Then> {
        let fault = {
            let mut script = self.script.lock().unwrap();
            let number = script.calls.len();
            script.calls.push(name.to_owned());
            if script.killed {
                return Err(broken());
            }
            let fault = script.fault.as_ref().filter(|(at, _)| *at == number).map(|(_, fault)| fault.clone());
            if matches!(fault, Some(Fault::KilledBefore | Fault::KilledAfter)) {
                script.killed = true;
            }
            fault
        };
        let path = key.map(ToString::to_string).unwrap_or_default();
        match fault {
            None => Ok(Then::Go),
            Some(Fault::Before | Fault::KilledBefore) => Err(broken()),
            Some(Fault::After | Fault::KilledAfter) => Ok(Then::FailAfter),
            Some(Fault::Truncated) => Ok(Then::Truncate),
            Some(Fault::Corrupted) => Ok(Then::Corrupt),
            Some(Fault::NoBucket) => {
                Err(Error::NotFound { path, source: "<Error><Code>NoSuchBucket</Code></Error>".into() })
            }
            Some(Fault::Denied) => Err(Error::PermissionDenied {
                path,
                source: "<Error><Code>AccessDenied</Code></Error>".into(),
            }),
            Some(Fault::Race(bytes)) => {
                if let Some(key) = key {
                    self.inner.put(key, bytes.into()).await?;
                }
                Ok(Then::Go)
            }
            Some(Fault::Hangs(cancel)) => {
                cancel.cancel();
                std::future::pending().await
            }
        }
    }
}

fn answered<T>(then: &Then, result: Result<T>) -> Result<T> {
    if *then == Then::FailAfter { result.and(Err(broken())) } else { result }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, key: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let then = self.step("put", Some(key)).await?;
        answered(&then, self.inner.put_opts(key, payload, options).await)
    }

    async fn put_multipart_opts(&self, _: &Key, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unreachable!("parts go through MultipartStore")
    }

    async fn get_opts(&self, key: &Key, options: GetOptions) -> Result<GetResult> {
        let then = self.step(if options.head { "head" } else { "get" }, Some(key)).await?;
        let answer = answered(&then, self.inner.get_opts(key, options).await)?;
        if !matches!(then, Then::Truncate | Then::Corrupt) {
            return Ok(answer);
        }
        let (meta, range, attributes) =
            (answer.meta.clone(), answer.range.clone(), answer.attributes.clone());
        let mut bytes = answer.bytes().await?.to_vec();
        if then == Then::Truncate {
            bytes.pop();
        } else if let Some(byte) = bytes.last_mut() {
            *byte ^= 1;
        }
        let payload = GetResultPayload::Stream(futures_util::stream::iter([Ok(bytes.into())]).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions: object_store::Extensions::default() })
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        let store = self.clone();
        keys.then(move |key| {
            let store = store.clone();
            async move {
                let key = key?;
                let then = store.step("delete", Some(&key)).await?;
                answered(&then, store.inner.delete(&key).await.map(|()| key))
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, listing, prefix) = (self.clone(), self.inner.list(prefix), prefix.cloned());
        let first =
            futures_util::stream::once(async move { store.step("list", prefix.as_ref()).await.map(|_| ()) });
        first
            .flat_map(|first| match first {
                Ok(()) => futures_util::stream::empty().boxed(),
                Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
            })
            .chain(listing)
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait::async_trait]
impl MultipartStore for Faulty {
    async fn create_multipart(&self, key: &Key) -> Result<MultipartId> {
        self.create_multipart_opts(key, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(&self, key: &Key, options: PutMultipartOptions) -> Result<MultipartId> {
        let then = self.step("create", Some(key)).await?;
        let id = self.inner.create_multipart_opts(key, options).await?;
        self.script.lock().unwrap().uploads.insert(id.clone());
        answered(&then, Ok(id))
    }

    async fn put_part(&self, key: &Key, id: &MultipartId, index: usize, data: PutPayload) -> Result<PartId> {
        let then = self.step("part", Some(key)).await?;
        answered(&then, self.inner.put_part(key, id, index, data).await)
    }

    async fn complete_multipart(&self, key: &Key, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
        let then = self.step("complete", Some(key)).await?;
        let result = self.inner.complete_multipart(key, id, parts).await;
        if result.is_ok() {
            self.script.lock().unwrap().uploads.remove(id);
        }
        answered(&then, result)
    }

    async fn abort_multipart(&self, key: &Key, id: &MultipartId) -> Result<()> {
        let then = self.step("abort", Some(key)).await?;
        self.script.lock().unwrap().uploads.remove(id);
        answered(&then, self.inner.abort_multipart(key, id).await)
    }
}
