//! `[kafka]`: the brokers from which feeds are read themselves.

use std::path::PathBuf;

use super::Secret;

/// The Kafka brokers; none are asked when `brokers` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KafkaConfig {
    /// `host:port`, with commas between them.
    pub brokers: String,
    /// Encryption and authentication.
    pub security: Security,
    /// How it is proved who we are.
    pub mechanism: Mechanism,
    /// The name for SASL.
    pub username: Option<String>,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// From `LAKEHAND_KAFKA_PASSWORD` or the file.
    pub password: Option<Secret>,
    /// The file of the token.
    pub token_file: Option<PathBuf>,
    /// For OAUTHBEARER, from `LAKEHAND_KAFKA_TOKEN` or the file.
    pub token: Option<Secret>,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM); always with its key.
    pub client_cert_file: Option<PathBuf>,
    /// The key of the client's certificate (PEM).
    pub client_key_file: Option<PathBuf>,
    /// Which records of transactions are read.
    pub isolation: Isolation,
    /// Properties of librdkafka, beside those that lakehand sets.
    pub properties: Vec<(String, String)>,
}

/// Encryption and authentication with brokers.
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
    /// `OAUTHBEARER`: a token instead of name and password
    OauthBearer,
}

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Those of committed ones.
    #[default]
    ReadCommitted,
    /// All of them.
    ReadUncommitted,
}

pub(super) const SECURITIES: &[(&str, Security)] = &[
    ("plaintext", Security::Plaintext),
    ("tls", Security::Tls),
    ("sasl_plaintext", Security::SaslPlaintext),
    ("sasl_tls", Security::SaslTls),
];
pub(super) const MECHANISMS: &[(&str, Mechanism)] = &[
    ("PLAIN", Mechanism::Plain),
    ("SCRAM-SHA-256", Mechanism::ScramSha256),
    ("SCRAM-SHA-512", Mechanism::ScramSha512),
    ("OAUTHBEARER", Mechanism::OauthBearer),
];
pub(super) const ISOLATIONS: &[(&str, Isolation)] =
    &[("read_committed", Isolation::ReadCommitted), ("read_uncommitted", Isolation::ReadUncommitted)];

impl KafkaConfig {
    /// What belongs together, and what cannot be together.
    pub(super) fn combine(&self, problems: &mut Vec<String>, warnings: &mut Vec<String>) {
        if self.client_cert_file.is_some() != self.client_key_file.is_some() {
            problems.push("kafka.client_cert_file and kafka.client_key_file: one needs the other".to_owned());
        }
        let by_token = self.mechanism == Mechanism::OauthBearer;
        if self.security.has_sasl() && by_token && self.token.is_none() {
            problems.push(
                "kafka.mechanism is OAUTHBEARER: set LAKEHAND_KAFKA_TOKEN or kafka.token_file".to_owned(),
            );
        }
        if self.security.has_sasl() && !by_token && (self.username.is_none() || self.password.is_none()) {
            problems.push(
                "kafka.security has SASL: set kafka.username, and LAKEHAND_KAFKA_PASSWORD or kafka.password_file"
                    .to_owned(),
            );
        }
        if !self.security.has_sasl() && by_token {
            warnings.push("kafka.mechanism is not used: kafka.security has no SASL".to_owned());
        }
        if self.security.has_sasl() && !self.security.is_encrypted() {
            let warning = "kafka.security is sasl_plaintext: credentials cross the network unencrypted";
            warnings.push(warning.to_owned());
        }
    }
}

impl Security {
    /// Whether it is encrypted.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::SaslTls)
    }

    /// Whether it asks who we are.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslTls)
    }
}

/// Properties that decide whether what is read is right and whom we talk to, and secrets: they are not set this way.
const OURS: [&str; 19] = [
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "group.id",
    "isolation.level",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.method",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.password",
    "ssl.keystore.password",
];

/// `host:port`, with commas between them; no user and no address of a web page.
pub(super) fn brokers(text: &str) -> Result<String, String> {
    let list: Vec<_> = text.split(',').map(str::trim).collect();
    let is_broker = |broker: &&str| {
        broker.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty()
                && !host.contains(['/', '@', ' '])
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    match list.iter().find(|broker| !is_broker(broker)) {
        None => Ok(list.join(",")),
        Some(_) => Err("is not host:port, with commas between several".to_owned()),
    }
}

/// `a=b, c=d` as names and values. The error continues the value.
pub(super) fn properties(text: &str) -> Result<Vec<(String, String)>, String> {
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

/// The text that [`properties`] takes apart.
pub(super) fn properties_text(properties: &[(String, String)]) -> String {
    properties.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_do_not_reach_what_decides_over_right_and_wrong() {
        let text = "fetch.wait.max.ms=10, client.rack=a";
        assert_eq!(properties_text(&properties(text).unwrap()), text);
        for text in [
            "auto.offset.reset=latest",
            "group.id=x",
            "nonsense",
            "sasl.password=hunter2",
            "enable.ssl.certificate.verification=false",
        ] {
            let message = properties(text).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn brokers_are_hosts_and_ports() {
        assert_eq!(brokers("a:9092, b:9092").unwrap(), "a:9092,b:9092");
        assert_eq!(brokers("[::1]:9092").unwrap(), "[::1]:9092");
        for text in ["", "a", "a:", "a:0", ":9092", "http://a:9092", "u@a:9092", "a:9092,"] {
            assert!(brokers(text).is_err(), "{text}");
        }
    }
}
