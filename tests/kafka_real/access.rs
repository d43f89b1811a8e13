//! A broker that asks who we are.

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
