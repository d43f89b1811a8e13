//! Spark. It takes `_metadata.json` in a dataset's folder for data (names that begin with `_metadata` are not hidden), so the
//! folders of partitions are named, and `basePath` says where their columns begin. It infers numbers for these itself.
//! Files are merged by schema always: otherwise one file decides, and which one is not said.

use super::condition::Condition;
use super::{Dataset, Engine, MetadataPlace, quote, where_clause};
use crate::Result;

/// Options as name and value; the path is the last.
fn options(dataset: &Dataset) -> Vec<(&'static str, String)> {
    // Spark takes every path for a pattern.
    let literal = |path: &str| quote::in_backslashes(path);
    let mut options = vec![("mergeSchema", "true".to_owned())];
    let path = if dataset.folder_columns().is_empty() || dataset.metadata == MetadataPlace::Apart {
        literal(&dataset.data_folder())
    } else {
        options.push(("basePath", dataset.folder.clone()));
        dataset.leaf_folders(literal)
    };
    options.push(("path", path));
    options
}

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let mut read = "spark.read".to_owned();
    for (name, value) in options(dataset) {
        let value = quote::python(&value);
        read += &if name == "path" {
            format!(".parquet({value})")
        } else {
            format!(".option(\"{name}\", {value})")
        };
    }
    let filtered = |read: &str, condition: Option<&Condition>| match condition {
        Some(condition) => format!("{read}.where({})", quote::python(&condition.sql())),
        None => read.to_owned(),
    };
    let begin = "from pyspark.sql import SparkSession\n\nspark = SparkSession.builder.getOrCreate()\n";
    let Some(tiers) = &dataset.tiers else {
        return Ok(format!("{begin}df = {}\n", filtered(&read, condition)));
    };
    let list = |root: &str, files: &[String]| {
        let files: Vec<String> = files.iter().map(|file| format!("    {},\n", quote::python(file))).collect();
        let root = quote::python(root);
        let read = format!(
            "spark.read.option(\"mergeSchema\", \"true\").option(\"basePath\", {root}).parquet(\n{})",
            files.concat()
        );
        filtered(&read, condition)
    };
    let objects: Vec<String> =
        tiers.addresses(Engine::Spark).iter().map(|object| quote::in_backslashes(object)).collect();
    let mut parts = vec![("cold", list(&tiers.root_for(Engine::Spark), &objects))];
    if tiers.has_hot {
        parts.insert(0, ("local", filtered(&read, dataset.local_condition(condition)?.as_ref())));
    }
    let late = dataset.late_files(quote::in_backslashes);
    if !late.is_empty() {
        parts.push(("late", list(&dataset.folder, &late)));
    }
    let line = |lines: String, (name, read): &(_, String)| lines + &format!("{name} = {read}\n");
    let lines = parts.iter().fold(String::new(), line);
    let mut names = parts.iter().map(|(name, _)| *name);
    let mut union = names.next().unwrap_or_default().to_owned();
    names.for_each(|name| union += &format!(".unionByName({name}, allowMissingColumns=True)"));
    Ok(format!("{begin}{lines}df = {union}\n"))
}

pub(super) fn sql(dataset: &Dataset, condition: Option<&Condition>) -> String {
    let view = quote::backticks(&dataset.name);
    let options: Vec<_> = options(dataset)
        .into_iter()
        .map(|(name, value)| format!("{name} {}", quote::sql_backslash(&value)))
        .collect();
    let condition = where_clause(condition, Condition::sql);
    format!(
        "CREATE OR REPLACE TEMPORARY VIEW {view} USING parquet OPTIONS ({});\nSELECT * FROM {view}{condition};\n",
        options.join(", ")
    )
}
