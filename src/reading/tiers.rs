//! A dataset of which some days lie in the cold tier: what is read from where.
//!
//! ```text
//! local folder, without the days that are cold   +   their objects   +   late rows of them, which lie here
//! ```
//!
//! So a statement stays right when a day moves or comes home after it was printed: of a day that was cold then, the objects are read, whatever
//! lies in its local folder; of a day that was not, the local files, which stay for `tier.grace`. Objects are named one by one, as others may
//! lie beside them that are of no use any more.

use chrono::NaiveDate;

use super::condition::{Condition, Days};
use super::{Dataset, Engine, Language, quote};
use crate::feed::PartitionPath;
use crate::{Error, Kind, Result};

/// What of a dataset lies where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    /// The dataset's folder in the cold tier, without a slash at the end: `s3://lake/streams/payments`.
    pub root: String,
    /// The objects below it, by partition: `year=2024/month=03/day=01/data_….parquet`.
    pub objects: Vec<String>,
    /// Local files of the partitions of these objects that are no copies of them, below the dataset's folder.
    pub late: Vec<String>,
    /// Days lie here that are not cold.
    pub has_hot: bool,
    /// The address of the service, where it is not Amazon's own.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
}

/// The first and the last day of the partition of a file.
fn span(file: &str) -> Option<(NaiveDate, NaiveDate)> {
    let path = PartitionPath::parse(file.rsplit_once('/')?.0)?;
    Some((path.first_day()?, path.end()?.pred_opt()?))
}

impl Tiers {
    /// Of these files those of the days.
    fn within(files: &[String], days: Days) -> Vec<String> {
        let is_in = |file: &&String| {
            span(file).is_none_or(|(first, last)| {
                days.from.is_none_or(|from| last >= from) && days.to.is_none_or(|to| first <= to)
            })
        };
        files.iter().filter(is_in).cloned().collect()
    }

    /// The cold days, as ranges that do not touch.
    fn ranges(&self) -> Vec<Days> {
        let mut spans: Vec<_> = self.objects.iter().filter_map(|object| span(object)).collect();
        spans.sort_unstable();
        let mut ranges: Vec<(NaiveDate, NaiveDate)> = Vec::new();
        for (first, last) in spans {
            match ranges.last_mut() {
                Some(range) if range.1.succ_opt().is_none_or(|next| first <= next) => {
                    range.1 = range.1.max(last);
                }
                _ => ranges.push((first, last)),
            }
        }
        ranges.into_iter().map(|(from, to)| Days { from: Some(from), to: Some(to) }).collect()
    }

    /// The addresses of the objects as the engine takes them.
    pub(super) fn addresses(&self, engine: Engine) -> Vec<String> {
        self.objects.iter().map(|object| format!("{}/{object}", self.root_for(engine))).collect()
    }

    /// The dataset's folder in the cold tier as the engine takes it. A folder of a disk is a path to all of them.
    pub(super) fn root_for(&self, engine: Engine) -> String {
        match self.root.split_once("://") {
            Some(("file", path)) => path.to_owned(),
            // Hadoop's file system for S3.
            Some(("s3", rest)) if engine == Engine::Spark => format!("s3a://{rest}"),
            _ => self.root.clone(),
        }
    }

    /// What the engine must be told before it reads there.
    fn needs(&self, engine: Engine) -> Option<String> {
        let (scheme, _) = self.root.split_once("://")?;
        let endpoint = self.endpoint.as_deref();
        let region = self.region.as_deref();
        Some(match (engine, scheme) {
            (Engine::DuckDb, "s3") => {
                let mut options = vec!["TYPE s3".to_owned(), "PROVIDER credential_chain".to_owned()];
                options.extend(region.map(|region| format!("REGION {}", quote::sql(region))));
                if let Some((http, host)) = endpoint.and_then(|endpoint| endpoint.split_once("://")) {
                    options.push(format!("ENDPOINT {}", quote::sql(host)));
                    options.push("URL_STYLE 'path'".to_owned());
                    options.push(format!("USE_SSL {}", http == "https"));
                }
                format!("DuckDB reads it with the extension httpfs and CREATE SECRET ({}).", options.join(", "))
            }
            (Engine::DuckDb, "az") => {
                "DuckDB reads it with the extension azure and CREATE SECRET (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME '…').".to_owned()
            }
            (Engine::Polars, "s3") => {
                let mut set = Vec::new();
                set.extend(region.map(|region| format!("AWS_REGION={region}")));
                set.extend(endpoint.map(|endpoint| format!("AWS_ENDPOINT_URL={endpoint}")));
                set.extend(endpoint.filter(|e| e.starts_with("http://")).map(|_| "AWS_ALLOW_HTTP=true".to_owned()));
                let set = if set.is_empty() { String::new() } else { format!(", with {} in the environment", set.join(" ")) };
                format!("Polars takes the credentials of the usual chain{set}.")
            }
            (Engine::Polars, "az") => "Polars takes AZURE_STORAGE_ACCOUNT_NAME and a key or token from the environment.".to_owned(),
            (Engine::Spark, "s3") => match endpoint {
                Some(endpoint) => format!(
                    "Spark reads s3a:// with hadoop-aws: spark.hadoop.fs.s3a.endpoint={endpoint}, spark.hadoop.fs.s3a.path.style.access=true."
                ),
                None => "Spark reads s3a:// with hadoop-aws.".to_owned(),
            },
            _ => return None,
        })
    }
}

impl Dataset {
    /// The dataset with what of the cold tier the days need; without a cold tier where they need none of it.
    ///
    /// # Errors
    /// `Kind::Usage` for an engine, or a language of it, whose code over two tiers is not known.
    pub(super) fn for_days(&self, days: Days, engine: Engine, language: Language) -> Result<Self> {
        let Some(tiers) = &self.tiers else { return Ok(self.clone()) };
        let objects = Tiers::within(&tiers.objects, days);
        if objects.is_empty() {
            return Ok(Self { tiers: None, ..self.clone() });
        }
        let is_known = match engine {
            Engine::DuckDb | Engine::Polars => true,
            Engine::Spark => language == Language::Python && !tiers.root.starts_with("az://"),
            _ => false,
        };
        if !is_known {
            return Err(Error::new(
                Kind::Usage,
                format!("{} of these days lie in the cold tier, and the code by which {} reads both tiers is not known", objects.len(), engine.name()),
            )
            .at("feed", &self.feed)
            .next("--with duckdb, polars or spark (in Python) reads both; --from leaves out days that are cold; a table format is read whole by its own readers"));
        }
        let late = Tiers::within(&tiers.late, days);
        Ok(Self { tiers: Some(Tiers { objects, late, ..tiers.clone() }), ..self.clone() })
    }

    /// Lines for the header.
    pub(super) fn tier_lines(&self, engine: Engine) -> Vec<String> {
        let Some(tiers) = &self.tiers else { return Vec::new() };
        let mut lines = vec![format!(
            "{} files lie in the cold tier, below {}. It stays right until a day that moves from now on loses its local copy (tier.grace) or one that comes home its objects (retention.grace).",
            tiers.objects.len(),
            tiers.root
        )];
        lines.extend(tiers.needs(engine));
        lines
    }

    /// The condition for the local folder: that of the days that are wanted, and none of those that are cold.
    ///
    /// # Errors
    /// Those of [`Days::condition`].
    pub(super) fn local_condition(&self, condition: Option<&Condition>) -> Result<Option<Condition>> {
        let Some(tiers) = &self.tiers else { return Ok(condition.cloned()) };
        let mut cold = Vec::new();
        for range in tiers.ranges() {
            cold.extend(range.condition(self)?);
        }
        let Some(last) = cold.pop() else { return Ok(condition.cloned()) };
        let cold = if cold.is_empty() { last } else { Condition::Any([cold, vec![last]].concat()) };
        let not = Condition::Not(Box::new(cold));
        Ok(Some(match condition {
            Some(condition) => Condition::All(vec![condition.clone(), not]),
            None => not,
        }))
    }

    /// The late rows' files, as `literal` writes them.
    pub(super) fn late_files(&self, literal: impl Fn(&str) -> String) -> Vec<String> {
        let late = self.tiers.iter().flat_map(|tiers| &tiers.late);
        late.map(|file| literal(&format!("{}/{file}", self.folder))).collect()
    }

    /// The pattern for the local files, where any day lies here that is not cold.
    pub(super) fn hot_files(&self, literal: impl Fn(&str) -> String) -> Option<String> {
        let has_hot = self.tiers.as_ref().is_none_or(|tiers| tiers.has_hot);
        has_hot.then(|| self.files(literal))
    }
}
