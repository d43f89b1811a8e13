//! What errors of a store mean.
//!
//! Only the answer of a store that there is no such object counts as missing; everything else is an error of its kind. The text of
//! an answer is kept as far as it is words: its code and message, never addresses with signatures in them.

use std::error::Error as _;

use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, Kind};

/// The error of doing something with an object, or with the store when `key` is empty.
pub(super) fn error(doing: &str, store: &str, key: &str, error: &StoreError) -> Error {
    let (kind, what, next) = meaning(error);
    let mut found = Error::new(kind, format!("cannot {doing}: {what}"));
    if !key.is_empty() {
        found = found.at("object", key);
    }
    found = found.at("store", store);
    if next.is_empty() { found } else { found.next(next) }
}

/// Whether the store says that there is no such object. A missing bucket is no missing object.
pub(super) fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. }) && !names_no_root(&texts(error))
}

/// Whether an upload that was begun is not there any more.
pub(super) fn is_stale_upload(error: &StoreError) -> bool {
    let text = texts(error);
    // The store in memory says it in words.
    let words = ["NoSuchUpload", "InvalidBlockList", "InvalidPart", "MultipartUpload not found"];
    words.iter().any(|word| text.contains(word))
        || (matches!(error, StoreError::NotFound { .. }) && !names_no_root(&text))
}

fn names_no_root(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "ResourceGroupNotFound"]
        .iter()
        .any(|word| text.contains(word))
}

/// Kind, words, advice.
fn meaning(error: &StoreError) -> (Kind, String, &'static str) {
    let text = texts(error);
    // The address at which the machines of both clouds are given their roles: asked when there is nothing else.
    if text.contains("http://169.254.") {
        let what =
            "there are no credentials: none in the environment, no profile, and this machine has no role";
        return (
            Kind::Auth,
            what.to_owned(),
            "set AWS_PROFILE or tier.cold.profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AZURE_STORAGE_ACCOUNT_KEY",
        );
    }
    // Our own errors pass through what object_store wraps around them.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(own) = at.downcast_ref::<Error>() {
            return (own.kind(), own.what().to_owned(), "");
        }
        if let Some(http) = at.downcast_ref::<HttpError>()
            && matches!(
                http.kind(),
                HttpErrorKind::Connect | HttpErrorKind::Timeout | HttpErrorKind::Interrupted
            )
        {
            return (Kind::Unreachable, last_words(http), "check the address and the network");
        }
        if let Some(found) = at.downcast_ref::<std::io::Error>().and_then(of_disk) {
            return found;
        }
        cause = at.source();
    }
    of_answer(error, &text)
}

/// What the file system of a folder says.
fn of_disk(error: &std::io::Error) -> Option<(Kind, String, &'static str)> {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some((Kind::DiskFull, error.to_string(), "make room there"))
        }
        ErrorKind::PermissionDenied => {
            Some((Kind::Io, error.to_string(), "check who may read and write the folder"))
        }
        ErrorKind::Other | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => None,
        _ if error.raw_os_error().is_some() => Some((Kind::Io, error.to_string(), "")),
        _ => None,
    }
}

/// What the answer of a service means.
fn of_answer(error: &StoreError, text: &str) -> (Kind, String, &'static str) {
    let code = tag(text, "Code").unwrap_or_default();
    let words = words(text);
    let has = |names: &[&str]| names.iter().any(|name| code == *name || text.contains(name));
    if has(&["NoSuchBucket", "ContainerNotFound"]) {
        return (
            Kind::Refused,
            "the bucket or container is not there".to_owned(),
            "make it first (`aws s3 mb s3://NAME`, `az storage container create -n NAME`), or correct tier.cold.url",
        );
    }
    if has(&["InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"]) {
        return (
            Kind::Refused,
            "the object lies in an archive and cannot be read now".to_owned(),
            "ask for it with `lakehand tier restore`, and wait until it is ready",
        );
    }
    if has(&["RequestTimeTooSkewed"]) {
        return (Kind::Auth, words, "set the clock of this machine");
    }
    if has(&["ExpiredToken", "TokenRefreshRequired"]) {
        return (Kind::Auth, words, "the credentials have expired: renew them");
    }
    if has(&["AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"])
        || text.contains("incorrectly configured region")
    {
        return (Kind::Config, words, "set tier.cold.region to the region of the bucket");
    }
    if has(&["InvalidStorageClass"]) {
        return (Kind::Refused, words, "set tier.cold.storage_class to one that the service has");
    }
    if has(&[
        "BadDigest",
        "InvalidDigest",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
        "Md5Mismatch",
    ]) {
        return (Kind::Garbled, format!("what arrived is not what was sent: {words}"), "it is tried again");
    }
    let status = status(text);
    match error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            return (
                Kind::Auth,
                words,
                "check the credentials, and what they may do there: read, write, list, delete",
            );
        }
        StoreError::NotFound { .. } => return (Kind::Refused, format!("it is not there: {words}"), ""),
        StoreError::AlreadyExists { .. }
        | StoreError::Precondition { .. }
        | StoreError::NotSupported { .. }
        | StoreError::NotImplemented { .. }
        | StoreError::InvalidPath { .. } => {
            return (Kind::Refused, words, "");
        }
        _ => {}
    }
    match status {
        Some(401 | 403) => (Kind::Auth, words, "check the credentials, and what they may do there"),
        Some(429 | 500 | 502 | 503 | 504) => (Kind::Busy, words, "it is tried again"),
        Some(300..=499 | 501) => (Kind::Refused, words, ""),
        _ => (Kind::Incomplete, words, "it is tried again"),
    }
}

/// The texts of an error and of what caused it.
fn texts(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(at) = cause {
        let more = at.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = at.source();
    }
    text
}

/// The innermost cause in words: "connection refused".
fn last_words(error: &HttpError) -> String {
    let mut last = error.to_string();
    let mut cause = error.source();
    while let Some(at) = cause {
        last = at.to_string();
        cause = at.source();
    }
    without_query(&last)
}

/// The text between the tags of an answer in XML.
pub(super) fn tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

/// The number of the answer, as object_store writes it.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// Code and message of the answer; else its text without addresses' queries, and not longer than a line.
fn words(text: &str) -> String {
    let code = tag(text, "Code");
    // Azure puts the time and an id behind its message.
    let message = tag(text, "Message").map(|message| message.lines().next().unwrap_or_default());
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {}", shorten(message)),
        (Some(code), None) => code.to_owned(),
        _ => {
            let line =
                text.split('<').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            shorten(&without_query(&line))
        }
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 300 {
        return text.to_owned();
    }
    text.chars().take(300).chain(['…']).collect()
}

/// Words in which there is no query of an address: it may hold a signature.
fn without_query(text: &str) -> String {
    let mut clean = Vec::new();
    for word in text.split(' ') {
        match word.split_once('?') {
            Some((before, query)) if query.contains('=') => clean.push(before),
            _ => clean.push(word),
        }
    }
    clean.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> StoreError {
        StoreError::Generic { store: "S3", source: text.to_owned().into() }
    }

    fn of(error: &StoreError) -> Error {
        super::error("read the object", "s3://b", "k", error)
    }

    #[test]
    fn answers_are_told_apart() {
        let answer = |status: &str, code: &str| {
            generic(&format!(
                "Error performing GET http://h/b/k?X-Amz-Signature=secret in 1ms - Server returned non-2xx status code: {status}: \
                 <?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>words</Message></Error>"
            ))
        };
        for (status, code, kind) in [
            ("503 Slow", "SlowDown", Kind::Busy),
            ("500 Internal", "InternalError", Kind::Busy),
            ("403 Forbidden", "SignatureDoesNotMatch", Kind::Auth),
            ("403 Forbidden", "RequestTimeTooSkewed", Kind::Auth),
            ("403 Forbidden", "InvalidObjectState", Kind::Refused),
            ("400 Bad", "BadDigest", Kind::Garbled),
            ("404 Not", "NoSuchBucket", Kind::Refused),
            ("301 Moved", "PermanentRedirect", Kind::Config),
            ("400 Bad", "InvalidStorageClass", Kind::Refused),
        ] {
            let error = of(&answer(status, code));
            assert_eq!(error.kind(), kind, "{code}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(of(&answer("404 Not", "NoSuchBucket")).to_string().contains("aws s3 mb"));
        let role = generic(
            "Error performing PUT http://169.254.169.254/latest/api/token in 1s - HTTP error: timed out",
        );
        assert_eq!(of(&role).kind(), Kind::Auth);
        assert!(of(&role).to_string().contains("no credentials"));
        assert_eq!(of(&generic("Error after 3 retries")).kind(), Kind::Incomplete);
        let text = of(&generic("it failed at https://h/k?sv=1&sig=secret now")).to_string();
        assert!(text.contains("https://h/k now") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn only_an_object_can_be_missing() {
        let missing =
            |text: &str| StoreError::NotFound { path: "k".to_owned(), source: text.to_owned().into() };
        assert!(is_missing(&missing("<Code>NoSuchKey</Code>")));
        assert!(!is_missing(&missing("<Code>NoSuchBucket</Code>")));
        assert!(!is_missing(&missing("<Code>ContainerNotFound</Code>")));
        assert!(!is_missing(&generic("not found")));
    }

    #[test]
    fn disks_and_networks_have_their_own_kinds() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = StoreError::Generic { store: "LocalFileSystem", source: Box::new(full) };
        assert_eq!(of(&error).kind(), Kind::DiskFull);
        let io = std::io::Error::from_raw_os_error(5);
        let error = StoreError::Generic { store: "LocalFileSystem", source: Box::new(io) };
        assert_eq!(of(&error).kind(), Kind::Io);
        let cut = HttpError::new(HttpErrorKind::Connect, std::io::Error::other("refused"));
        let error = StoreError::Generic { store: "S3", source: Box::new(cut) };
        assert_eq!(of(&error).kind(), Kind::Unreachable);
    }
}
