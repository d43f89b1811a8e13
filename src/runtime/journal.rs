//! The export log: one thread writes what happens here, and reads what it and others wrote.
//!
//! ```text
//! events, records ──▶ append ──▶ export_logs_2025_01.log ──▶ tail ──▶ LogAppended   own lines and those of others
//! LoadLog, LoadMonths ─────────▶ read ───────────────────────────────▶ Log, Months
//! ```
//!
//! That one thread does it all keeps the order: a month that was read ends where the tail goes on. A disk that hangs
//! holds up this thread and never a key.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;

use super::work::Reply;
use crate::app::Message;
use crate::error::{Error, Kind, Result};
use crate::log::{LogFile, Month, Record, Tail, months};

/// How often the file is looked at for lines of other processes.
const LOOK: Duration = Duration::from_secs(1);

enum Ask {
    Write(Record),
    Months,
    Month(Month),
}

/// The handle of the thread. Dropping it ends the thread, when all is written.
pub(super) struct Journal {
    asks: Sender<Ask>,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Starts the thread; `limit`: the most records of a month that are shown.
    pub(super) fn start(dir: &Path, limit: usize, replies: mpsc::Sender<Reply>) -> Result<Self> {
        // Without a bound: it holds what was committed while the disk hung, and then no more commits come.
        let (asks, inbox) = channel();
        let writer =
            Writer { dir: dir.to_owned(), limit, file: None, tail: None, complained: false, replies };
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run(&inbox))
            .map_err(|e| Error::new(Kind::Io, format!("cannot start a thread: {e}")).because(e))?;
        Ok(Self { asks, thread })
    }

    pub(super) fn write(&self, record: Record) {
        self.ask(Ask::Write(record));
    }

    pub(super) fn load_months(&self) {
        self.ask(Ask::Months);
    }

    pub(super) fn load(&self, month: Month) {
        self.ask(Ask::Month(month));
    }

    /// Ends the thread when all is written.
    pub(super) fn finish(self) -> JoinHandle<()> {
        self.thread
    }

    fn ask(&self, ask: Ask) {
        // The thread ends only when this handle is dropped.
        let _ = self.asks.send(ask);
    }
}

struct Writer {
    dir: PathBuf,
    limit: usize,
    file: Option<LogFile>,
    tail: Option<Tail>,
    complained: bool,
    replies: mpsc::Sender<Reply>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Ask>) {
        loop {
            let first = match inbox.recv_timeout(LOOK) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // What waits is written in one go, then looked at once.
            for ask in first.into_iter().chain(std::iter::from_fn(|| inbox.try_recv().ok())) {
                self.answer(ask);
            }
            self.follow();
        }
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Write(record) => self.write(record),
            Ask::Months => match months(&self.dir) {
                Ok(months) => self.tell(Message::Months(months)),
                Err(error) => self.tell(Message::Failed(error)),
            },
            Ask::Month(month) => {
                let limit = self.limit;
                let log = self.tail().read_month(month, limit);
                self.tell(Message::Log { month, log });
            }
        }
    }

    /// What cannot be written is shown all the same, and the trouble is said once.
    fn write(&mut self, record: Record) {
        self.tail();
        let written = match &mut self.file {
            Some(file) => file.write(&record),
            None => LogFile::open(&self.dir).and_then(|file| self.file.insert(file).write(&record)),
        };
        if let Err(error) = written {
            self.tell(Message::LogAppended(vec![record]));
            if !std::mem::replace(&mut self.complained, true) {
                let what = format!("the export log cannot be written, the exports go on: {error}");
                self.tell(Message::Failed(Error::new(error.kind(), what)));
            }
        }
    }

    fn follow(&mut self) {
        let now = Month::of(Utc::now());
        let before = self.tail().month();
        match self.tail().read(now) {
            Ok(records) if !records.is_empty() => {
                self.tell(Message::LogAppended(records));
                if before != now {
                    self.answer(Ask::Months);
                }
            }
            // A log that cannot be read says so where it is opened; the tail tries again.
            _ => {}
        }
    }

    /// The tail begins at the first need, which is before the first own line.
    fn tail(&mut self) -> &mut Tail {
        self.tail.get_or_insert_with(|| Tail::new(&self.dir, Month::of(Utc::now())))
    }

    fn tell(&self, message: Message) {
        // Nobody listens any more when the screen ends.
        let _ = self.replies.blocking_send(message.into());
    }
}
