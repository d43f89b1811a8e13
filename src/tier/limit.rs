//! What all threads of a store share: bandwidth and memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit stands for this many bytes.
const UNIT: u64 = 64 * 1024;

/// Bytes a second, over everything: whoever takes bytes is told how long to wait before they go. Time is passed in.
#[derive(Debug)]
struct Rate {
    bytes_per_second: u64,
    /// When what was taken so far has gone.
    free_at: Option<Instant>,
}

impl Rate {
    fn take(&mut self, now: Instant, bytes: u64) -> Duration {
        if self.bytes_per_second == 0 {
            return Duration::ZERO;
        }
        // Time that nobody used is lost: no burst follows a pause.
        let from = self.free_at.map_or(now, |at| at.max(now));
        self.free_at = Some(from + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64));
        from - now
    }
}

/// The limits of a store.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    rate: Arc<Mutex<Rate>>,
    memory: Arc<Semaphore>,
    memory_units: u32,
}

impl Limits {
    pub(super) fn new(bytes_per_second: u64, memory_bytes: u64) -> Self {
        let units = u32::try_from((memory_bytes / UNIT).max(1)).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4);
        Self {
            rate: Arc::new(Mutex::new(Rate { bytes_per_second, free_at: None })),
            memory: Arc::new(Semaphore::new(units as usize)),
            memory_units: units,
        }
    }

    /// Waits until so many bytes may go over the line.
    pub(super) async fn bandwidth(&self, bytes: u64) {
        let wait = self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), bytes);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes so many bytes of memory if they are free.
    pub(super) fn memory_now(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.memory).try_acquire_many_owned(self.units(bytes)).ok()
    }

    fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.memory_units)
    }

    /// Waits until so many bytes may be held. More than there is at all counts as all there is: one part always goes.
    pub(super) async fn memory(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        // It is never closed, so it is never refused.
        Arc::clone(&self.memory).acquire_many_owned(self.units(bytes)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_at_the_rate_and_pauses_are_not_made_up_for() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut rate = Rate { bytes_per_second: 1000, free_at: None };
        assert_eq!(rate.take(at(0), 500), Duration::ZERO);
        assert_eq!(rate.take(at(0), 500), Duration::from_millis(500));
        assert_eq!(rate.take(at(600), 100), Duration::from_millis(400));
        assert_eq!(rate.take(at(10_000), 1000), Duration::ZERO);
        assert_eq!(rate.take(at(10_000), 1), Duration::from_secs(1));
        let mut free = Rate { bytes_per_second: 0, free_at: None };
        assert_eq!(free.take(at(0), u64::MAX), Duration::ZERO);
    }

    #[test]
    fn no_more_is_held_than_allowed_and_a_large_part_goes_all_the_same() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let limits = Limits::new(0, 4 * UNIT);
            let large = limits.memory(100 * UNIT).await;
            assert_eq!(limits.memory.available_permits(), 0);
            drop(large);
            let (_a, _b) = (limits.memory(UNIT).await, limits.memory(2 * UNIT + 1).await);
            assert_eq!(limits.memory.available_permits(), 0);
        });
    }
}
