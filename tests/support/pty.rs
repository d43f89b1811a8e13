//! The real binary in a pseudo terminal, and a terminal emulator that understands what it writes.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a condition may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the terminal shows, and every byte that came.
pub struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    is_over: bool,
}

/// A program in a terminal.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    modes_before: String,
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

impl Pty {
    /// Starts `command` in a terminal of this size, columns first.
    pub fn start(command: &std::process::Command, size: (u16, u16), env: &[(&str, &str)]) -> Self {
        let (cols, rows) = size;
        let pair =
            native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        for name in ["TMUX", "RUST_BACKTRACE", "NO_COLOR", "VISUAL", "EDITOR"] {
            builder.env_remove(name);
        }
        for (name, value) in env {
            builder.env(name, value);
        }
        let modes_before = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(builder).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let parser = vt100::Parser::new(cells(rows), cells(cols), 0);
        let shown =
            Arc::new((Mutex::new(Shown { parser, bytes: Vec::new(), is_over: false }), Condvar::new()));
        let there = Arc::clone(&shown);
        // The slave stays open here, so that the modes can be asked for when the program is gone.
        std::thread::spawn(move || {
            let _slave = pair.slave;
            let mut buffer = [0; 16 << 10];
            loop {
                let n = reader.read(&mut buffer).unwrap_or(0);
                let mut shown = there.0.lock().unwrap();
                shown.is_over |= n == 0;
                shown.parser.process(&buffer[..n]);
                shown.bytes.extend_from_slice(&buffer[..n]);
                there.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self { master: pair.master, writer, child, shown, modes_before }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.0.lock().unwrap()
    }

    /// Types.
    pub fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits until the screen satisfies a condition; gives how long it took.
    #[track_caller]
    pub fn wait(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) -> Duration {
        let begun = Instant::now();
        let mut shown = self.lock();
        while !condition(shown.parser.screen()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(
                !left.is_zero() && !shown.is_over,
                "waited in vain: {what}\n{}",
                shown.parser.screen().contents()
            );
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
        begun.elapsed()
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn see(&self, text: &str) -> Duration {
        self.wait(text, |screen| screen.contents().contains(text))
    }

    /// Waits for bytes that a terminal acts on without showing them.
    #[track_caller]
    pub fn get(&self, what: &str, wanted: &[u8]) {
        let begun = Instant::now();
        let mut shown = self.lock();
        while !shown.bytes.windows(wanted.len()).any(|at| at == wanted) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero() && !shown.is_over, "waited in vain: {what}");
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// What is shown now.
    pub fn contents(&self) -> String {
        self.lock().parser.screen().contents()
    }

    /// Gives the terminal another size.
    pub fn resize(&self, (cols, rows): (u16, u16)) {
        self.lock().parser.screen_mut().set_size(cells(rows), cells(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// The process of the program.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits until the program has ended; its exit code.
    #[track_caller]
    pub fn ended(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Insists that the terminal is as it was before.
    #[track_caller]
    pub fn assert_restored(&self) {
        self.wait("the codes that restore", |screen| !screen.alternate_screen());
        let shown = self.lock();
        let screen = shown.parser.screen();
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "pastes are bracketed");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let last = |code: &[u8]| shown.bytes.windows(code.len()).rposition(|at| at == code);
        assert!(last(b"\x1b[?1004l") > last(b"\x1b[?1004h"), "focus is reported");
        let modes = format!("{:?}", self.master.get_termios().unwrap());
        assert_eq!(modes, self.modes_before, "the modes of the line differ");
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A test that failed leaves no process behind; one that has ended refuses.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
