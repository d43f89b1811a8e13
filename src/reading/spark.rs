//! Spark. It takes `_metadata.json` in a dataset's folder for data (names that begin with `_metadata` are not hidden), so the
//! folders of partitions are named, and `basePath` says where their columns begin. It infers numbers for these itself.
//! Files are merged by schema always: otherwise one file decides, and which one is not said.

use super::condition::Condition;
use super::{Dataset, Engine, MetadataPlace, quote, where_clause};

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

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> String {
    let mut read = "spark.read".to_owned();
    for (name, value) in options(dataset) {
        let value = quote::python(&value);
        read += &if name == "path" {
            format!(".parquet({value})")
        } else {
            format!(".option(\"{name}\", {value})")
        };
    }
    if let Some(condition) = condition {
        read += &format!(".where({})", quote::python(&condition.sql()));
    }
    let begin = "from pyspark.sql import SparkSession\n\nspark = SparkSession.builder.getOrCreate()\n";
    let Some(tiers) = &dataset.tiers else { return format!("{begin}df = {read}\n") };
    let where_ =
        condition.map_or(String::new(), |condition| format!(".where({})", quote::python(&condition.sql())));
    let list = |root: &str, files: &[String]| {
        let files: Vec<String> = files.iter().map(|file| format!("    {},\n", quote::python(file))).collect();
        let root = quote::python(root);
        format!(
            "spark.read.option(\"mergeSchema\", \"true\").option(\"basePath\", {root}).parquet(\n{}){where_}",
            files.concat()
        )
    };
    let objects: Vec<String> =
        tiers.addresses(Engine::Spark).iter().map(|object| quote::in_backslashes(object)).collect();
    let cold = list(&tiers.root_for(Engine::Spark), &objects);
    let local = match &tiers.local {
        None => read,
        Some(files) if files.is_empty() => return format!("{begin}df = {cold}\n"),
        Some(_) => list(&dataset.folder, &dataset.local_part(quote::in_backslashes)),
    };
    format!("{begin}local = {local}\ncold = {cold}\ndf = local.unionByName(cold, allowMissingColumns=True)\n")
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
