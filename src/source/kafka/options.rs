//! Settings become the configuration of the client.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::{Error, Kind, Result};

/// How brokers are reached, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// `host:port`, with commas between them.
    pub brokers: String,
    /// Encryption and authentication.
    pub security: Security,
    /// Who we are, where the security has SASL.
    pub sasl: Option<Sasl>,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM), with its key.
    pub client_cert_file: Option<PathBuf>,
    /// The key of the client's certificate (PEM).
    pub client_key_file: Option<PathBuf>,
    /// Which records of transactions are read.
    pub isolation: Isolation,
    /// How long a connection, and an answer to a question about a topic, may take.
    pub connect_timeout: Duration,
    /// Properties of librdkafka, before ours.
    pub properties: Vec<(String, String)>,
    /// The largest record.
    pub max_record_bytes: usize,
}

/// Encryption and authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Neither.
    #[default]
    Plaintext,
    /// Encrypted.
    Tls,
    /// SASL without encryption.
    SaslPlaintext,
    /// Both.
    SaslTls,
}

/// The mechanism of SASL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mechanism {
    /// `PLAIN`
    #[default]
    Plain,
    /// `SCRAM-SHA-256`
    ScramSha256,
    /// `SCRAM-SHA-512`
    ScramSha512,
}

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Those of committed ones.
    #[default]
    ReadCommitted,
    /// All of them, as ksqlDB does under `at_least_once`.
    ReadUncommitted,
}

/// Who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// How it is proved.
    pub mechanism: Mechanism,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sasl({:?}, {}, ***)", self.mechanism, self.username)
    }
}

impl Security {
    /// As librdkafka spells it.
    fn word(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslTls => "sasl_ssl",
        }
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::SaslTls)
    }

    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslTls)
    }
}

impl Mechanism {
    fn word(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Whether this build speaks TLS and SCRAM with brokers: the feature `kafka-tls`.
pub fn has_tls() -> bool {
    cfg!(feature = "kafka-tls")
}

/// Properties that decide whether what is read is right; they are ours.
const OURS: [&str; 9] = [
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "sasl.password",
    "security.protocol",
];

/// `a=b, c=d` as names and values. The error continues the value.
pub fn parse_properties(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut properties = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err("is not a list of name=value with commas between".to_owned());
        };
        let (name, value) = (name.trim(), value.trim());
        if OURS.contains(&name) {
            return Err(format!("names {name}, which is not set by properties"));
        }
        properties.push((name.to_owned(), value.to_owned()));
    }
    Ok(properties)
}

impl KafkaOptions {
    /// For brokers on this machine or in a network that is trusted: no encryption, nobody in particular.
    pub fn plain(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            security: Security::default(),
            sasl: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            isolation: Isolation::default(),
            connect_timeout: Duration::from_secs(10),
            properties: Vec::new(),
            max_record_bytes: 128 << 20,
        }
    }

    /// What belongs together, and what this build can do.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what: &str, next: &str| Err(Error::new(Kind::Config, what).next(next));
        let scram = self.sasl.as_ref().is_some_and(|sasl| sasl.mechanism != Mechanism::Plain);
        if (self.security.is_encrypted() || scram) && !has_tls() {
            return refuse(
                "this build speaks neither TLS nor SCRAM with Kafka brokers, as it has no OpenSSL",
                "build lakehand with --features kafka-tls, or read the feeds through ksqlDB",
            );
        }
        if self.security.has_sasl() && self.sasl.is_none() {
            return refuse(
                "kafka.security wants SASL, and kafka.username is not set",
                "set kafka.username, and LAKEHAND_KAFKA_PASSWORD or kafka.password_file",
            );
        }
        if self.client_cert_file.is_some() != self.client_key_file.is_some() {
            return refuse(
                "kafka.client_cert_file and kafka.client_key_file: one needs the other",
                "set both or none",
            );
        }
        Ok(())
    }

    /// The client's configuration; `check` has been passed.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config.set("security.protocol", self.security.word());
        config.set("client.id", "lakehand");
        if let Some(sasl) = self.sasl.as_ref().filter(|_| self.security.has_sasl()) {
            config.set("sasl.mechanisms", sasl.mechanism.word());
            config.set("sasl.username", &sasl.username);
            config.set("sasl.password", &sasl.password);
        }
        for (name, path) in [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.client_cert_file),
            ("ssl.key.location", &self.client_key_file),
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
            match self.isolation {
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

/// An error of the client as ours. `doing` completes "cannot …".
pub(super) fn error(doing: &str, error: KafkaError, options: &KafkaOptions) -> Error {
    let code = error.rdkafka_error_code();
    let kind = match code {
        Some(code) if is_auth(code) => Kind::Auth,
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::InvalidTopic) => {
            Kind::Refused
        }
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Kind::Incomplete,
        _ if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => Kind::Config,
        _ => Kind::Unreachable,
    };
    let next = match kind {
        Kind::Auth => "look at kafka.security, kafka.username and the password, and at the topic's access rules",
        Kind::Refused => "DESCRIBE … EXTENDED names the topic; look whether kafka.brokers is that cluster",
        Kind::Incomplete => "the read is planned anew",
        Kind::Config => "look at kafka.properties: the names are those of librdkafka",
        _ => "look at kafka.brokers, and whether the brokers' advertised addresses are reachable from here",
    };
    Error::new(kind, format!("cannot {doing}: {error}")).at("brokers", &options.brokers).next(next).because(error)
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

    #[test]
    fn properties_do_not_reach_what_decides_over_right_and_wrong() {
        assert_eq!(parse_properties("fetch.wait.max.ms=10, client.rack = a").unwrap().len(), 2);
        for text in ["auto.offset.reset=latest", "group.id=x", "nonsense", "sasl.password=hunter2"] {
            let message = parse_properties(text).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
        let mut options = KafkaOptions::plain("h:1");
        options.properties = vec![("auto.offset.reset".into(), "latest".into())];
        assert_eq!(options.client().get("auto.offset.reset"), Some("error"));
    }

    #[test]
    fn what_this_build_cannot_do_is_said() {
        let mut options = KafkaOptions { security: Security::SaslTls, ..KafkaOptions::plain("h:1") };
        options.sasl = Some(Sasl { mechanism: Mechanism::Plain, username: "u".into(), password: "hunter2".into() });
        assert!(!format!("{options:?}").contains("hunter2"));
        if has_tls() {
            options.check().unwrap();
        } else {
            assert!(options.check().unwrap_err().to_string().contains("kafka-tls"));
        }
        options.security = Security::SaslPlaintext;
        options.check().unwrap();
        options.sasl = None;
        assert_eq!(options.check().unwrap_err().kind(), Kind::Config);
    }
}
