//! Address, credentials and limits. Secrets are in here, so `Debug` is written by hand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::error::{Error, Kind, Result};

/// Who we are to the server.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    None,
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password: never shown.
        password: String,
    },
    /// A token: never shown.
    Bearer(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { username, .. } => write!(f, "Basic({username:?}, hidden)"),
            Self::Bearer(_) => f.write_str("Bearer(hidden)"),
        }
    }
}

/// Reads the credentials anew: files with passwords and tokens are replaced while the program runs.
#[derive(Clone)]
pub struct Renew(Arc<dyn Fn() -> Result<Auth> + Send + Sync>);

impl Renew {
    /// By this function, which may read a small file.
    pub fn by(read: impl Fn() -> Result<Auth> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The credentials as they are now.
    pub(super) fn read(&self) -> Result<Auth> {
        (self.0)()
    }
}

/// How to reach a server, and how long to wait for it.
#[derive(Clone)]
pub struct ClientOptions {
    /// `http://host:8088` or `https://…`; a path in it is kept as a prefix. Credentials do not belong in it.
    pub url: String,
    /// Who we are.
    pub auth: Auth,
    /// Asked when the server refuses `auth`; `None`: it does not change.
    pub renew: Option<Renew>,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Our own certificate and its key (PEM).
    pub identity_pem: Option<Vec<u8>>,
    /// Limit for TCP and TLS.
    pub connect_timeout: Duration,
    /// Limit from the request to the head of the answer.
    pub first_byte_timeout: Duration,
    /// How long an answer may stay silent; for streamed answers the caller enforces it, by [`super::Chunk::Idle`].
    pub inactivity_timeout: Duration,
    /// The section of the configuration that all this comes from: `server` or `schema_registry`.
    pub section: &'static str,
    /// Longest line of an answer, for [`crate::ksql::response::Frames`].
    pub max_row_bytes: usize,
}

impl ClientOptions {
    /// Options for `url` with usual limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            auth: Auth::None,
            renew: None,
            ca_pem: None,
            identity_pem: None,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(60),
            inactivity_timeout: Duration::from_secs(120),
            section: "server",
            max_row_bytes: 64 << 20,
        }
    }

    /// The address without anything secret.
    pub fn shown_url(&self) -> String {
        match Url::parse(&self.url) {
            Ok(mut url) => {
                // Neither can fail for a URL with a host; without one there is nothing to hide.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                url.set_query(None);
                url.to_string().trim_end_matches('/').to_owned()
            }
            Err(_) => "(an address that cannot be read)".to_owned(),
        }
    }

    /// Whom we talk to, in words.
    pub(super) fn who(&self) -> &'static str {
        if self.section == "schema_registry" { "the schema registry" } else { "the server" }
    }

    pub(super) fn base_url(&self) -> Result<Url> {
        let section = self.section;
        let wrong = |why: &str| {
            Err(Error::new(Kind::Config, format!("{section}.url {why}"))
                .next("write it as http://host:8088 or https://host:8088"))
        };
        let Ok(url) = Url::parse(&self.url) else { return wrong("is no URL") };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return wrong("is neither an http nor an https URL with a host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong(
                "holds credentials: set username and password_file beside it, or the variable of the password",
            );
        }
        Ok(url)
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("url", &self.shown_url())
            .field("auth", &self.auth)
            .field("renews", &self.renew.is_some())
            .field("own_ca", &self.ca_pem.is_some())
            .field("own_identity", &self.identity_pem.is_some())
            .field("connect_timeout", &self.connect_timeout)
            .field("first_byte_timeout", &self.first_byte_timeout)
            .field("inactivity_timeout", &self.inactivity_timeout)
            .field("section", &self.section)
            .field("max_row_bytes", &self.max_row_bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_holds_no_secret() {
        let mut options = ClientOptions::new("http://me:s3cret@host:8088/?token=s3cret");
        options.identity_pem = Some(b"s3cret".to_vec());
        for auth in
            [Auth::Basic { username: "me".into(), password: "s3cret".into() }, Auth::Bearer("s3cret".into())]
        {
            options.auth = auth;
            let text = format!("{options:?} {}", options.shown_url());
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn addresses_are_checked_and_not_repeated() {
        for url in ["host:8088", "", "ftp://host", "http://me:s3cret@host:8088"] {
            let error = ClientOptions::new(url).base_url().unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert!(ClientOptions::new("https://host:8088/prefix/").base_url().is_ok());
    }
}
