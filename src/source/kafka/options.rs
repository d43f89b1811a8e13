//! Settings become the configuration of the client.

use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::kafka::{Isolation, Mechanism, Security};
use crate::config::{KafkaConfig, read_secret};
use crate::error::{Error, Kind, Result};

/// How brokers are reached, and what is read from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// Brokers, security and properties.
    pub config: KafkaConfig,
    /// How long a connection, and an answer to a question about a topic, may take.
    pub connect_timeout: Duration,
    /// The largest record, in bytes.
    pub max_record_bytes: usize,
    /// Where the secrets come from that may change while the program runs.
    pub secrets: SecretFiles,
    /// How long a read with an end may be without a record.
    pub inactivity: Duration,
}

/// The files of secrets; none where one came from the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFiles {
    /// That of the password.
    pub password: Option<PathBuf>,
    /// That of the token.
    pub token: Option<PathBuf>,
}

/// Whether this build speaks TLS, SCRAM and OAUTHBEARER with brokers: the feature `kafka-tls`.
pub fn has_tls() -> bool {
    cfg!(feature = "kafka-tls")
}

/// As librdkafka spells it.
fn protocol(security: Security) -> &'static str {
    match security {
        Security::Plaintext => "plaintext",
        Security::Tls => "ssl",
        Security::SaslPlaintext => "sasl_plaintext",
        Security::SaslTls => "sasl_ssl",
    }
}

fn mechanism(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Plain => "PLAIN",
        Mechanism::ScramSha256 => "SCRAM-SHA-256",
        Mechanism::ScramSha512 => "SCRAM-SHA-512",
        Mechanism::OauthBearer => "OAUTHBEARER",
    }
}

impl KafkaOptions {
    /// What belongs together, and what this build can do.
    pub(super) fn check(&self) -> Result<()> {
        let KafkaConfig { security, mechanism, .. } = self.config;
        let needs_openssl = security.has_sasl() && mechanism != Mechanism::Plain;
        if (security.is_encrypted() || needs_openssl) && !has_tls() {
            return Err(Error::new(
                Kind::Config,
                "this build speaks neither TLS nor SCRAM nor OAUTHBEARER with Kafka brokers, as it has no OpenSSL",
            )
            .next("build lakehand with `--features kafka-tls`, or read the feeds through ksqlDB"));
        }
        Ok(())
    }

    /// Whether a token says who we are.
    pub(super) fn by_token(&self) -> bool {
        self.config.security.has_sasl() && self.config.mechanism == Mechanism::OauthBearer
    }

    /// The client's configuration; `check` has been passed.
    pub(super) fn client(&self) -> ClientConfig {
        let kafka = &self.config;
        let mut config = ClientConfig::new();
        config.set("client.id", "lakehand");
        for (name, value) in &kafka.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &kafka.brokers);
        config.set("security.protocol", protocol(kafka.security));
        if kafka.security.has_sasl() {
            config.set("sasl.mechanisms", mechanism(kafka.mechanism));
            if !self.by_token() {
                // The file may have another password by now.
                let fresh = self.secrets.password.as_deref().and_then(|file| read_secret(file).ok());
                let password = fresh.as_ref().or(kafka.password.as_ref());
                config.set("sasl.username", kafka.username.as_deref().unwrap_or_default());
                config.set("sasl.password", password.map_or("", |secret| secret.expose()));
            }
        }
        for (name, path) in [
            ("ssl.ca.location", &kafka.ca_file),
            ("ssl.certificate.location", &kafka.client_cert_file),
            ("ssl.key.location", &kafka.client_key_file),
        ] {
            if let Some(path) = path {
                config.set(name, path.to_string_lossy());
            }
        }
        // The client's own floor is one second.
        let timeout = self.connect_timeout.as_millis().clamp(1000, 300_000).to_string();
        config.set("socket.connection.setup.timeout.ms", &timeout);
        config.set(
            "isolation.level",
            match kafka.isolation {
                Isolation::ReadCommitted => "read_committed",
                Isolation::ReadUncommitted => "read_uncommitted",
            },
        );
        // Never used at the broker: partitions are assigned and offsets kept by the lake. The client wants one all the same.
        config.set("group.id", "lakehand");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("enable.partition.eof", "true");
        config
    }
}

/// What to do when the brokers do not let us in.
pub(super) const ACCESS: &str =
    "look at kafka.security, kafka.username and the password or the token, and at the topic's access rules";

/// An error of the client as ours. `doing` completes "cannot …".
pub(super) fn error(doing: &str, error: KafkaError, options: &KafkaOptions) -> Error {
    let code = error.rdkafka_error_code();
    let kind = match code {
        Some(code) if is_auth(code) => Kind::Auth,
        Some(
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::InvalidTopic,
        ) => Kind::Refused,
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Kind::Incomplete,
        _ if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => Kind::Config,
        _ => Kind::Unreachable,
    };
    let next = match kind {
        Kind::Auth => ACCESS,
        Kind::Refused => "DESCRIBE … EXTENDED names the topic; look whether kafka.brokers is that cluster",
        Kind::Incomplete => "the read is planned anew",
        Kind::Config => "look at kafka.properties: the names are those of librdkafka",
        _ => "look at kafka.brokers, and whether the brokers' advertised addresses are reachable from here",
    };
    Error::new(kind, format!("cannot {doing}: {error}"))
        .at("brokers", &options.config.brokers)
        .next(next)
        .because(error)
}

/// Whether the broker does not let us in.
pub(super) fn is_auth(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn options(config: KafkaConfig) -> KafkaOptions {
        let config = KafkaConfig { brokers: "h:1".into(), ..config };
        KafkaOptions {
            config,
            connect_timeout: Duration::from_secs(1),
            max_record_bytes: 1 << 20,
            inactivity: Duration::from_secs(1),
            secrets: SecretFiles::default(),
        }
    }

    #[test]
    fn what_decides_over_right_and_wrong_is_set_last() {
        let properties =
            vec![("auto.offset.reset".into(), "latest".into()), ("client.id".into(), "mine".into())];
        let client = options(KafkaConfig { properties, ..KafkaConfig::default() }).client();
        assert_eq!((client.get("auto.offset.reset"), client.get("client.id")), (Some("error"), Some("mine")));
    }

    #[test]
    fn what_this_build_cannot_do_is_said() {
        let secret = Some(Secret::new("hunter2"));
        let plain =
            KafkaConfig { security: Security::SaslPlaintext, password: secret, ..KafkaConfig::default() };
        options(plain.clone()).check().unwrap();
        assert!(!format!("{plain:?}").contains("hunter2"));
        for config in [
            KafkaConfig { mechanism: Mechanism::ScramSha512, ..plain.clone() },
            KafkaConfig { mechanism: Mechanism::OauthBearer, ..plain.clone() },
            KafkaConfig { security: Security::Tls, ..plain },
        ] {
            match options(config).check() {
                Ok(()) => assert!(has_tls()),
                Err(error) => assert!(!has_tls() && error.advice().unwrap().contains("kafka-tls"), "{error}"),
            }
        }
    }
}
