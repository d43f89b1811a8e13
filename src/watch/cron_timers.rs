//! Whose schedule is due? Pure: the time on the wall is passed in.
//!
//! ```text
//! slots     │   │   │   │   │   │   │
//! awake   ━━━━━━━━━━┥           ┝━━━━━━━
//! runs      ×   ×               ×   ×       what was missed while the machine slept runs once
//! ```
//!
//! A clock that is set back repeats no slot: the next one stays where it was. Set back by more than a day it was wrong
//! before, and the schedules are reckoned anew: a feed must not wait a year because a clock was a year ahead.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::feed::{Feed, Schedule};

/// From this far back on a clock is taken to have been wrong before.
const CORRECTION: TimeDelta = TimeDelta::days(1);

/// The next slot of every feed that has a schedule.
#[derive(Debug, Default)]
pub struct CronTimers {
    slots: BTreeMap<String, Slot>,
    latest: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Slot {
    schedule: Schedule,
    next: Option<DateTime<Utc>>,
}

impl CronTimers {
    /// Takes the schedules of these feeds and forgets all others; a schedule that is the same as before keeps its slot.
    pub fn set<'a>(&mut self, feeds: impl Iterator<Item = &'a Feed>, now: DateTime<Utc>) {
        let latest = self.advance(now);
        let mut before = std::mem::take(&mut self.slots);
        for feed in feeds.filter(|feed| feed.enabled) {
            let Some(schedule) = &feed.schedule else { continue };
            let slot = before.remove(&feed.name).filter(|slot| slot.schedule == *schedule);
            let slot = slot.unwrap_or_else(|| Slot::after(schedule.clone(), latest));
            self.slots.insert(feed.name.clone(), slot);
        }
    }

    /// The feeds whose slot has come, each once; their next slots lie after `now`.
    pub fn due(&mut self, now: DateTime<Utc>) -> Vec<String> {
        self.advance(now);
        let mut due = Vec::new();
        for (feed, slot) in &mut self.slots {
            if slot.next.is_some_and(|next| next <= now) {
                slot.next = slot.schedule.next_after(now);
                due.push(feed.clone());
            }
        }
        due
    }

    /// The first slot to come.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.slots.values().filter_map(|slot| slot.next).min()
    }

    /// The next slot of a feed.
    pub fn next_of(&self, feed: &str) -> Option<DateTime<Utc>> {
        self.slots.get(feed)?.next
    }

    /// Looks at how the clock moved; gives the latest time that was seen.
    fn advance(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        if latest - now <= CORRECTION {
            self.latest = Some(latest);
            return latest;
        }
        for slot in self.slots.values_mut() {
            slot.next = slot.schedule.next_after(now);
        }
        self.latest = Some(now);
        now
    }
}

impl Slot {
    fn after(schedule: Schedule, now: DateTime<Utc>) -> Self {
        let next = schedule.next_after(now);
        Self { schedule, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::parse_feed;
    use proptest::prelude::*;

    fn feed(name: &str, schedule: &str, enabled: bool) -> Feed {
        let text = format!(
            r#"{{"feed_name": "{name}", "feed_type": "stream", "ksqldb_source": "{name}", "schedule": "{schedule}",
                "enabled": {enabled}}}"#
        );
        parse_feed(&text, name).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        format!("2025-01-15T{text}Z").parse().unwrap()
    }

    fn cron_timers(feeds: &[Feed], now: &str) -> CronTimers {
        let mut cron_timers = CronTimers::default();
        cron_timers.set(feeds.iter(), at(now));
        cron_timers
    }

    #[test]
    fn a_slot_runs_once() {
        let mut cron_timers =
            cron_timers(&[feed("a", "every 15m", true), feed("b", "0 2 * * *", true)], "01:50:00");
        assert_eq!(cron_timers.next(), Some(at("02:00:00")));
        assert_eq!(cron_timers.due(at("01:59:59")), [""; 0]);
        assert_eq!(cron_timers.due(at("02:00:00")), ["a", "b"]);
        assert_eq!(cron_timers.due(at("02:00:00")), [""; 0]);
        assert_eq!(cron_timers.due(at("02:15:00.2")), ["a"]);
        assert_eq!(cron_timers.next_of("a"), Some(at("02:30:00")));
    }

    #[test]
    fn what_was_missed_while_asleep_runs_once() {
        let mut cron_timers = cron_timers(&[feed("a", "every 15m", true)], "01:50:00");
        assert_eq!(cron_timers.due(at("09:07:00")), ["a"]);
        assert_eq!(cron_timers.due(at("09:08:00")), [""; 0]);
        assert_eq!(cron_timers.next_of("a"), Some(at("09:15:00")));
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_nothing() {
        let feeds = [feed("a", "every 15m", true)];
        let mut cron_timers = cron_timers(&feeds, "01:50:00");
        assert_eq!(cron_timers.due(at("03:00:00")), ["a"]);
        assert_eq!(cron_timers.due(at("02:00:00")), [""; 0]);
        // Not even when the feed is disabled and enabled in that time.
        cron_timers.set(std::iter::empty(), at("02:01:00"));
        cron_timers.set(feeds.iter(), at("02:02:00"));
        assert_eq!(cron_timers.due(at("02:59:00")), [""; 0]);
        assert_eq!(cron_timers.due(at("03:15:00")), ["a"]);
    }

    #[test]
    fn a_clock_that_was_a_year_ahead_does_not_silence_a_feed_for_a_year() {
        let mut cron_timers = cron_timers(&[feed("a", "every 15m", true)], "01:50:00");
        assert_eq!(cron_timers.due("2026-01-15T00:00:00Z".parse().unwrap()), ["a"]);
        assert_eq!(cron_timers.due(at("02:01:00")), [""; 0]);
        assert_eq!(cron_timers.next_of("a"), Some(at("02:15:00")));
    }

    #[test]
    fn the_same_schedule_keeps_its_slot_and_another_gets_a_new_one() {
        let mut cron_timers =
            cron_timers(&[feed("a", "every 15m", true), feed("b", "every 15m", true)], "01:50:00");
        let feeds = [feed("a", "every 15m", true), feed("b", "every 1h", true), feed("c", "every 1h", false)];
        cron_timers.set(feeds.iter(), at("02:05:00"));
        assert_eq!(cron_timers.next_of("a"), Some(at("02:00:00")), "missed, and still to be run");
        assert_eq!(cron_timers.next_of("b"), Some(at("03:00:00")));
        assert_eq!(cron_timers.next_of("c"), None, "disabled");
        assert_eq!(cron_timers.due(at("02:05:00")), ["a"]);
    }

    proptest! {
        /// However the clock jumps within a day: no slot runs twice, and at the end the next slot is near.
        #[test]
        fn no_slot_twice(jumps in prop::collection::vec(-3_000_i64..4_000, 1..100), minutes in 1_u64..90) {
            let feeds = [feed("a", &format!("every {minutes}m"), true)];
            let every = i64::try_from(minutes).unwrap() * 60;
            let mut now = at("12:00:00");
            let mut cron_timers = CronTimers::default();
            cron_timers.set(feeds.iter(), now);
            let (mut ran, mut latest) = (std::collections::BTreeSet::new(), now);
            for jump in jumps {
                // Together they never go back a day.
                now = (now + TimeDelta::seconds(jump)).max(latest - TimeDelta::hours(20));
                if !cron_timers.due(now).is_empty() {
                    let slot = now.timestamp().div_euclid(every);
                    prop_assert!(ran.insert(slot), "slot {} twice", slot);
                    prop_assert!(now > latest);
                }
                latest = latest.max(now);
                let next = cron_timers.next().unwrap();
                prop_assert!(next > now && next <= latest + TimeDelta::seconds(every));
            }
        }
    }
}
