//! Tokens for SASL/OAUTHBEARER: who they name and how long they hold, as they say themselves.
//!
//! librdkafka asks for a new one when four fifths of its time are over; the file is then read again.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use super::options::KafkaOptions;
use crate::config::read_secret;
use crate::error::{Error, Kind, Result};

/// How long a token is used that does not say how long it holds.
const UNKNOWN: Duration = Duration::from_secs(300);

/// What a token says of itself.
#[derive(Debug, Default, Deserialize)]
struct Claims {
    /// Whom it names.
    sub: Option<String>,
    /// Seconds since 1970.
    exp: Option<f64>,
}

/// The token of now.
///
/// # Errors
/// [`Kind::Auth`] when there is none, when its file cannot be read, or when its time is over.
pub(super) fn current(options: &KafkaOptions) -> Result<OAuthToken> {
    let file = options.secrets.token.as_deref();
    let fresh = file.map(|file| {
        read_secret(file).map_err(|e| {
            Error::new(Kind::Auth, format!("the token for the brokers cannot be read: {e}"))
                .at("file", file.display())
                .next("look at kafka.token_file, and at whoever renews it")
        })
    });
    let secret = fresh.transpose()?.or_else(|| options.config.token.clone()).ok_or_else(|| {
        Error::new(Kind::Auth, "there is no token for the brokers")
            .next("set LAKEHAND_KAFKA_TOKEN or kafka.token_file")
    })?;
    // The client compares the token's end with the machine's clock: no other one counts.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    taken(secret.expose(), now, file)
}

fn taken(token: &str, now: Duration, file: Option<&Path>) -> Result<OAuthToken> {
    let Claims { sub, exp } = claims(token).unwrap_or_default();
    let until = match exp {
        // Beyond this the client counts in microseconds no more.
        Some(seconds) => Duration::try_from_secs_f64(seconds.clamp(0.0, 4e9)).unwrap_or_default(),
        None => now + UNKNOWN,
    };
    if until <= now {
        let error = Error::new(
            Kind::Auth,
            format!("the token for the brokers expired {} s ago", now.saturating_sub(until).as_secs()),
        );
        return Err(match file {
            Some(file) => error.at("file", file.display()).next("look at whoever renews kafka.token_file"),
            None => error.next("set LAKEHAND_KAFKA_TOKEN anew, or kafka.token_file to one that is renewed"),
        });
    }
    Ok(OAuthToken {
        token: token.to_owned(),
        principal_name: sub.filter(|name| !name.is_empty()).unwrap_or_else(|| "lakehand".to_owned()),
        lifetime_ms: i64::try_from(until.as_millis()).unwrap_or(i64::MAX),
    })
}

/// The claims of a JSON Web Token; `None` for a token that is none, which the brokers may know all the same.
fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_whom_it_names_and_until_when() {
        let now = Duration::from_secs(1_000);
        let token = taken(&jwt(r#"{"sub":"me","exp":1500.5,"more":[1]}"#), now, None).unwrap();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("me", 1_500_500));
        let opaque = taken("not-a-jwt", now, None).unwrap();
        assert_eq!((opaque.principal_name.as_str(), opaque.lifetime_ms), ("lakehand", 1_300_000));
        for odd in [r#"{"exp":"soon"}"#, "[]", ""] {
            assert_eq!(taken(&jwt(odd), now, None).unwrap().lifetime_ms, 1_300_000, "{odd}");
        }
    }

    #[test]
    fn a_token_whose_time_is_over_is_said_and_not_shown() {
        let token = jwt(r#"{"sub":"me","exp":400}"#);
        let error =
            taken(&token, Duration::from_secs(1_000), Some(Path::new("/run/token"))).map(drop).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Auth);
        assert!(
            text.contains("600 s ago") && text.contains("/run/token") && !text.contains(&token),
            "{text}"
        );
    }
}
