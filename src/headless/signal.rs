//! SIGINT and SIGTERM: the first asks for a clean end, the second ends at once.

use super::Exit;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};

/// Requests to end that came from outside.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .map_err(|e| Error::new(Kind::Io, format!("cannot listen to signals: {e}")).because(e))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What SIGINT and SIGTERM cancel, for work that blocks the main thread. A second signal ends the process at once.
///
/// # Errors
/// [`Kind::Io`]: signals cannot be listened to.
pub(crate) fn cancel_on_signal() -> Result<Cancel> {
    let failed =
        |e: std::io::Error| Error::new(Kind::Io, format!("cannot listen to signals: {e}")).because(e);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    let cancel = Cancel::new();
    let asked = cancel.clone();
    let listen = move || {
        runtime.block_on(async move {
            signals.next().await;
            eprintln!("stopping at the next safe point; once more ends at once");
            asked.cancel();
            signals.next().await;
            std::process::exit(i32::from(Exit::Interrupted.code()));
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(failed)?;
    Ok(cancel)
}
