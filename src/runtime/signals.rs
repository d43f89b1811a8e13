//! What the system says to the process: end, stop, go on.

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use crate::error::{Error, Kind, Result};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// SIGTERM, SIGHUP, SIGINT: exports stop at the next safe point, then the process ends.
    End,
    /// SIGTSTP: give the terminal back and stop.
    Stop,
    /// SIGCONT: take the terminal again.
    GoOn,
}

/// The signals that the screen listens to.
pub(super) struct Signals {
    terminate: Listener,
    hang_up: Listener,
    interrupt: Listener,
    stop: Listener,
    go_on: Listener,
}

impl Signals {
    pub(super) fn listen() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|e| Error::new(Kind::Io, format!("cannot listen to signals: {e}")).because(e))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            stop: listen(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            go_on: listen(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.hang_up.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Stop,
            _ = self.go_on.recv() => Asked::GoOn,
        }
    }
}
