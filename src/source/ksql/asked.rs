//! A question to the server on its way: a task that is asked now and then whether it has its answer.

use tokio::runtime::Handle;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};

/// A question on its way.
#[derive(Debug)]
pub(super) struct Asked<T> {
    answer: oneshot::Receiver<Result<T>>,
    task: JoinHandle<()>,
}

impl<T: Send + 'static> Asked<T> {
    pub(super) fn new(handle: &Handle, question: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        let (send, answer) = oneshot::channel();
        let task = handle.spawn(async move {
            // Nobody waiting any more means that the read is over.
            let _ = send.send(question.await);
        });
        Self { answer, task }
    }

    /// The answer, once; `None` while it is on its way.
    pub(super) fn take(&mut self) -> Option<Result<T>> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => {
                Some(Err(Error::new(Kind::Bug, "a question to the server was lost")))
            }
        }
    }
}

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        // A question that never ends must not outlive the read that asked it.
        self.task.abort();
    }
}
