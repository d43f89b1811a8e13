//! One Kafka broker in a process of its own (KRaft, one node), on free ports of the loopback interface.
//!
//! `LAKEHAND_KAFKA_JARS` names the folder with Kafka's jars. Without it, or when the broker does not start, a test fails.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use lakehand::demo::{DemoOptions, TopicRecord};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::support::{Project, Server, wait_until};

/// Counts records that a broker refused.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            *self.0.lock().unwrap() = Some(error.to_string());
        }
    }
}

pub(crate) type Producer = BaseProducer<Deliveries>;

pub(crate) struct Broker {
    dir: TempDir,
    port: u16,
    /// The listener that asks who we are.
    sasl_port: u16,
    /// The listeners with TLS: one that asks nothing, one for a password, one for the client's certificate.
    tls_ports: [u16; 3],
    process: Option<Child>,
}

/// Ports that were free a moment ago.
fn free_ports() -> [u16; 6] {
    let listeners = [(); 6].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn java(class: &str, args: &[&str]) -> Command {
    let jars: PathBuf = std::env::var_os("LAKEHAND_KAFKA_JARS")
        .expect("LAKEHAND_KAFKA_JARS names the folder with Kafka's jars; .ci/kafka sets it")
        .into();
    let mut command = Command::new("java");
    command.args(["-Xmx400m", "-XX:+UseSerialGC", "-cp"]).arg(jars.join("*")).arg(class).args(args);
    command
}

impl Broker {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [port, sasl_port, tls_port, sasl_tls_port, known_port, controller] = free_ports();
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = certified.cert.pem();
        std::fs::write(dir.path().join("ca.pem"), &certificate).unwrap();
        let keystore = format!("{}{certificate}", certified.signing_key.serialize_pem());
        std::fs::write(dir.path().join("keystore.pem"), keystore).unwrap();
        let client = rcgen::generate_simple_self_signed(["lakehand".to_owned()]).unwrap();
        std::fs::write(dir.path().join("client.pem"), client.cert.pem()).unwrap();
        std::fs::write(dir.path().join("client.key"), client.signing_key.serialize_pem()).unwrap();
        let login = "org.apache.kafka.common.security";
        let keystore = dir.path().join("keystore.pem");
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port},\
             SSL://127.0.0.1:{tls_port},SASL_SSL://127.0.0.1:{sasl_tls_port},\
             KNOWN://127.0.0.1:{known_port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port},\
             SSL://localhost:{tls_port},SASL_SSL://localhost:{sasl_tls_port},KNOWN://localhost:{known_port}\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.sasl_plaintext.plain.sasl.jaas.config={login}.plain.PlainLoginModule \
             required user_lakehand=\"open sesame\";\n\
             listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
             listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
             listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
             listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule \
             required unsecuredLoginStringClaim_sub=\"broker\";\n\
             ssl.keystore.type=PEM\nssl.keystore.location={}\nlog.cleaner.backoff.ms=200\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,KNOWN:SSL\n\
             listener.name.known.ssl.client.auth=required\nlistener.name.known.ssl.truststore.type=PEM\n\
             listener.name.known.ssl.truststore.location={}\n\
             log.dirs={}\nnum.partitions=1\nauto.create.topics.enable=false\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=1\ngroup.initial.rebalance.delay.ms=0\n\
             log.retention.check.interval.ms=500\nlog.initial.task.delay.ms=500\nlog.cleaner.backoff.ms=100\nmessage.max.bytes=16000000\n",
            keystore.display(),
            dir.path().join("client.pem").display(),
            dir.path().join("log").display()
        );
        std::fs::write(dir.path().join("server.properties"), properties).unwrap();
        let settings = dir.path().join("server.properties");
        let formatted = java(
            "kafka.tools.StorageTool",
            &[
                "format",
                "-t",
                "bGFrZWhhbmQtdGVzdC0xMg",
                "-c",
                settings.to_str().unwrap(),
                "--add-scram",
                "SCRAM-SHA-256=[name=lakehand,password=\"open sesame\"]",
                "--add-scram",
                "SCRAM-SHA-512=[name=lakehand,password=\"open sesame\"]",
            ],
        )
        .output()
        .expect("java is needed to run a broker");
        assert!(formatted.status.success(), "the storage cannot be formatted: {formatted:?}");
        let tls_ports = [tls_port, sasl_tls_port, known_port];
        let mut broker = Self { dir, port, sasl_port, tls_ports, process: None };
        broker.run();
        broker
    }

    /// Starts the process and waits until it answers.
    pub(crate) fn run(&mut self) {
        let settings = self.dir.path().join("server.properties");
        let log = File::create(self.dir.path().join("broker.out")).unwrap();
        let child = java("kafka.Kafka", &[settings.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(child);
        let consumer: BaseConsumer = self.client().create().unwrap();
        wait_until("the broker answers", || {
            if let Some(status) = self.process.as_mut().unwrap().try_wait().unwrap() {
                let said = std::fs::read_to_string(self.dir.path().join("broker.out")).unwrap();
                panic!("the broker ended ({status}):\n{said}");
            }
            let told = consumer.fetch_metadata(None, Duration::from_secs(2));
            told.is_ok_and(|told| !told.brokers().is_empty())
        });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same by the listener that lets in the user `lakehand` with the password `open sesame`, by PLAIN and SCRAM, and
    /// whoever has a token that is not signed.
    pub(crate) fn sasl_brokers(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// The same by the listeners with TLS: one that asks nothing, one for a password, one for the client's certificate.
    pub(crate) fn tls_brokers(&self) -> [String; 3] {
        self.tls_ports.map(|port| format!("localhost:{port}"))
    }

    /// The certificate that the broker shows.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate that the broker knows, and its key.
    pub(crate) fn client_files(&self) -> [PathBuf; 2] {
        ["client.pem", "client.key"].map(|name| self.dir.path().join(name))
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        config
    }

    fn admin<T>(&self, ask: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> T) -> T {
        let admin: AdminClient<_> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(&admin, &options))
    }

    pub(crate) fn topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        // A topic of that name may still be going away.
        wait_until("the topic is made", || {
            let made = self.admin(async |admin, options| admin.create_topics([&topic], options).await);
            match made.unwrap().pop().unwrap() {
                Ok(_) => true,
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => false,
                Err((name, code)) => panic!("{name}: {code}"),
            }
        });
        let consumer: BaseConsumer = self.client().create().unwrap();
        wait_until("the topic has leaders", || {
            (0..partitions).all(|p| consumer.fetch_watermarks(name, p, Duration::from_secs(2)).is_ok())
        });
    }

    pub(crate) fn delete_topic(&self, name: &str) {
        self.admin(async |admin, options| admin.delete_topics(&[name], options).await)
            .unwrap()
            .pop()
            .unwrap()
            .unwrap();
    }

    pub(crate) fn add_partitions(&self, name: &str, count: usize) {
        let wish = NewPartitions::new(name, count);
        let made = self.admin(async |admin, options| admin.create_partitions([&wish], options).await);
        made.unwrap().pop().unwrap().unwrap();
    }

    /// First and next offset of a partition.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let consumer: BaseConsumer = self.client().create().unwrap();
        consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap()
    }

    /// The offsets of a partition that hold a record.
    pub(crate) fn offsets(&self, topic: &str, partition: i32) -> Vec<i64> {
        let consumer: BaseConsumer =
            self.client().set("group.id", "looker").set("enable.partition.eof", "true").create().unwrap();
        let mut assigned = TopicPartitionList::new();
        assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&assigned).unwrap();
        let mut offsets = Vec::new();
        loop {
            match consumer.poll(Duration::from_secs(10)).expect("the broker answers") {
                Ok(message) => offsets.push(message.offset()),
                Err(KafkaError::PartitionEOF(_)) => return offsets,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) fn producer(&self, settings: &[(&str, &str)]) -> Producer {
        let mut config = self.client();
        config.set("linger.ms", "5").set("message.max.bytes", "16000000");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config.create_with_context(Deliveries::default()).unwrap()
    }

    pub(crate) fn produce(&self, topic: &str, records: &[TopicRecord], settings: &[(&str, &str)]) {
        send(&self.producer(settings), topic, records);
    }

    /// An embedded ksqlDB server that says it works on this cluster.
    pub(crate) fn server(&self, options: DemoOptions) -> Server {
        let consumer: BaseConsumer = self.client().create().unwrap();
        consumer.fetch_metadata(None, Duration::from_secs(10)).unwrap();
        let cluster = consumer.client().fetch_cluster_id(Duration::from_secs(10));
        assert!(cluster.is_some(), "the broker tells its cluster");
        Server::start(DemoOptions { cluster, ..options })
    }

    /// A project with one feed, `flat`, that reads TRANSACTION_FLATTENED from this broker.
    pub(crate) fn project(&self, server: &Server) -> Project {
        let project = Project::on(&server.url()).set(&format!("kafka.brokers={}", self.brokers()));
        project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
        project
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Produces records and waits until the broker has them.
pub(crate) fn send(producer: &Producer, topic: &str, records: &[TopicRecord]) {
    for record in records {
        let mut unsent = Some(
            BaseRecord::to(topic)
                .partition(record.partition)
                .timestamp(record.time)
                .key(&record.key)
                .payload(&record.value),
        );
        while let Some(next) = unsent.take() {
            if let Err((error, back)) = producer.send(next) {
                assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
                producer.poll(Duration::from_millis(50));
                unsent = Some(back);
            }
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    assert_eq!(*producer.context().0.lock().unwrap(), None, "a record was refused");
}
