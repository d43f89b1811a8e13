//! A broker that asks who we are, and one that speaks TLS.

use lakehand::demo::DemoOptions;

use crate::broker::Broker;
use crate::support::assert_each_offset_once;

const TOPIC: &str = "transaction_flattened";

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn the_right_password_reads_and_a_wrong_one_is_said_at_once() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 300, ..DemoOptions::default() });
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 0), &[]);
    let with_password = |password: &str| {
        let project = broker
            .project(&server)
            .set(&format!("kafka.brokers={}", broker.sasl_brokers()))
            .set("kafka.security=sasl_plaintext")
            .set("kafka.username=lakehand")
            .set("kafka.password_file=password")
            .set("server.connect_timeout=3s")
            .set("export.retries=0");
        std::fs::write(project.path().join("password"), format!("{password}\n")).unwrap();
        project
    };
    let right = with_password("open sesame");
    right.ok(&["export", "--all"]);
    assert_each_offset_once(&right.stream(TOPIC), 300);

    let wrong = with_password("hunter2");
    let ran = wrong.run(&["export", "--all", "--json"]);
    let finished = ran.finished("flat");
    assert_ne!(ran.code, 0);
    let said = finished["error"].to_string();
    assert!(said.contains("kafka.username") && said.to_lowercase().contains("authentication"), "{said}");
    assert!(!(ran.out + &ran.err).contains("hunter2"));
}

/// What a build without OpenSSL cannot do: .ci/kafka makes one with it.
mod tls {
    use std::time::{SystemTime, UNIX_EPOCH};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::support::{Project, Server};

    /// A broker with 300 records, and ksqlDB beside it.
    fn start() -> (Broker, Server) {
        let broker = Broker::start();
        let server = broker.server(DemoOptions { rows: 300, ..DemoOptions::default() });
        broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
        broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 0), &[]);
        (broker, server)
    }

    fn project(broker: &Broker, server: &Server, brokers: &str, settings: &[&str]) -> Project {
        let start = broker
            .project(server)
            .set(&format!("kafka.brokers={brokers}"))
            .set("server.connect_timeout=2s")
            .set("export.retries=0");
        settings.iter().fold(start, |project, setting| project.set(setting))
    }

    /// Runs, and gives the error.
    fn refused(project: &Project) -> String {
        let ran = project.run(&["export", "--all", "--json"]);
        assert_ne!(ran.code, 0, "{}\n{}", ran.out, ran.err);
        ran.finished("flat")["error"].to_string()
    }

    #[test]
    #[ignore = "needs Kafka and OpenSSL: .ci/kafka"]
    fn scram_lets_in_who_knows_the_password() {
        let (broker, server) = start();
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let mechanism = format!("kafka.mechanism={mechanism}");
            let settings = [
                "kafka.security=sasl_plaintext",
                mechanism.as_str(),
                "kafka.username=lakehand",
                "kafka.password_file=password",
            ];
            let project = project(&broker, &server, &broker.sasl_brokers(), &settings);
            std::fs::write(project.path().join("password"), "hunter2").unwrap();
            let said = refused(&project);
            assert!(said.contains("kafka.username") && !said.contains("hunter2"), "{said}");
            std::fs::write(project.path().join("password"), "open sesame").unwrap();
            project.ok(&["export", "--all"]);
            assert_each_offset_once(&project.stream(TOPIC), 300);
        }
    }

    #[test]
    #[ignore = "needs Kafka and OpenSSL: .ci/kafka"]
    fn tls_reads_from_a_broker_whose_certificate_is_known() {
        let (broker, server) = start();
        let [plain, sasl, _] = broker.tls_brokers();
        let ca = format!("kafka.ca_file={}", broker.ca_file().display());
        let known = project(&broker, &server, &plain, &["kafka.security=tls", &ca]);
        known.ok(&["export", "--all"]);
        assert_each_offset_once(&known.stream(TOPIC), 300);
        // Nobody known has signed it.
        let unknown = project(&broker, &server, &plain, &["kafka.security=tls"]);
        let said = refused(&unknown).to_lowercase();
        assert!(said.contains("certificate") && said.contains("kafka.ca_file"), "{said}");
        // A certificate for another name than the one that we have called.
        let by_number = plain.replace("localhost", "127.0.0.1");
        let other_name = project(&broker, &server, &by_number, &["kafka.security=tls", &ca]);
        let said = refused(&other_name).to_lowercase();
        assert!(said.contains("certificate"), "{said}");

        let both = project(
            &broker,
            &server,
            &sasl,
            &[
                "kafka.security=sasl_tls",
                "kafka.mechanism=SCRAM-SHA-512",
                "kafka.username=lakehand",
                "kafka.password_file=password",
                &ca,
            ],
        );
        std::fs::write(both.path().join("password"), "open sesame").unwrap();
        both.ok(&["export", "--all"]);
        assert_each_offset_once(&both.stream(TOPIC), 300);
    }

    #[test]
    #[ignore = "needs Kafka and OpenSSL: .ci/kafka"]
    fn a_certificate_lets_in_where_the_broker_asks_for_one() {
        let (broker, server) = start();
        let [_, _, brokers] = broker.tls_brokers();
        let ca = format!("kafka.ca_file={}", broker.ca_file().display());
        let [certificate, key] = broker.client_files();
        let certificate = format!("kafka.client_cert_file={}", certificate.display());
        let key = format!("kafka.client_key_file={}", key.display());
        let settings = ["kafka.security=tls", &ca, &certificate, &key];
        let known = project(&broker, &server, &brokers, &settings);
        known.ok(&["export", "--all"]);
        assert_each_offset_once(&known.stream(TOPIC), 300);
        let unknown = project(&broker, &server, &brokers, &settings[..2]);
        let said = refused(&unknown).to_lowercase();
        assert!(said.contains("certificate"), "{said}");
    }

    /// A token that nobody has signed, and that holds from a minute ago.
    fn token(until: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
        let claims = format!(r#"{{"sub":"lakehand","iat":{},"exp":{}}}"#, now - 60, now + until);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims))
    }

    #[test]
    #[ignore = "needs Kafka and OpenSSL: .ci/kafka"]
    fn a_token_lets_in_as_long_as_it_holds() {
        let (broker, server) = start();
        let settings =
            ["kafka.security=sasl_plaintext", "kafka.mechanism=OAUTHBEARER", "kafka.token_file=token"];
        let project = project(&broker, &server, &broker.sasl_brokers(), &settings);
        let file = project.path().join("token");
        std::fs::write(&file, token(3_600)).unwrap();
        project.ok(&["export", "--all"]);
        assert_each_offset_once(&project.stream(TOPIC), 300);

        let expired = token(-5);
        std::fs::write(&file, &expired).unwrap();
        let said = refused(&project);
        assert!(
            said.contains("expired") && said.contains("kafka.token_file") && !said.contains(&expired),
            "{said}"
        );
        // The broker has a word too.
        std::fs::write(&file, "no.token.at-all").unwrap();
        let said = refused(&project);
        assert!(said.contains("token"), "{said}");
        // Renewed by whoever renews it.
        std::fs::write(&file, token(60)).unwrap();
        project.ok(&["export", "--all"]);
    }
}
