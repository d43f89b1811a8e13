//! What the client says of its connections. A question that is not answered fails with "transport failure"; the cause comes
//! apart, with a reason in words.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::options::{KafkaOptions, error, is_auth};
use crate::error::{Error, Kind};

/// How often the client is asked for causes, and how long each time.
const LOOKS: usize = 20;
const LOOK: Duration = Duration::from_millis(10);

/// A consumer whose complaints are kept.
pub(super) type Consumer = BaseConsumer<Complaints>;

/// The last complaint; one about credentials is not displaced by others.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Option<(Code, String)>>);

impl ClientContext for Complaints {
    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(known, _)| !is_auth(*known)) {
            *kept = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Complaints {}

impl Complaints {
    /// The last complaint in words.
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, reason)| reason.clone())
    }

    fn refused(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|(code, _)| is_auth(*code))
    }
}

/// A consumer for these options.
pub(super) fn consumer(config: &rdkafka::ClientConfig, options: &KafkaOptions) -> Result<Consumer, Error> {
    config.create_with_context(Complaints::default()).map_err(|e| error("make a Kafka client", e, options))
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
        Some(reason) if told.kind() == Kind::Unreachable => told.at("cause", reason),
        _ => told,
    }
}
