//! Which way `"read": "auto"` takes: Kafka, once a comparison has shown that both ways give the same rows, else the queries.
//! Pure: facts in, the way and its reason out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::lake::{CheckOutcome, Holds, SourceCheck};

/// How long a comparison that proved nothing is not made again.
const PATIENCE: TimeDelta = TimeDelta::days(1);

/// What is known when a way is chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// What the brokers and the stream allow.
    pub(super) topic: Topic<'a>,
    /// The last comparison that was made.
    pub(super) kept: Option<&'a SourceCheck>,
    /// Why the comparison of this run was not finished.
    pub(super) failed: Option<&'a str>,
    /// The time.
    pub(super) now: DateTime<Utc>,
}

/// The stream's topic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic<'a> {
    /// Its records cannot be read by this program, and why.
    Unfit(&'a str),
    /// The brokers cannot be asked for it, and why.
    OutOfReach(&'a str),
    /// It can be read; a comparison would hold for this.
    Fits {
        /// What a comparison would hold for.
        holds: &'a Holds,
        /// It has no records.
        is_empty: bool,
    },
}

/// What is done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is done.
    pub way: Auto,
    /// Why, as a clause without a final stop.
    pub why: String,
    /// The operator should know: Kafka was to be had, and is not.
    pub warns: bool,
}

impl Choice {
    /// The same with what another one has to say.
    pub(super) fn and(self, other: &Self) -> Self {
        let why = format!("{}; {}", self.why, other.why);
        Self { way: self.way, why, warns: self.warns || other.warns }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto {
    /// The topic is read.
    Kafka,
    /// ksqlDB is asked.
    Queries,
    /// Both ways are compared first.
    Compare,
}

/// Chooses.
pub(super) fn choose(facts: Facts<'_>) -> Choice {
    let choice = |way, why: String| Choice { way, why, warns: false };
    let (holds, is_empty) = match facts.topic {
        Topic::Unfit(why) => return choice(Auto::Queries, format!("not from Kafka: {why}")),
        Topic::OutOfReach(why) => {
            return Choice { way: Auto::Queries, why: format!("not from Kafka: {why}"), warns: true };
        }
        Topic::Fits { holds, is_empty } => (holds, is_empty),
    };
    if let Some(failed) = facts.failed {
        let why = format!("not from Kafka: the comparison was not finished: {failed}");
        return Choice { way: Auto::Queries, why, warns: true };
    }
    let why_compare = match facts.kept {
        None => "both ways were never compared".to_owned(),
        Some(kept) => {
            let at = kept.at.format("%Y-%m-%d %H:%M:%SZ");
            match (kept.holds_for.changed(holds), kept.outcome) {
                (Some(what), _) => format!("{what} changed since both ways were compared at {at}"),
                (None, CheckOutcome::Equal) => {
                    return choice(Auto::Kafka, format!("compared at {at}: {}", kept.sentence()));
                }
                (None, CheckOutcome::Different) => {
                    return choice(
                        Auto::Queries,
                        format!("not from Kafka: compared at {at}: {}", kept.sentence()),
                    );
                }
                (None, CheckOutcome::Unproved) if !is_over(kept.at, facts.now) => {
                    return choice(
                        Auto::Queries,
                        format!("not from Kafka: compared at {at}: {}", kept.sentence()),
                    );
                }
                (None, CheckOutcome::Unproved) => format!("the comparison of {at} proved nothing"),
            }
        }
    };
    if is_empty {
        return choice(
            Auto::Queries,
            "not from Kafka: the topic is empty, and nothing can be compared".to_owned(),
        );
    }
    choice(Auto::Compare, format!("Kafka is compared with ksqlDB first: {why_compare}"))
}

/// A clock that was set back is no reason to wait.
fn is_over(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    !(TimeDelta::zero()..PATIENCE).contains(&(now - at))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn holds() -> Holds {
        Holds {
            topic: "t".into(),
            cluster: None,
            formats: "KAFKA / JSON".into(),
            schemas: None,
            statement: Holds::hash("CREATE"),
            columns: Holds::hash("A"),
            decoder: 1,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn kept(outcome: CheckOutcome) -> SourceCheck {
        SourceCheck {
            at: at("2025-01-15T10:00:00Z"),
            ways: ["kafka".into(), "ksqldb".into()],
            outcome,
            why: None,
            seed: 1,
            ranges: Vec::new(),
            rows: 900,
            known: BTreeMap::new(),
            differences: u64::from(outcome == CheckOutcome::Different),
            first: Vec::new(),
            holds_for: holds(),
        }
    }

    fn of(topic: Topic<'_>, kept: Option<&SourceCheck>, failed: Option<&str>, now: &str) -> Choice {
        choose(Facts { topic, kept, failed, now: at(now) })
    }

    const SOON: &str = "2025-01-15T12:00:00Z";

    #[test]
    fn kafka_is_read_only_while_a_comparison_holds() {
        let (now, other) = (holds(), Holds { columns: Holds::hash("A, B"), ..holds() });
        let fits = Topic::Fits { holds: &now, is_empty: false };
        let changed = Topic::Fits { holds: &other, is_empty: false };
        let equal = kept(CheckOutcome::Equal);
        let choice = of(fits, Some(&equal), None, "2026-01-15T10:00:00Z");
        assert_eq!(choice.way, Auto::Kafka, "however long ago it was");
        assert_eq!(
            choice.why,
            "compared at 2025-01-15 10:00:00Z: 900 rows in 0 ranges are the same both ways"
        );
        let choice = of(changed, Some(&equal), None, SOON);
        assert_eq!(choice.way, Auto::Compare);
        assert!(choice.why.contains("the columns changed since"), "{}", choice.why);
        assert_eq!(of(fits, None, None, SOON).way, Auto::Compare);
    }

    #[test]
    fn a_difference_stays_with_the_queries_until_the_stream_is_another_one() {
        let (now, other) = (holds(), Holds { decoder: 2, ..holds() });
        let different = kept(CheckOutcome::Different);
        let fits = Topic::Fits { holds: &now, is_empty: false };
        let choice = of(fits, Some(&different), None, "2026-01-15T10:00:00Z");
        assert_eq!((choice.way, choice.warns), (Auto::Queries, false));
        assert!(choice.why.contains("1 differences in 900 rows"), "{}", choice.why);
        let changed = Topic::Fits { holds: &other, is_empty: false };
        assert_eq!(of(changed, Some(&different), None, SOON).way, Auto::Compare);
    }

    #[test]
    fn what_proved_nothing_is_tried_again_after_a_day() {
        let now = holds();
        let fits = Topic::Fits { holds: &now, is_empty: false };
        let unproved = kept(CheckOutcome::Unproved);
        assert_eq!(of(fits, Some(&unproved), None, SOON).way, Auto::Queries);
        assert_eq!(of(fits, Some(&unproved), None, "2025-01-16T10:00:00Z").way, Auto::Compare);
        assert_eq!(of(fits, Some(&unproved), None, "2025-01-15T09:00:00Z").way, Auto::Compare);
        let failed = of(fits, None, Some("the server broke off"), SOON);
        assert_eq!((failed.way, failed.warns), (Auto::Queries, true));
        assert!(failed.why.ends_with("the server broke off"), "{}", failed.why);
    }

    #[test]
    fn without_a_topic_that_can_be_read_the_queries_are_asked() {
        let now = holds();
        let equal = kept(CheckOutcome::Equal);
        let unfit = of(Topic::Unfit("values of the format AVRO"), Some(&equal), None, SOON);
        assert_eq!((unfit.way, unfit.warns), (Auto::Queries, false));
        let away = of(Topic::OutOfReach("nobody answers"), Some(&equal), None, SOON);
        assert_eq!((away.way, away.warns), (Auto::Queries, true));
        assert_eq!(away.why, "not from Kafka: nobody answers");
        let empty = Topic::Fits { holds: &now, is_empty: true };
        assert_eq!(of(empty, None, None, SOON).way, Auto::Queries);
        assert_eq!(of(empty, Some(&equal), None, SOON).way, Auto::Kafka);
    }
}
