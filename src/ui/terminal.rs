//! The terminal: the only place that writes escape codes and changes modes, and that puts everything back.
//!
//! ```text
//!            enter                         leave (on every path: drop, panic, signal, suspend, editor)
//! cooked ───────────▶ raw mode            ───────────▶ cooked
//!                     alternate screen                 main screen, its text as it was
//!                     bracketed paste                  off
//!                     focus events                     off
//!                     mouse, when asked                off
//!                     cursor hidden                    shown
//! ```
//!
//! What is on is kept in one process-wide place, because a panic in any thread must be able to put it back before its
//! message is printed. It knows nothing of what is drawn.

use std::cell::Cell;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
pub use crossterm::event::Event as TerminalEvent;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, EventStream,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use futures_core::Stream;
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use rustix::process::{self, Signal};

use crate::error::{Error, Kind, Result};

/// Whether the modes are on. Whoever turns it off is the one who puts them back.
static ON: AtomicBool = AtomicBool::new(false);
/// Panics that were contained: said when the terminal is back, because the screen would hide them.
static CONTAINED: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    /// Set while a thread runs something whose panic is caught and answered by its caller.
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Threads of these names end in a caught panic: the engine makes it the failure of one feed.
const CONTAINED_THREADS: &str = "export ";

/// The exit code of a panic, as Rust has it.
const PANICKED: i32 = 101;

/// The most text that is put into the clipboard; terminals drop longer sequences.
const CLIPBOARD_CAP: usize = 74_000;

/// The terminal while the program has it. Dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    events: Option<EventStream>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// [`Kind::Usage`] when there is none, [`Kind::Io`] when it refuses.
    pub fn enter(mouse: bool) -> Result<Self> {
        if !is_terminal() {
            return Err(Error::new(Kind::Usage, "the screen needs a terminal").next(
                "without one, `lakehand watch` follows the feeds and `lakehand export --all` exports them",
            ));
        }
        switch_on(mouse).map_err(refused)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(64 << 10, io::stdout()));
        let terminal = Terminal::new(backend).map_err(|e| {
            restore();
            refused(e)
        })?;
        Ok(Self { terminal, events: Some(EventStream::new()), mouse })
    }

    /// Draws one frame; only cells that changed are written, and the terminal shows them at once.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        let frame = || -> io::Result<()> {
            queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
            self.terminal.draw(draw)?;
            execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
        };
        frame().map_err(refused)
    }

    /// Forgets what the terminal shows: the next frame is written whole.
    pub fn redraw(&mut self) {
        // Not `Terminal::clear`: it asks where the cursor is, and waits for an answer that the keys' reader takes.
        // Only a terminal that is gone refuses, and then the next draw says so.
        let area = ratatui::layout::Rect::from((
            ratatui::layout::Position::ORIGIN,
            self.terminal.size().unwrap_or_default(),
        ));
        let _ = self.terminal.resize(area);
    }

    /// The next key, paste, click, focus or size; `None` when the terminal is gone. Pending while somebody else has it.
    pub async fn event(&mut self) -> Option<io::Result<TerminalEvent>> {
        match &mut self.events {
            Some(events) => std::future::poll_fn(|cx| Pin::new(&mut *events).poll_next(cx)).await,
            None => std::future::pending().await,
        }
    }

    /// Whether the program has the terminal now.
    pub fn is_on(&self) -> bool {
        self.events.is_some()
    }

    /// Gives the terminal away, for an editor or the shell. Keys are left to whoever has it.
    pub fn leave(&mut self) {
        self.events = None;
        restore();
        // Dropping the stream woke its reader. Where none was waiting the wake-up stays, and crossterm would take it for
        // the first event after `retake` and drop a key that came with it.
        let _ = crossterm::event::poll(Duration::ZERO);
    }

    /// Takes the terminal back, whatever was done to it; the next frame is written whole.
    pub fn retake(&mut self) -> Result<()> {
        switch_on(self.mouse).map_err(refused)?;
        if self.events.is_none() {
            self.events = Some(EventStream::new());
        }
        self.redraw();
        Ok(())
    }

    /// Stops the process as Ctrl-Z does, with the terminal given back, and returns when it is continued. `false`: there is
    /// no shell that could continue it, and nothing was done.
    pub fn suspend(&mut self) -> Result<bool> {
        if !has_job_control() {
            return Ok(false);
        }
        self.leave();
        // The signal handler of SIGTSTP is ours, so that it is SIGSTOP that stops. The whole group, as the terminal does
        // it: a wrapper that waits for us is stopped too, and the shell sees its job stop.
        let stopped = process::kill_current_process_group(Signal::STOP);
        self.retake()?;
        stopped.map_err(|e| Error::new(Kind::Io, format!("cannot stop: {e}")).because(e))?;
        Ok(true)
    }

    /// Takes the mouse or leaves it to the terminal.
    pub fn set_mouse(&mut self, on: bool) {
        self.mouse = on;
        if self.is_on() {
            let out = self.terminal.backend_mut();
            let _ = if on { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) };
        }
    }

    /// Puts text into the clipboard of the terminal, on whichever machine that runs (OSC 52). `false`: it is too long.
    pub fn copy(&mut self, text: &str) -> bool {
        if text.len() > CLIPBOARD_CAP {
            return false;
        }
        let code = format!("\x1b]52;c;{}\x07", base64::engine::general_purpose::STANDARD.encode(text));
        self.send(&code)
    }

    /// Tells the operator who looks elsewhere: a desktop notification where the terminal has them (OSC 9, OSC 777), and
    /// the bell.
    pub fn notify(&mut self, title: &str, body: &str) {
        self.send(&notification(title, body));
        self.bell();
    }

    /// Rings.
    pub fn bell(&mut self) {
        self.write("\x07");
    }

    /// Columns and lines of the terminal.
    pub fn size(&self) -> (u16, u16) {
        self.terminal.size().map_or((80, 24), |size| (size.width, size.height))
    }

    /// Sends a code to the outermost terminal.
    fn send(&mut self, code: &str) -> bool {
        let code = if std::env::var_os("TMUX").is_some() { through_tmux(code) } else { code.to_owned() };
        self.write(&code)
    }

    fn write(&mut self, code: &str) -> bool {
        let is_on = self.is_on();
        let out = self.terminal.backend_mut();
        is_on && out.write_all(code.as_bytes()).and_then(|()| io::Write::flush(out)).is_ok()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whether keys and screen are a terminal.
pub fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// From now on a panic in any thread first gives the terminal back, then prints its message, then ends the process: a
/// program that lost a part must not draw on. A contained panic is kept for [`contained_panics`] instead.
pub fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        if IS_CONTAINED.get() || name.starts_with(CONTAINED_THREADS) {
            let message = crate::log::escape_controls(&format!("thread {name}: {info}")).into_owned();
            CONTAINED.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            return;
        }
        restore();
        before(info);
        std::process::exit(PANICKED);
    }));
}

/// Runs `work`; a panic in it is an error and leaves the screen as it is.
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T> {
    let outer = IS_CONTAINED.replace(true);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    IS_CONTAINED.set(outer);
    done.map_err(|_| {
        Error::new(Kind::Bug, "this work panicked").next("please report it with the lines printed at the end")
    })
}

/// The contained panics so far; they are given once.
pub fn contained_panics() -> Vec<String> {
    std::mem::take(&mut CONTAINED.lock().unwrap_or_else(PoisonError::into_inner))
}

fn switch_on(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    ON.store(true, SeqCst);
    let mut out = io::stdout().lock();
    let mut switch = || -> io::Result<()> {
        execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
        if mouse { execute!(out, EnableMouseCapture) } else { Ok(()) }
    };
    switch().inspect_err(|_| restore())
}

/// Puts everything back; does nothing when it is back already. Errors are those of a terminal that is gone.
fn restore() {
    if !ON.swap(false, SeqCst) {
        return;
    }
    // Not through the lock of the standard output: the thread that holds it may be the one that panics.
    let mut codes = Vec::new();
    let _ = execute!(
        codes,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        ResetColor,
        LeaveAlternateScreen,
        cursor::Show
    );
    let mut rest = codes.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), rest) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            Err(e) if e == rustix::io::Errno::INTR => {}
            _ => break,
        }
    }
    let _ = disable_raw_mode();
}

/// Stops this process and no other of its group: whoever has the terminal sees to the others.
pub fn stop_alone() {
    // A process may always stop itself.
    let _ = process::kill_process(process::getpid(), Signal::STOP);
}

/// Whether a shell with job control runs us: it gives every job a process group of its own.
fn has_job_control() -> bool {
    let leader = process::getsid(None).and_then(|session| process::getpgid(Some(session)));
    leader.is_ok_and(|group| group != process::getpgrp())
}

fn refused(e: io::Error) -> Error {
    Error::new(Kind::Io, format!("the terminal refused: {e}")).because(e)
}

/// Wrapped so that tmux hands it on to the terminal that it runs in.
fn through_tmux(code: &str) -> String {
    format!("\x1bPtmux;{}\x1b\\", code.replace('\x1b', "\x1b\x1b"))
}

/// For iTerm2, kitty, WezTerm, Windows Terminal (9), and for urxvt, foot, ghostty (777).
fn notification(title: &str, body: &str) -> String {
    let (title, body) = (plain(title), plain(body));
    format!("\x1b]9;{title}: {body}\x07\x1b]777;notify;{};{body}\x07", title.replace(';', ","))
}

/// One line without anything that a terminal could take for a code.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_leave_its_code() {
        let code = notification("lake;hand", "feed \x1b]0;x\x07 failed");
        assert_eq!(
            code,
            "\x1b]9;lake;hand: feed ]0;x failed\x07\x1b]777;notify;lake,hand;feed ]0;x failed\x07"
        );
        assert_eq!(through_tmux("\x1b]52;c;YQ==\x07"), "\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\");
    }

    #[test]
    fn a_contained_panic_is_an_error() {
        assert_eq!(contained(|| 7).unwrap(), 7);
        let error = contained(|| assert!(IS_CONTAINED.get() && std::hint::black_box(false))).unwrap_err();
        assert_eq!(error.kind(), Kind::Bug);
        assert!(!IS_CONTAINED.get());
    }
}
