//! What an answer other than 200 means.
//!
//! | status | kind |
//! |---|---|
//! | 401, 403 | [`Kind::Auth`] |
//! | 429, 503, and 400 with words of a full or unready server | [`Kind::Busy`] |
//! | other 4xx, any 3xx | [`Kind::Refused`] |
//! | 500 | [`Kind::Incomplete`]: the server began and failed |
//! | 502, 504 and other 5xx | [`Kind::Unreachable`]: something before the server speaks |

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::error::{Error, Kind};
use crate::ksql::server_error::ServerError;
use crate::ksql::statement::FROM_TOPIC;

/// As much of a refusal's body as is read.
pub(super) const MAX_BODY: usize = 64 << 10;

/// No server may make us wait for longer.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// The wait that the server asks for, in seconds; dates are not understood, as ksqlDB sends none.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

/// The error for an answer of `status` with `body`.
pub(super) fn error(status: u16, wait: Option<Duration>, body: &[u8], endpoint: &str) -> Error {
    let said = ServerError::parse(body);
    let kind = match status {
        401 | 403 => Kind::Auth,
        429 | 503 => Kind::Busy,
        300..=499 => said.as_ref().map_or(Kind::Refused, |said| said.kind(Kind::Refused)),
        500 => said.as_ref().map_or(Kind::Incomplete, |said| said.kind(Kind::Incomplete)),
        _ => Kind::Unreachable,
    };
    let what = match (&said, status) {
        (Some(said), 500..) if !said.message.is_empty() => format!("the server failed: {}", said.message),
        (Some(said), _) if !said.message.is_empty() => format!("the server refused: {}", said.message),
        (_, 300..=399) => "the server answered with a redirect, which is not followed".to_owned(),
        (_, 404) => "the server does not know the path".to_owned(),
        (_, 405 | 406) => "the server does not offer this over HTTP/1.1 in the format asked for".to_owned(),
        (_, 413) => "the request is larger than the server takes".to_owned(),
        (_, 500..) => "the server failed without a word".to_owned(),
        _ => "the server refused without a word".to_owned(),
    };
    let mut error = Error::new(kind, what).at("status", status);
    if let Some(code) = said.as_ref().and_then(|said| said.code) {
        error = error.at("code", code);
    }
    error = error.at("endpoint", endpoint);
    if let Some(wait) = wait {
        error = error.retry_after(wait);
    }
    match advice(kind, status, said.as_ref()) {
        Some(advice) => error.next(advice),
        None => error,
    }
}

fn advice(kind: Kind, status: u16, said: Option<&ServerError>) -> Option<&'static str> {
    let message = said.map(|said| said.message.as_str()).unwrap_or_default();
    match (kind, status) {
        (Kind::Auth, 401) => {
            Some("check server.username with LAKEHAND_PASSWORD or server.password_file, or the token")
        }
        (Kind::Auth, _) => Some("ask for the rights that the user lacks"),
        (Kind::Refused, 300..=399 | 404) if said.is_none() => {
            Some("check that server.url is that of a ksqlDB server, and not of a proxy before it")
        }
        _ if message.contains("isn't queryable") => Some(FROM_TOPIC),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> Kind {
        error(status, None, body.as_bytes(), "/query-stream").kind()
    }

    #[test]
    fn statuses_are_classed() {
        for (status, expected) in [
            (301, Kind::Refused),
            (400, Kind::Refused),
            (401, Kind::Auth),
            (403, Kind::Auth),
            (404, Kind::Refused),
            (429, Kind::Busy),
            (500, Kind::Incomplete),
            (502, Kind::Unreachable),
            (503, Kind::Busy),
            (504, Kind::Unreachable),
        ] {
            assert_eq!(kind(status, "<html>"), expected, "{status}");
        }
        assert_eq!(
            kind(400, r#"{"error_code":40003,"message":"Maximum number of push queries exceeded"}"#),
            Kind::Busy
        );
    }

    #[test]
    fn the_text_says_what_where_and_what_next() {
        let body = br#"{"@type":"generic_error","error_code":40100,"message":"Unauthorized"}"#;
        let error = error(401, Some(Duration::from_secs(7)), body, "/info");
        assert_eq!(
            error.to_string(),
            "the server refused: Unauthorized (status 401, code 40100, endpoint /info); check server.username with LAKEHAND_PASSWORD or server.password_file, or the token"
        );
        assert_eq!(error.wait(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn waits_are_bounded() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "10".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(10)));
        headers.insert(RETRY_AFTER, "99999999".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(MAX_WAIT));
        headers.insert(RETRY_AFTER, "soon".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }
}
