//! Is everything there that an export needs? Each answer is a line: what was looked at, how it is, what to do.
//!
//! ```text
//! server        reached, version, credentials, clock       place      folders, owner, locks, space, limits of the system
//! certificate   until when a certificate is valid          feeds      invalid ones, streams whose end nobody tells
//! terminal      what the screen will have                  kafka      brokers reached, and the topics of feeds that read them
//! cold store    listed, written, read, deleted in
//! catalogs      catalogues answer, and feeds name none that is not configured
//! lines         told as they are found; questions to others have a limit of time
//! ```
//!
//! It changes nothing: the one file that it makes to try a lock has no name, and the one object in the cold store is gone again.

mod catalogs;
mod certificate;
mod cold;
mod feeds;
mod kafka;
mod lines;
mod place;
mod registry;
mod server;
mod terminal;

use chrono::{DateTime, Utc};

use crate::config::Config;
use crate::error::Error;
use crate::export::log::LogSource;
use crate::export::publish::Registered;
use crate::ksql::client::Client;
use crate::ksql::registry::Registry;

pub use certificate::valid_until;
pub use lines::{Lines, Told};
pub use terminal::Terminal;

/// How it is with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// What was looked at works, and somebody should see to it.
    Warn,
    /// An export or the screen will fail over it.
    Fail,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was looked at: `server`, `disk`.
    pub topic: &'static str,
    /// How it is.
    pub level: Level,
    /// A sentence.
    pub what: String,
    /// What to do, where something is to be done.
    pub next: Option<String>,
}

impl Level {
    /// `ok`, `warn` or `fail`
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Line {
    fn ok(topic: &'static str, what: impl Into<String>) -> Self {
        Self { topic, level: Level::Ok, what: what.into(), next: None }
    }

    fn warn(topic: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { topic, level: Level::Warn, what: what.into(), next: Some(next.into()) }
    }

    fn fail(topic: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { topic, level: Level::Fail, what: what.into(), next: Some(next.into()) }
    }

    /// An error as a failed line.
    fn of(topic: &'static str, error: &Error) -> Self {
        let place: Vec<_> = error.place().iter().map(|(what, value)| format!("{what} {value}")).collect();
        let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
        Self {
            topic,
            level: Level::Fail,
            what: format!("{}{place}", error.what()),
            next: error.advice().map(str::to_owned),
        }
    }
}

/// Looks at everything, and tells each answer when it is there; `client`, `logs`, `registry` and `catalogs` are errors where none can be made
/// from the configuration.
#[allow(clippy::too_many_arguments, reason = "each is somebody to be asked")]
pub async fn examine(
    config: &Config,
    client: Result<Client, Error>,
    logs: Result<Option<LogSource>, Error>,
    registry: Result<Option<Registry>, Error>,
    catalogs: Result<Vec<Registered>, Error>,
    terminal: &Terminal,
    now: DateTime<Utc>,
    lines: &mut Lines<'_>,
) {
    let warnings = config.warnings();
    lines.extend(warnings.iter().map(|warning| {
        Line::warn("config", warning, "`lakehand config show` tells where each value comes from")
    }));
    if warnings.is_empty() {
        lines.push(Line::ok("config", "nothing in the configuration needs a look"));
    }
    let reached = match &client {
        Ok(client) => server::look(config, client, now, lines).await,
        Err(error) => {
            lines.push(Line::of("server", error));
            false
        }
    };
    certificate::look(config, now, lines);
    place::look(config, now, lines);
    terminal.look(lines);
    cold::look(config, lines).await;
    let client = client.ok().filter(|_| reached);
    registry::look(registry, lines).await;
    kafka::look(config, logs, client.as_ref(), lines).await;
    catalogs::look(config, catalogs, lines).await;
    feeds::look(config, client.as_ref(), lines).await;
}
