//! Whether the server and the brokers are there. The answer decides whether a failed attempt is an outage.

use std::time::Duration;

use super::log::{self, LogSource};
use super::outage::{Needs, Peer};
use crate::error::{Error, Kind, Result};
use crate::ksql::client::Client;

/// How long a peer may take to say that it is there.
const LIMIT: Duration = Duration::from_secs(10);

/// Who is asked.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) client: Client,
    pub(super) logs: Option<LogSource>,
}

impl Probe {
    /// The peers of `needs` that are out of reach, each with the reason. Any answer shows that a peer is there, also one
    /// that refuses us.
    pub(super) async fn out_of_reach(&self, needs: Needs) -> Vec<(Peer, Error)> {
        let server = self.server().await.err();
        let is_there = server.is_none();
        let brokers = if needs.brokers { self.brokers(is_there).await.err() } else { None };
        let both = [(Peer::Server, server), (Peer::Brokers, brokers)];
        both.into_iter().filter_map(|(peer, error)| Some((peer, error?))).collect()
    }

    /// Asks one peer.
    pub(super) async fn ask(&self, peer: Peer) -> Result<()> {
        match peer {
            Peer::Server => self.server().await,
            Peer::Brokers => self.brokers(self.server().await.is_ok()).await,
        }
    }

    async fn server(&self) -> Result<()> {
        let answer = log::within(LIMIT, self.client.info()).await.unwrap_or_else(|| {
            Err(Error::new(
                Kind::Unreachable,
                format!("the server gives no answer within {} s", LIMIT.as_secs()),
            )
            .at("server", &self.client.options().url))
        });
        only_outages(answer)
    }

    /// By our own connection where brokers are configured, and by the word of a server that is there.
    async fn brokers(&self, ask_server: bool) -> Result<()> {
        if let Some(logs) = &self.logs {
            only_outages(log::ask(logs, |logs| logs.cluster()).await)?;
        }
        if !ask_server {
            return Ok(());
        }
        let what = match log::within(LIMIT, self.client.health()).await {
            Some(Ok(health)) if health.reaches_brokers => return Ok(()),
            // A server that does not tell is no witness.
            Some(Err(_)) => return Ok(()),
            Some(Ok(_)) => "ksqlDB does not reach its Kafka brokers, says its health check",
            None => "ksqlDB's health check gives no answer, as when it does not reach its Kafka brokers",
        };
        Err(Error::new(Kind::Unreachable, what)
            .at("server", &self.client.options().url)
            .next("look at the brokers and at the server's log"))
    }
}

fn only_outages<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Err(error) if matches!(error.kind(), Kind::Unreachable | Kind::Busy) => Err(error),
        _ => Ok(()),
    }
}
