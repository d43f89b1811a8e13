//! Which log a dataset was read from. Offsets mean nothing in another one.

use serde::{Deserialize, Serialize};

/// By which a log is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogIdentity {
    /// The Kafka topic.
    pub topic: String,
    /// The id of the Kafka cluster, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Partitions of the topic, where they are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<usize>,
}

impl LogIdentity {
    /// Whether `now` can be the same log. What one of the two does not tell is no difference; partitions may be added, and
    /// never taken away.
    pub fn may_be(&self, now: &Self) -> bool {
        let differ = self.cluster.as_ref().zip(now.cluster.as_ref()).is_some_and(|(a, b)| a != b);
        let fewer = self.partitions.zip(now.partitions).is_some_and(|(held, now)| now < held);
        self.topic == now.topic && !differ && !fewer
    }

    /// The same log, with what either of the two tells.
    pub(crate) fn joined(&self, now: &Self) -> Self {
        Self {
            topic: now.topic.clone(),
            cluster: now.cluster.clone().or_else(|| self.cluster.clone()),
            partitions: now.partitions.max(self.partitions),
        }
    }
}

/// `topic orders, 3 partitions, cluster lkc-1`
impl std::fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "topic {}", self.topic)?;
        if let Some(partitions) = self.partitions {
            write!(f, ", {partitions} partitions")?;
        }
        match &self.cluster {
            Some(cluster) => write!(f, ", cluster {cluster}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_another_one_by_topic_cluster_or_fewer_partitions() {
        let log = |topic: &str, cluster: Option<&str>, partitions| LogIdentity {
            topic: topic.into(),
            cluster: cluster.map(str::to_owned),
            partitions,
        };
        let held = log("a", Some("x"), Some(3));
        for same in [held.clone(), log("a", None, None), log("a", Some("x"), Some(5))] {
            assert!(held.may_be(&same), "{same}");
        }
        for other in
            [log("b", Some("x"), Some(3)), log("a", Some("y"), Some(3)), log("a", Some("x"), Some(2))]
        {
            assert!(!held.may_be(&other), "{other}");
        }
        assert_eq!(held.joined(&log("a", None, Some(5))), log("a", Some("x"), Some(5)));
        assert_eq!(held.to_string(), "topic a, 3 partitions, cluster x");
    }
}
