//! skeleton
use std::time::Duration;

use tokio::sync::mpsc;

use super::Hint;
use crate::error::Result;
use crate::feed::FeedPaths;

/// Watches the two folders until it is dropped.
#[derive(Debug)]
pub struct Watcher {}

#[allow(unused, clippy::all, clippy::pedantic, reason = "skeleton")]
impl Watcher {
    /// Begins to watch; hints go to `hints`. `poll`: look at the folders at `interval` instead of waiting for events.
    pub fn start(paths: &FeedPaths, poll: bool, interval: Duration, hints: mpsc::Sender<Hint>) -> Result<Self> {
        unimplemented!()
    }
}
