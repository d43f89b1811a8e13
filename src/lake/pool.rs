//! Threads that several writers share.
//!
//! ```text
//! submit ─▶ ready tasks ─▶ workers, and whoever waits in `work_until`
//! ```
//!
//! A pool of one has no workers: its tasks run on the thread that waits for them, in their order. It knows nothing of
//! what the tasks do.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A piece of work. It must not panic: a thread would be lost to the others.
pub(crate) trait Task: Send + Sync {
    fn run(&self);
}

/// Threads and the tasks that wait for them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A task has come, or the end.
    ready: Condvar,
    /// A task has been done.
    done: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Arc<dyn Task>>,
    over: bool,
}

impl Pool {
    /// For `threads` threads in all, the one that waits included.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let worker = |n: usize| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("encode {n}")).spawn(move || shared.work())
        };
        // A thread that the system refuses is one less; the waiting thread does the work then.
        let workers = (1..threads).map_while(|n| worker(n).ok()).collect();
        Self { shared, workers }
    }

    /// Whether other threads work too.
    pub(crate) fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Hands a task over.
    pub(crate) fn submit(&self, task: Arc<dyn Task>) {
        self.shared.lock().tasks.push_back(task);
        self.shared.ready.notify_one();
    }

    /// Works until the condition holds; it is asked again after every task.
    pub(crate) fn work_until(&self, mut holds: impl FnMut() -> bool) {
        let mut queue = self.shared.lock();
        while !holds() {
            if let Some(task) = queue.tasks.pop_front() {
                drop(queue);
                task.run();
                queue = self.shared.lock();
                self.shared.done.notify_all();
            } else {
                queue = self.shared.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // What is behind the lock is whole at every moment.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(task) = queue.tasks.pop_front() {
                drop(queue);
                task.run();
                queue = self.lock();
                self.done.notify_all();
            } else if queue.over {
                return;
            } else {
                queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.ready.notify_all();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Count(AtomicUsize);

    impl Task for Count {
        fn run(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn every_task_is_done_once_with_any_number_of_threads() {
        for threads in 0..5 {
            let pool = Pool::new(threads);
            let count = Arc::new(Count(AtomicUsize::new(0)));
            for n in [1, 100] {
                let before = count.0.load(Ordering::SeqCst);
                for _ in 0..n {
                    pool.submit(count.clone());
                }
                pool.work_until(|| count.0.load(Ordering::SeqCst) == before + n);
            }
            assert_eq!(count.0.load(Ordering::SeqCst), 101);
        }
    }

    #[test]
    fn two_wait_for_each_others_work() {
        let pool = Pool::new(1);
        let counts = [(); 2].map(|()| Arc::new(Count(AtomicUsize::new(0))));
        std::thread::scope(|scope| {
            for count in &counts {
                scope.spawn(|| {
                    for n in 1..200 {
                        pool.submit(count.clone());
                        pool.work_until(|| count.0.load(Ordering::SeqCst) >= n);
                    }
                });
            }
        });
        assert!(counts.iter().all(|count| count.0.load(Ordering::SeqCst) == 199));
    }
}
