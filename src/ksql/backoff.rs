//! How long to wait before trying again: exponential with full jitter. Pure: the random number is passed in.

use std::time::Duration;

/// The wait before attempt `attempt + 1` (the first failure is attempt 0).
///
/// Without a word from the server it is `random` (0 to 1) times `base * 2^attempt`, at most `max`. When the server
/// named a wait (`Retry-After`), it is that wait and a little jitter on top, so that many feeds do not come back at once.
pub fn backoff(
    attempt: u32,
    base: Duration,
    max: Duration,
    random: f64,
    retry_after: Option<Duration>,
) -> Duration {
    let random = if random.is_finite() { random.clamp(0.0, 1.0) } else { 1.0 };
    if let Some(wait) = retry_after {
        return wait.saturating_add(base.min(max).mul_f64(random));
    }
    let ceiling =
        2u32.checked_pow(attempt).and_then(|factor| base.checked_mul(factor)).unwrap_or(max).min(max);
    ceiling.mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(60);

    #[test]
    fn the_ceiling_doubles_and_stops_at_the_maximum() {
        let ceilings: Vec<_> = [0, 1, 2, 6, 7, 31, 32, u32::MAX]
            .into_iter()
            .map(|attempt| backoff(attempt, BASE, MAX, 1.0, None).as_millis())
            .collect();
        assert_eq!(ceilings, [500, 1000, 2000, 32000, 60000, 60000, 60000, 60000]);
    }

    #[test]
    fn jitter_covers_the_whole_range() {
        assert_eq!(backoff(3, BASE, MAX, 0.0, None), Duration::ZERO);
        assert_eq!(backoff(3, BASE, MAX, 0.5, None), Duration::from_secs(2));
        assert_eq!(backoff(3, BASE, MAX, f64::NAN, None), Duration::from_secs(4));
    }

    #[test]
    fn the_servers_own_wait_is_the_least() {
        let asked = Some(Duration::from_secs(90));
        assert_eq!(backoff(0, BASE, MAX, 0.0, asked), Duration::from_secs(90));
        assert_eq!(backoff(0, BASE, MAX, 1.0, asked), Duration::from_millis(90_500));
    }
}
