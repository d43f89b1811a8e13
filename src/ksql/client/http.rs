//! One server over HTTP: who we are to it, requests and their small answers, its clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::{Method, Url};

use super::{Auth, ClientOptions, refusal, transport};
use crate::error::{Error, Kind, Result};

/// A server, ksqlDB or the Schema Registry.
#[derive(Debug)]
pub(in crate::ksql) struct Http {
    options: ClientOptions,
    /// Who we are: as the options say, until the server refuses it and other credentials are there.
    auth: Mutex<Auth>,
    base: Url,
    /// The media type that every request names and asks for.
    media: &'static str,
    /// For small requests.
    plain: reqwest::Client,
    /// The newest `Date` of an answer, and when it came.
    date: Mutex<Option<(Instant, DateTime<Utc>)>>,
}

/// A whole answer.
#[derive(Debug)]
pub(in crate::ksql) struct Reply {
    /// The HTTP status.
    pub(in crate::ksql) status: u16,
    /// How long the server wants us to wait.
    pub(in crate::ksql) wait: Option<Duration>,
    pub(in crate::ksql) body: Vec<u8>,
}

impl Http {
    /// For a server; nothing is sent yet.
    pub(in crate::ksql) fn new(options: ClientOptions, media: &'static str) -> Result<Self> {
        let base = options.base_url()?;
        let plain = transport::plain(&options, &base)?;
        let (auth, date) = (Mutex::new(options.auth.clone()), Mutex::new(None));
        Ok(Self { options, auth, base, media, plain, date })
    }

    /// The same without connections that are kept: none outlives the question for which it was made.
    pub(in crate::ksql) fn unpooled(options: ClientOptions, media: &'static str) -> Result<Self> {
        let http = Self::new(options, media)?;
        let plain = http.streaming()?;
        Ok(Self { plain, ..http })
    }

    /// The options it was made from.
    pub(in crate::ksql) fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// A client of its own for streamed answers: a connection each, and none kept.
    pub(super) fn streaming(&self) -> Result<reqwest::Client> {
        transport::streaming(&self.options, &self.base)
    }

    /// What the server's clock shows now, by the newest `Date` of all answers so far.
    pub(super) fn clock(&self) -> Option<DateTime<Utc>> {
        let (came, date) = (*self.date.lock().unwrap_or_else(PoisonError::into_inner))?;
        date.checked_add_signed(chrono::TimeDelta::from_std(came.elapsed()).ok()?)
    }

    /// A small request and its whole body of at most `max` bytes; of a refusal as much as says why.
    pub(in crate::ksql) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<String>,
        max: usize,
    ) -> Result<Reply> {
        let endpoint = format!("/{}", path.join("/"));
        let response = self.send(None, method, path, body).await?;
        let status = response.status();
        let max = if status.is_success() { max } else { refusal::MAX_BODY };
        let wait = refusal::retry_after(response.headers());
        let body = transport::body(response, &self.options, max, &endpoint).await?;
        Ok(Reply { status: status.as_u16(), wait, body })
    }

    /// Sends a request, by another client than the usual one where that is given; once more with other credentials, where the
    /// server refuses these and others are there by now.
    pub(super) async fn send(
        &self,
        client: Option<&reqwest::Client>,
        method: Method,
        path: &[&str],
        body: Option<String>,
    ) -> Result<reqwest::Response> {
        let client = client.unwrap_or(&self.plain);
        let used = self.auth();
        let response = self.send_as(&used, client, method.clone(), path, body.as_ref()).await?;
        if response.status().as_u16() != 401 {
            return Ok(response);
        }
        match self.renewed(&used) {
            Some(auth) => self.send_as(&auth, client, method, path, body.as_ref()).await,
            None => Ok(response),
        }
    }

    fn auth(&self) -> Auth {
        self.auth.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other credentials than the refused ones. A file that cannot be read now gives none: the refusal is what is told.
    fn renewed(&self, refused: &Auth) -> Option<Auth> {
        let mut known = self.auth.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == *refused {
            *known = self.options.renew.as_ref()?.read().ok()?;
        }
        (*known != *refused).then(|| known.clone())
    }

    async fn send_as(
        &self,
        auth: &Auth,
        client: &reqwest::Client,
        method: Method,
        path: &[&str],
        body: Option<&String>,
    ) -> Result<reqwest::Response> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = client.request(method, url).header("Accept", self.media);
        if let Some(body) = body {
            request = request.header("Content-Type", self.media).body(body.clone());
        }
        request = match auth {
            Auth::None => request,
            Auth::Basic { username, password } => request.basic_auth(username, Some(password)),
            Auth::Bearer(token) => request.bearer_auth(token),
        };
        let limit = self.options.first_byte_timeout;
        match tokio::time::timeout(limit, request.send()).await {
            Ok(Ok(response)) => {
                if let Some(date) = date_of(&response) {
                    *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), date));
                }
                Ok(response)
            }
            Ok(Err(error)) => Err(transport::failed(error, &self.options)),
            Err(_) => {
                let who = self.options.who();
                Err(Error::new(Kind::Unreachable, format!("{who} sent no answer within {limit:?}"))
                    .at("endpoint", format!("/{}", path.join("/")))
                    .at("server", self.options.shown_url())
                    .next("look at the server's load, or raise server.first_byte_timeout"))
            }
        }
    }
}

/// The clock of whoever answered, where it tells it.
pub(super) fn date_of(response: &reqwest::Response) -> Option<DateTime<Utc>> {
    let date = response.headers().get("date")?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|date| date.with_timezone(&Utc))
}
