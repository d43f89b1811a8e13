//! Work away from the loop: each piece runs on its own and answers with replies, so that no disk and no server can hold
//! up a key.
//!
//! Asking again for what is under way does not queue a second one: it runs once more when it is done, and the last answer
//! wins.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;

use tokio::sync::mpsc;

use super::feed_watch::Started;
use super::lake_watch::LakeWatch;
use crate::app::Message;
use crate::error::Result;
use crate::feed::{Catalog, Problem};
use crate::log::Record;
use crate::ui::terminal::contained;

/// What came of a piece of work.
pub(super) enum Reply {
    /// For the model.
    Message(Box<Message>),
    /// The folders of feeds, as the model wanted them.
    Catalog(Result<Catalog>),
    /// The folders of feeds, as the watch wanted them.
    Looked(Result<Catalog>),
    /// The watch over the feeds begins.
    Watching(Box<Started>),
    /// The look at the lake is over; its memory comes back.
    Lake(LakeWatch),
    /// The editor was left: what is wrong with the file now.
    EditorClosed(PathBuf, Result<Vec<Problem>>),
    /// A line for the log.
    Note(Record),
    /// Files of feeds were changed.
    FeedsChanged,
    /// This job is over.
    Over(Job),
}

impl From<Message> for Reply {
    fn from(message: Message) -> Self {
        Self::Message(Box::new(message))
    }
}

/// Work that is worth doing once at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Job {
    Catalog,
    Dataset(String),
    Days(String),
    History(String),
    Health,
    Sources,
    Plan(String),
}

/// What a piece of work says its replies to.
#[derive(Clone)]
pub(super) struct Teller(mpsc::Sender<Reply>);

impl Teller {
    /// From a thread that may block.
    pub(super) fn say(&self, reply: impl Into<Reply>) {
        // Nobody listens any more when the screen ends.
        let _ = self.0.blocking_send(reply.into());
    }

    async fn tell(&self, reply: impl Into<Reply>) {
        let _ = self.0.send(reply.into()).await;
    }
}

/// Starts work and keeps what is under way.
pub(super) struct Work {
    teller: Teller,
    /// Under way, and whether it was asked for again.
    jobs: HashMap<Job, bool>,
}

impl Work {
    pub(super) fn new(replies: mpsc::Sender<Reply>) -> Self {
        Self { teller: Teller(replies), jobs: HashMap::new() }
    }

    /// Notes that a job is asked for; `true`: it is to be started now.
    pub(super) fn begin(&mut self, job: &Job) -> bool {
        match self.jobs.get_mut(job) {
            Some(again) => {
                *again = true;
                false
            }
            None => self.jobs.insert(job.clone(), false).is_none(),
        }
    }

    /// Whether a job is not under way.
    pub(super) fn is_idle(&self, job: &Job) -> bool {
        !self.jobs.contains_key(job)
    }

    /// Notes that a job is over; `true`: it is to be started once more.
    pub(super) fn end(&mut self, job: &Job) -> bool {
        self.jobs.remove(job).unwrap_or(false)
    }

    /// Runs what blocks on a thread that may. A panic in it is told as a failure.
    pub(super) fn block(&self, job: Option<Job>, work: impl FnOnce(&Teller) + Send + 'static) {
        let teller = self.teller.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = contained(|| work(&teller)) {
                teller.say(Message::Failed(error));
            }
            if let Some(job) = job {
                teller.say(Reply::Over(job));
            }
        });
    }

    /// Asks the server.
    pub(super) fn ask(&self, job: Option<Job>, question: impl Future<Output = Message> + Send + 'static) {
        let teller = self.teller.clone();
        tokio::spawn(async move {
            teller.tell(question.await).await;
            if let Some(job) = job {
                teller.tell(Reply::Over(job)).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_runs_once_more_at_most() {
        let mut work = Work::new(mpsc::channel(1).0);
        assert!(work.begin(&Job::Catalog));
        assert!(!work.begin(&Job::Catalog) && !work.begin(&Job::Catalog));
        assert!(work.begin(&Job::Dataset("a".into())));
        assert!(work.end(&Job::Catalog));
        assert!(work.begin(&Job::Catalog));
        assert!(!work.end(&Job::Catalog));
    }
}
