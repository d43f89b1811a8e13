//! The cold store: there, and ours to list, write, read and delete in.

use super::{Line, Lines};
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::tier::ColdStore;

const TOPIC: &str = "cold store";

/// Adds what is found; nothing where none is configured.
pub(super) async fn look(config: &Config, lines: &mut Lines<'_>) {
    let cold = config.tier.cold.clone();
    if cold.url.is_empty() {
        return;
    }
    let url = cold.url.clone();
    let probe = async {
        let probed = tokio::task::spawn_blocking(move || ColdStore::open(&cold)?.probe()).await;
        probed.unwrap_or_else(|e| {
            Err(Error::new(Kind::Bug, format!("looking at the cold store broke off: {e}")))
        })
    };
    let answer = lines.ask(TOPIC, "the cold store", probe).await;
    lines.push(match answer {
        Ok(()) => Line::ok(TOPIC, format!("{url} can be listed, written, read and deleted in")),
        Err(error) => Line::of(TOPIC, &error),
    });
}
