//! The composition root of the screen: one loop that owns the model, and everything slow beside it.
//!
//! ```text
//!  terminal ── keys, paste, size ─┐                         ┌─ engine      one thread an export
//!  engine ──── events ────────────┤                         ├─ work        blocking threads: disk, editor
//!  watch ───── hints ─────────────┼─▶ select! ─▶ App ─▶ Effects ─ server  questions on the network
//!  work ────── replies ───────────┤       │                 ├─ journal     the thread of the log
//!  signals, timer ────────────────┘       ▼                 └─ terminal    clipboard, mouse, editor, Ctrl-Z
//!                                   changed? draw, at most every 33 ms; 5 ms after a key
//! ```
//!
//! | file | its part |
//! |---|---|
//! | event_loop | the loop: what came in, into the model; how it ends |
//! | frames | when to draw |
//! | effects | what the model wants done, started |
//! | work | pieces of work away from the loop, each once at a time |
//! | load, feed_commands, maintenance, editor, server | what those pieces do |
//! | feed_watch, lake_watch | what changes in the folders of feeds and in the lake |
//! | journal | the export log, written and followed |
//! | signals | what the system says |
//!
//! The loop never blocks: no file, no socket and no lock is touched in it. When nothing happens it sleeps.

mod editor;
mod effects;
mod event_loop;
mod feed_commands;
mod feed_watch;
mod frames;
mod journal;
mod lake_watch;
mod load;
mod maintenance;
mod server;
mod signals;
mod work;

use chrono::{DateTime, Utc};

use crate::app::{self, Keymap, ThemeName};
use crate::config::Config;
use crate::error::Result;
use crate::export::Engine;
use crate::export::engine;
use crate::headless::Exit;
use crate::ksql::client::Client;
use crate::ui::terminal::{self, Screen};

/// Records of the log that are kept in memory.
const LOG_RECORDS: usize = 10_000;

/// What a screen works with.
pub struct Setup {
    /// Everything that can be set.
    pub config: Config,
    /// The server.
    pub client: Client,
    /// How exports work.
    pub engine: engine::Setup,
    /// Keys.
    pub keymap: Keymap,
    /// Colours.
    pub theme: ThemeName,
    /// No characters beyond ASCII.
    pub ascii: bool,
    /// Whether the mouse is taken.
    pub mouse: bool,
    /// Nothing is changed and nothing is exported.
    pub read_only: bool,
    /// How the program is called in a shell command that leads to this lake.
    pub program: String,
}

/// Shows the screen until the operator or a signal ends it.
///
/// # Errors
/// When there is no terminal, or no thread or signal handler can be had. The terminal is as before in every case.
pub async fn run(setup: Setup) -> Result<Exit> {
    terminal::install_panic_hook();
    let screen = Screen::enter(setup.mouse)?;
    let outcome = event_loop::Runtime::start(setup, screen)?.run().await;
    // The screen is gone by now: what it hid is said.
    for panic in terminal::contained_panics() {
        eprintln!("lakehand: {panic}");
    }
    outcome
}

/// The model before anything is known.
fn first_app(setup: &Setup, size: (u16, u16), now: DateTime<Utc>) -> app::App {
    let config = &setup.config;
    app::App::new(app::Setup {
        size,
        lake: config.paths.lake.clone(),
        lake_absolute: std::path::absolute(&config.paths.lake).unwrap_or_else(|_| config.paths.lake.clone()),
        feeds: config.feed_paths(),
        server: config.server.url.clone(),
        program: setup.program.clone(),
        theme: setup.theme,
        ascii: setup.ascii,
        mouse: setup.mouse,
        read_only: setup.read_only,
        keymap: setup.keymap.clone(),
        health_every: chrono::TimeDelta::from_std(config.screen.health).unwrap_or(chrono::TimeDelta::MAX),
        log_capacity: LOG_RECORDS,
        tiers: tiers(config),
        target_file_bytes: config.export.target_file_bytes,
        ..app::Setup::new(now)
    })
}

/// What the screen must know of the tiers.
fn tiers(config: &Config) -> app::Tiers {
    let cold = &config.tier.cold;
    app::Tiers {
        store: (!cold.url.is_empty()).then(|| cold.url.clone()),
        grace: config.tier.grace,
        hot_cost: config.tier.hot_cost_per_gib_month,
        cold_cost: cold.cost_per_gib_month,
    }
}

/// Starts the engine; its events are the lossless lane.
fn start_engine(setup: engine::Setup) -> (Engine, tokio::sync::mpsc::Receiver<crate::export::Event>) {
    Engine::start(setup)
}
