//! Storage classes and archives: what `object_store` has no word for. The requests are signed by it and sent by its client.
//!
//! A class that cannot be read at once (Glacier's, Azure's Archive) would make it impossible to read an object back after it was
//! sent. So such an object is made in a class that can be read, and is given its own by [`ColdStore::settle`] once it was verified.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::azure::{AzureAuthorizer, MicrosoftAzure};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path as Key;
use object_store::signer::{HeaderMap, HeaderName, HeaderValue, Method, SignedUrlOptions, Signer as _, Url};
use object_store::{Attributes, Error as StoreError};

use super::folder::Folder;
use super::{ColdStore, ObjectState, fault};
use crate::error::{Error, Kind, Result};

/// How long a signed request may be on its way.
const VALID: Duration = Duration::from_secs(300);

/// How often a request is sent, and the wait before the second time; it doubles.
const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// Amazon's classes that must be restored before they can be read.
const S3_ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// Azure's.
const AZURE_ARCHIVE: &str = "Archive";

/// The largest object that is given another class by one request.
const MAX_COPY: u64 = 5 << 30;

/// Whose store it is.
pub(super) enum Service {
    /// Somebody's own.
    Plain,
    Folder(Folder),
    S3(S3Service),
    Azure(AzureService),
}

pub(super) struct S3Service {
    pub(super) store: Arc<AmazonS3>,
    pub(super) http: HttpClient,
    pub(super) bucket: String,
    /// The word, and the key of the key service.
    pub(super) encryption: Option<(&'static str, Option<String>)>,
}

pub(super) struct AzureService {
    pub(super) store: Arc<MicrosoftAzure>,
    pub(super) http: HttpClient,
    pub(super) account: String,
    /// The address of the container.
    pub(super) container: Url,
}

impl Service {
    /// Whether what is asked of the store would be asked of it, and not of an empty folder.
    pub(super) fn check(&self) -> Result<()> {
        if let Self::Folder(folder) = self { folder.check() } else { Ok(()) }
    }

    /// Takes away what a stopped upload left where only we could know.
    pub(super) fn sweep(&self, key: &Key) -> Result<()> {
        if let Self::Folder(folder) = self { folder.sweep(key) } else { Ok(()) }
    }
}

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn is_good(&self) -> bool {
        // A copy may fail behind a good beginning.
        (200..300).contains(&self.status) && !self.text.contains("<Error>")
    }

    fn says(&self, code: &str) -> bool {
        fault::tag(&self.text, "Code") == Some(code) || self.header("x-ms-error-code") == code
    }
}

impl ColdStore {
    /// How an object is: whether it can be read now.
    ///
    /// # Errors
    /// What the store says.
    pub fn state(&self, key: &str) -> Result<ObjectState> {
        let path = self.key(key)?;
        self.run(async {
            let Some(meta) = self.meta(key, &path).await? else { return Ok(ObjectState::Missing) };
            let bytes = meta.size;
            let Some(answer) = self.look(key, &path).await? else { return Ok(ObjectState::Ready { bytes }) };
            let archived = if matches!(self.0.service, Service::Azure(_)) {
                answer.header("x-ms-access-tier") == AZURE_ARCHIVE
            } else {
                S3_ARCHIVES.contains(&answer.header("x-amz-storage-class"))
                    || answer.header("x-amz-archive-status").ends_with("ARCHIVE_ACCESS")
            };
            let restore = answer.header("x-amz-restore");
            Ok(if !archived || restore.contains("ongoing-request=\"false\"") {
                ObjectState::Ready { bytes }
            } else if restore.contains("ongoing-request=\"true\"")
                || answer.header("x-ms-archive-status").starts_with("rehydrate-pending")
            {
                ObjectState::Restoring { bytes }
            } else {
                ObjectState::Archived { bytes }
            })
        })
    }

    /// Asks that an archived object can be read: for so many days (S3), or until it is settled again (Azure). It takes minutes to
    /// days; [`ColdStore::state`] tells. Asking twice is no error.
    ///
    /// # Errors
    /// [`Kind::Refused`] where the store has no archives, or the object does not lie in one.
    pub fn request_restore(&self, key: &str, days: u32) -> Result<()> {
        let path = self.key(key)?;
        self.run(async {
            match &self.0.service {
                Service::S3(s3) => {
                    let body = format!(
                        "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>{days}</Days>\
                         <GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>"
                    );
                    let options = SignedUrlOptions::new().with_query([("restore", "")]);
                    let answer = self.ask_s3(s3, Method::POST, key, &path, options, &body).await?;
                    if answer.is_good() || answer.says("RestoreAlreadyInProgress") {
                        return Ok(());
                    }
                    if answer.says("InvalidObjectState") || answer.says("InvalidStorageClass") {
                        return Err(self.no_archive("the object does not lie in an archive", key));
                    }
                    Err(self.refusal("ask for an archived object", key, &answer))
                }
                Service::Azure(azure) => {
                    let answer = self.azure_tier(azure, key, &path, "Hot", true).await?;
                    if answer.is_good() || answer.says("BlobBeingRehydrated") {
                        return Ok(());
                    }
                    Err(self.refusal("ask for an archived object", key, &answer))
                }
                Service::Folder(_) | Service::Plain => Err(self.no_archive("the store has no archive", key)),
            }
        })
    }

    /// Gives an object the configured storage class, where it was not made with it: to be called when the object was read back and
    /// found right. Calling it again does nothing.
    ///
    /// # Errors
    /// What the store says; the object stays as it was and can be read.
    pub fn settle(&self, key: &str) -> Result<()> {
        let Some(class) = self.0.config.storage_class.as_deref() else { return Ok(()) };
        let path = self.key(key)?;
        self.run(async {
            match &self.0.service {
                Service::S3(s3) if self.class_at_first().is_none() => {
                    self.settle_s3(s3, key, &path, class).await
                }
                Service::Azure(azure) => {
                    let looked = self.look(key, &path).await?;
                    if looked.is_some_and(|answer| answer.header("x-ms-access-tier") == class) {
                        return Ok(());
                    }
                    let answer = self.azure_tier(azure, key, &path, class, false).await?;
                    if answer.is_good() {
                        Ok(())
                    } else {
                        Err(self.refusal("set the access tier of an object", key, &answer))
                    }
                }
                _ => Ok(()),
            }
        })
    }

    /// The class that an object is made with: the configured one, where it can be read back.
    pub(super) fn class_at_first(&self) -> Option<&str> {
        let class = self.0.config.storage_class.as_deref()?;
        let archive = match self.0.service {
            Service::Azure(_) => class == AZURE_ARCHIVE,
            _ => S3_ARCHIVES.contains(&class),
        };
        (!archive).then_some(class)
    }

    /// The same for objects of parts: Azure's are made without.
    pub(super) fn attributes_of_parts(&self) -> Attributes {
        if matches!(self.0.service, Service::Azure(_)) { Attributes::new() } else { self.attributes() }
    }

    /// Copies an object onto itself with its class: the service does it, and no byte crosses the network.
    async fn settle_s3(&self, s3: &S3Service, key: &str, path: &Key, class: &str) -> Result<()> {
        let missing =
            || Error::new(Kind::Refused, "the object is not there").at("object", key).at("store", self.url());
        let looked = self.look(key, path).await?.ok_or_else(missing)?;
        if looked.header("x-amz-storage-class") == class {
            return Ok(());
        }
        if looked.header("content-length").parse().is_ok_and(|bytes: u64| bytes > MAX_COPY) {
            return Err(Error::new(
                Kind::Refused,
                "an object of more than 5 GiB cannot be given another storage class",
            )
            .at("object", key)
            .next("use a lifecycle rule of the bucket, or smaller files (export.target_file_mb)"));
        }
        let source = format!("/{}/{}", s3.bucket, encoded(path.as_ref()));
        let mut headers = vec![("x-amz-copy-source", source), ("x-amz-storage-class", class.to_owned())];
        let etag = looked.header("etag");
        if !etag.is_empty() {
            // The object that was verified, and no other.
            headers.push(("x-amz-copy-source-if-match", etag.to_owned()));
        }
        if let Some((word, kms_key)) = &s3.encryption {
            headers.push(("x-amz-server-side-encryption", (*word).to_owned()));
            if let Some(kms_key) = kms_key {
                headers.push(("x-amz-server-side-encryption-aws-kms-key-id", kms_key.clone()));
            }
        }
        let mut options = SignedUrlOptions::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(&value).map_err(|_| {
                Error::new(Kind::Config, "a value of tier.cold cannot stand in a header").at("header", name)
            })?;
            options = options.with_signed_header(HeaderName::from_static(name), value);
        }
        let answer = self.ask_s3(s3, Method::PUT, key, path, options, "").await?;
        if !answer.is_good() {
            return Err(self.refusal("give an object its storage class", key, &answer));
        }
        // Services that know no classes copy, and say nothing.
        let settled = self.look(key, path).await?.ok_or_else(missing)?;
        if settled.header("x-amz-storage-class") == class {
            return Ok(());
        }
        Err(Error::new(
            Kind::Refused,
            format!("the service did not give an object the storage class {class}"),
        )
        .at("object", key)
        .at("store", self.url())
        .next("set tier.cold.storage_class to one that the service has, or not at all"))
    }

    /// The headers of an object; `None` where there is nothing to learn from them.
    async fn look(&self, key: &str, path: &Key) -> Result<Option<Answer>> {
        let answer = match &self.0.service {
            Service::S3(s3) => self.ask_s3(s3, Method::HEAD, key, path, SignedUrlOptions::new(), "").await?,
            Service::Azure(azure) => {
                self.ask_azure(azure, Method::HEAD, key, path, None, HeaderMap::new()).await?
            }
            Service::Folder(_) | Service::Plain => return Ok(None),
        };
        if answer.is_good() { Ok(Some(answer)) } else { Err(self.refusal("look at an object", key, &answer)) }
    }

    async fn azure_tier(
        &self,
        azure: &AzureService,
        key: &str,
        path: &Key,
        tier: &str,
        waking: bool,
    ) -> Result<Answer> {
        let value = HeaderValue::from_str(tier)
            .map_err(|_| Error::new(Kind::Config, "tier.cold.storage_class cannot stand in a header"))?;
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-access-tier", value);
        if waking {
            headers.insert("x-ms-rehydrate-priority", HeaderValue::from_static("Standard"));
        }
        self.ask_azure(azure, Method::PUT, key, path, Some("tier"), headers).await
    }

    /// The addresses that the store of `object_store` can sign for Azure fail for names with characters that an address must encode,
    /// and not at all with a shared access signature. So the request itself is signed.
    async fn ask_azure(
        &self,
        azure: &AzureService,
        method: Method,
        key: &str,
        path: &Key,
        comp: Option<&str>,
        headers: HeaderMap,
    ) -> Result<Answer> {
        let mut url = azure.container.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path.parts());
        }
        if let Some(comp) = comp {
            url.query_pairs_mut().append_pair("comp", comp);
        }
        let mut request = request(method, &url, headers, "", key)?;
        let failed = |error: StoreError| self.error("sign a request", key, &error);
        let credential = azure.store.credentials().get_credential().await.map_err(failed)?;
        AzureAuthorizer::new(&credential, &azure.account).try_authorize(&mut request).map_err(failed)?;
        self.ask(&azure.http, request, key).await
    }

    async fn ask_s3(
        &self,
        s3: &S3Service,
        method: Method,
        key: &str,
        path: &Key,
        options: SignedUrlOptions,
        body: &str,
    ) -> Result<Answer> {
        let url = s3.store.signed_url_opts(method.clone(), path, VALID, &options).await;
        let url = url.map_err(|error| self.error("sign a request", key, &error))?;
        let request = request(method, &url, options.signed_headers, body, key)?;
        self.ask(&s3.http, request, key).await
    }

    /// Sends a request that may be sent twice, again when it does not arrive or the service is busy.
    async fn ask(&self, http: &HttpClient, request: HttpRequest, key: &str) -> Result<Answer> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let result = match http.execute(request.clone()).await {
                Ok(response) => {
                    let (status, headers) = (response.status().as_u16(), response.headers().clone());
                    response.into_body().bytes().await.map(|body| Answer {
                        status,
                        headers,
                        text: String::from_utf8_lossy(&body).into_owned(),
                    })
                }
                Err(error) => Err(error),
            };
            let is_last = attempt == ATTEMPTS;
            match result {
                Ok(answer) if is_last || (answer.status != 429 && answer.status < 500) => return Ok(answer),
                Err(error) if is_last => {
                    let error = StoreError::Generic { store: "request", source: Box::new(error) };
                    return Err(self.error("send a request", key, &error));
                }
                _ => {}
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            attempt += 1;
        }
    }

    /// What an answer that is not good means; it is read as those of `object_store` are.
    fn refusal(&self, doing: &str, key: &str, answer: &Answer) -> Error {
        let mut text = format!("status code: {} {}", answer.status, answer.text);
        let code = answer.header("x-ms-error-code");
        if fault::tag(&text, "Code").is_none() && !code.is_empty() {
            text.push_str(&format!(" <Code>{code}</Code>"));
        }
        self.error(doing, key, &StoreError::Generic { store: "request", source: text.into() })
    }

    fn no_archive(&self, what: &str, key: &str) -> Error {
        Error::new(Kind::Refused, format!("{what}: it can be read as it is"))
            .at("object", key)
            .at("store", self.url())
    }
}

fn request(method: Method, url: &Url, headers: HeaderMap, body: &str, key: &str) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(HttpRequestBody::from(body.to_owned()));
    *request.method_mut() = method;
    *request.uri_mut() = url
        .as_str()
        .parse()
        .map_err(|_| Error::new(Kind::Bug, "the address of a request cannot be read").at("object", key))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A key as it stands in the header of a copy.
fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn keys_in_headers_are_encoded() {
        assert_eq!(encoded("a/year=2025/ü%.parquet"), "a/year%3D2025/%C3%BC%25.parquet");
    }
}
