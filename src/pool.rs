//! Threads that all exports share, for decoding and for encoding.
//!
//! ```text
//! submit ─▶ ready tasks ─▶ workers, and whoever waits in `work_until`
//! ```
//!
//! A pool of one has no workers: its tasks run on the thread that waits for them, in their order. Work that is done once
//! and brings a result is a closure (`run`); work that goes on, a [`Task`]. It knows nothing of what either does.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A piece of work. It must not panic: a thread would be lost to the others.
pub trait Task: Send + Sync {
    /// Does it.
    fn run(&self);
}

/// Threads and the tasks that wait for them.
pub struct Pool {
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
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let worker = |n: usize| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("work {n}")).spawn(move || shared.work())
        };
        // A thread that the system refuses is one less; the waiting thread does the work then.
        let workers = (1..threads).map_while(|n| worker(n).ok()).collect();
        Self { shared, workers }
    }

    /// Whether other threads work too.
    pub fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Hands a task over.
    pub fn submit(&self, task: Arc<dyn Task>) {
        self.shared.lock().tasks.push_back(task);
        self.shared.ready.notify_one();
    }

    /// Hands work over that is done once.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Promise<T> {
        let slot = Arc::new(Slot(Mutex::new(Stage::Waits(Box::new(work)))));
        self.submit(Arc::clone(&slot) as Arc<dyn Task>);
        Promise(slot)
    }

    /// Works until the condition holds; it is asked again after every task.
    pub fn work_until(&self, mut holds: impl FnMut() -> bool) {
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

/// What work that was handed over will bring.
pub struct Promise<T>(Arc<Slot<T>>);

impl<T: Send + 'static> Promise<T> {
    /// Whether the result is there.
    pub fn is_ready(&self) -> bool {
        matches!(*self.0.lock(), Stage::Over(_))
    }

    /// Works in the pool until the result is there; `None` when the work panicked.
    pub fn wait(self, pool: &Pool) -> Option<T> {
        let mut brought = None;
        pool.work_until(|| {
            let mut stage = self.0.lock();
            if !matches!(*stage, Stage::Over(_)) {
                return false;
            }
            if let Stage::Over(result) = std::mem::replace(&mut *stage, Stage::Busy) {
                brought = result;
            }
            true
        });
        brought
    }
}

struct Slot<T>(Mutex<Stage<T>>);

enum Stage<T> {
    Waits(Box<dyn FnOnce() -> T + Send>),
    Busy,
    /// `None`: it panicked.
    Over(Option<T>),
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, Stage<T>> {
        // It is only ever replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Task for Slot<T> {
    fn run(&self) {
        let Stage::Waits(work) = std::mem::replace(&mut *self.lock(), Stage::Busy) else { return };
        let result = catch_unwind(AssertUnwindSafe(work)).ok();
        *self.lock() = Stage::Over(result);
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
    fn work_brings_its_result_and_a_panic_none() {
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            let mut promises: Vec<_> = (0..50).map(|n| pool.run(move || n * 2)).collect();
            let broken = pool.run(|| assert!(std::env::args().count() == usize::MAX, "as it should"));
            assert_eq!(promises.pop().unwrap().wait(&pool), Some(98));
            assert_eq!(broken.wait(&pool), None);
            let all: Vec<_> = promises.into_iter().map(|promise| promise.wait(&pool)).collect();
            assert_eq!(all, (0..49).map(|n| Some(n * 2)).collect::<Vec<_>>());
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
