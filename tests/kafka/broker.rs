//! A broker in this process, and the embedded server's streams in its topics.

use std::time::Duration;

use lakehand::demo::{DemoOptions, TopicRecord};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use crate::support::{Project, Server};

/// One broker that keeps about 5 MB a partition.
pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("linger.ms", "2")
            .set("compression.codec", "lz4")
            .create()
            .unwrap();
        Self { cluster, producer }
    }

    /// An embedded ksqlDB server that says it works on this cluster.
    pub(crate) fn server(&self, options: DemoOptions) -> Server {
        let cluster = self.producer.client().fetch_cluster_id(Duration::from_secs(10));
        assert!(cluster.is_some());
        Server::start(DemoOptions { cluster, ..options })
    }

    pub(crate) fn with_rows(&self, rows: u64) -> Server {
        self.server(DemoOptions { rows, ..DemoOptions::default() })
    }

    pub(crate) fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub(crate) fn topic(&self, name: &str, partitions: i32) {
        self.cluster.create_topic(name, partitions, 1).unwrap();
    }

    /// Produces a record and waits for nothing.
    pub(crate) fn send(
        &self,
        topic: &str,
        partition: i32,
        time: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).timestamp(time);
        record.key = key;
        record.payload = value;
        let mut unsent = Some(record);
        while let Some(record) = unsent.take() {
            if let Err((error, record)) = self.producer.send(record) {
                assert_eq!(
                    error.rdkafka_error_code(),
                    Some(rdkafka::types::RDKafkaErrorCode::QueueFull),
                    "{error}"
                );
                self.producer.flush(Duration::from_secs(10)).unwrap();
                unsent = Some(record);
            }
        }
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    pub(crate) fn produce(&self, topic: &str, records: &[TopicRecord]) {
        for record in records {
            self.send(topic, record.partition, record.time, Some(&record.key), Some(&record.value));
        }
        self.flush();
    }

    /// The topic of a stream of the embedded server, with all of its records.
    pub(crate) fn mirror(&self, server: &Server, stream: &str, topic: &str, partitions: i32) {
        self.topic(topic, partitions);
        self.produce(topic, &server.get().topic_records(stream, 0));
    }

    /// The topic of a table of the embedded server, with all of its changes.
    pub(crate) fn mirror_table(&self, server: &Server, table: &str) {
        let topic = table.to_lowercase();
        self.topic(&topic, 3);
        for change in server.get().table_changes(table) {
            self.send(&topic, change.partition, change.time, Some(&change.key), change.value.as_deref());
        }
        self.flush();
    }

    /// The cluster's id.
    pub(crate) fn id(&self) -> String {
        self.producer.client().fetch_cluster_id(Duration::from_secs(10)).unwrap()
    }

    /// The same project, reading from this broker.
    pub(crate) fn project_at(&self, project: Project, server: &Server) -> Project {
        project.moved_to(&server.url()).set(&format!("kafka.brokers={}", self.brokers()))
    }

    /// A project that reads from this broker.
    pub(crate) fn project(&self, server: &Server) -> Project {
        Project::on(&server.url()).set(&format!("kafka.brokers={}", self.brokers()))
    }
}
