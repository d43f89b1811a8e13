//! A dataset of which some days lie in the cold tier: what is read from where.
//!
//! Objects are named one by one: others may lie beside them that are of no use any more. The local files are those of the folder, unless
//! copies of cold files are still among them: then they are named one by one too, and no row is read twice.

use super::condition::Days;
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
    /// The local files below the dataset's folder; `None`: all that a pattern finds.
    pub local: Option<Vec<String>>,
    /// The address of the service, where it is not Amazon's own.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
}

impl Tiers {
    /// Objects of these days alone.
    fn within(&self, days: Days) -> Vec<String> {
        let is_in = |object: &&String| {
            let partition = object.rsplit_once('/').map_or("", |(partition, _)| partition);
            let span = PartitionPath::parse(partition).and_then(|path| path.first_day().zip(path.end()));
            span.is_none_or(|(first, end)| {
                days.from.is_none_or(|from| end > from) && days.to.is_none_or(|to| first <= to)
            })
        };
        self.objects.iter().filter(is_in).cloned().collect()
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
        let objects = tiers.within(days);
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
        Ok(Self { tiers: Some(Tiers { objects, ..tiers.clone() }), ..self.clone() })
    }

    /// Lines for the header.
    pub(super) fn tier_lines(&self, engine: Engine) -> Vec<String> {
        let Some(tiers) = &self.tiers else { return Vec::new() };
        let mut lines = vec![format!(
            "{} files lie in the cold tier, below {}. A statement that was printed before a day moved reads its local copy until that is removed (tier.grace).",
            tiers.objects.len(),
            tiers.root
        )];
        lines.extend(tiers.needs(engine));
        lines
    }

    /// The local part: the pattern, or the files by name; nothing where all lies in the cold tier.
    pub(super) fn local_part(&self, literal: impl Fn(&str) -> String) -> Vec<String> {
        match self.tiers.as_ref().and_then(|tiers| tiers.local.as_ref()) {
            None => vec![self.files(literal)],
            Some(files) => files.iter().map(|file| literal(&format!("{}/{file}", self.folder))).collect(),
        }
    }
}
