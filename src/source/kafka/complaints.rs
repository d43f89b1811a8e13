//! What the client says of its connections. A question that is not answered fails with "transport failure"; the cause comes
//! apart, with a reason in words.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::client::OAuthToken;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::options::{KafkaOptions, error, is_auth};
use super::token;
use crate::error::{Error, Kind};
use crate::source::Offsets;

/// How often the client is asked for causes, and how long each time.
const LOOKS: usize = 20;
const LOOK: Duration = Duration::from_millis(10);

/// A consumer whose complaints are kept.
pub(super) type Consumer = BaseConsumer<Complaints>;

/// What the client asks and tells beside records.
#[derive(Debug)]
pub(super) struct Complaints {
    /// The last complaint of those that say most.
    last: Mutex<Option<(Code, String)>>,
    options: KafkaOptions,
    /// What became of the last question for a token: none yet, given, or why there is none.
    token: Mutex<Option<Result<(), Error>>>,
    /// The ends of the partitions that are read, where statistics are asked for.
    ends: Mutex<Offsets>,
}

impl ClientContext for Complaints {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut kept = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(known, _)| weight(*known) <= weight(code)) {
            *kept = Some((code, reason.to_owned()));
        }
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, told) in statistics.topics.into_values().flat_map(|topic| topic.partitions) {
            // Below zero: the client does not know yet, or it is its own entry for what has no partition.
            if partition >= 0 && told.hi_offset >= 0 {
                ends.insert(partition, told.hi_offset);
            }
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let (given, state) = match token::current(&self.options) {
            Ok(token) => (Ok(token), Ok(())),
            Err(error) => (Err(error.what().into()), Err(error)),
        };
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        given
    }
}

/// How much a complaint says: that no broker is left follows from each of the others.
fn weight(code: Code) -> u8 {
    match code {
        Code::AllBrokersDown => 0,
        Code::SSL => 2,
        code if is_auth(code) => 3,
        _ => 1,
    }
}

impl ConsumerContext for Complaints {}

impl Complaints {
    /// The ends of the partitions that are read, as the last statistics told them.
    pub(super) fn ends(&self) -> Offsets {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last complaint in words.
    pub(super) fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, reason)| reason.clone())
    }

    fn refused(&self) -> bool {
        self.code().is_some_and(is_auth)
    }

    fn is_about_tls(&self) -> bool {
        self.code() == Some(Code::SSL)
    }

    fn code(&self) -> Option<Code> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(code, _)| *code)
    }
}

/// A consumer for these options. Where a token says who we are, it has one: questions do not wait for it.
pub(super) fn consumer(config: &rdkafka::ClientConfig, options: &KafkaOptions) -> Result<Consumer, Error> {
    let context = Complaints {
        last: Mutex::default(),
        options: options.clone(),
        token: Mutex::default(),
        ends: Mutex::default(),
    };
    let consumer: Consumer =
        config.create_with_context(context).map_err(|e| error("make a Kafka client", e, options))?;
    let begun = Instant::now();
    while options.by_token() {
        // The client's question comes when it is asked what there is.
        drop(consumer.poll(LOOK));
        let told = consumer.context().token.lock().unwrap_or_else(PoisonError::into_inner).take();
        match told {
            Some(given) => return given.map(|()| consumer),
            None if begun.elapsed() < options.connect_timeout => {}
            None => return Err(Error::new(Kind::Bug, "the Kafka client did not ask for its token")),
        }
    }
    Ok(consumer)
}

/// The error of a question that was not answered, with its cause. `doing` completes "cannot …".
pub(super) fn unanswered(doing: &str, e: KafkaError, consumer: &Consumer, options: &KafkaOptions) -> Error {
    let complaints = consumer.context();
    for _ in 0..LOOKS {
        if complaints.refused() {
            break;
        }
        // What comes is a complaint, which the context keeps.
        drop(consumer.poll(LOOK));
    }
    let told = error(doing, e, options);
    match complaints.last() {
        Some(reason) if complaints.refused() => Error::new(Kind::Auth, format!("cannot {doing}: {reason}"))
            .at("brokers", &options.config.brokers)
            .next(super::options::ACCESS)
            .because(told),
        Some(reason) if complaints.is_about_tls() => told.at("cause", reason).next(
            "look at kafka.ca_file and the client certificate, and at the names that the brokers' certificates hold",
        ),
        Some(reason) if told.kind() == Kind::Unreachable => told.at("cause", reason),
        _ => told,
    }
}
