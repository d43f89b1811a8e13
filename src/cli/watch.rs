//! `watch`: watcher, scheduler and worker without a screen.

use chrono::Utc;
use clap::Args;
use tokio::sync::mpsc::{Receiver, channel};

use super::export::{ask_server, patient, setup};
use super::{Start, client, runtime};
use crate::config::Config;
use crate::error::{Class, Result};
use crate::export::Engine;
use crate::feed::Feed;
use crate::headless::{self, Exit, Greeting, Output, Watching};
use crate::ksql::backoff::backoff;
use crate::ksql::client::Client;
use crate::lake::{Lake, read_metadata};

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

pub(super) fn run(start: &Start, args: &WatchArgs) -> Result<Exit> {
    let config = start.config()?;
    let client = client(&config)?;
    let output = if args.json { Output::Json } else { Output::Human };
    let lake = Lake::new(&config.paths.lake);
    runtime(1)?.block_on(async {
        // A dataset that another process holds is waited for: the wish to export it would be lost otherwise.
        let (engine, events) =
            Engine::start(patient(setup(&config, client.clone(), true, "lakehand watch")?, &config));
        let watching = Watching {
            engine,
            events,
            paths: config.feed_paths(),
            config: config.watch.clone(),
            concurrency: config.export.concurrency,
            greetings: greet(client, &config),
            clock: Utc::now,
            output,
            logs: config.paths.logs.clone(),
        };
        headless::watch(watching, |feed| has_data(&lake, feed)).await
    })
}

/// Whether the lake holds something of a feed. What cannot be read counts as nothing: the export says what is wrong.
fn has_data(lake: &Lake, feed: &Feed) -> bool {
    let metadata = lake.dataset_dir(feed).and_then(|dir| read_metadata(&dir));
    metadata.ok().flatten().is_some_and(|metadata| !metadata.partitions.is_empty())
}

/// Asks the server who it is until it answers, with waits that grow to `export.retry_max`.
fn greet(client: Client, config: &Config) -> Receiver<Greeting> {
    let (said, greetings) = channel(1);
    let (base, max) = (config.export.retry_base, config.export.retry_max);
    tokio::spawn(async move {
        for attempt in 0.. {
            let error = match ask_server(&client).await {
                Ok(info) => {
                    let what = format!("ksqlDB {} at {}", info.version.text, client.options().url);
                    return drop(said.send(Greeting::Reached(what)).await);
                }
                Err(error) if error.class() != Class::Retry => {
                    return drop(said.send(Greeting::Refused(error)).await);
                }
                Err(error) => error,
            };
            let wait = backoff(attempt, base, max, fastrand::f64(), error.wait());
            if said.send(Greeting::Unreachable(error)).await.is_err() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    });
    greetings
}
