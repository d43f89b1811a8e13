//! Polars. It takes the columns of the first file for those of all, so a dataset that has evolved names them.

use super::condition::Condition;
use super::types::{Words, columns, dict};
use super::{Dataset, Engine, quote};
use crate::Result;

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let mut arguments = Vec::new();
    if dataset.folder_columns().is_empty() {
        arguments.push("hive_partitioning=False".to_owned());
    } else {
        let types = dataset.each_folder_column(|column| format!("\"{column}\": pl.Int32"));
        arguments.push(format!("hive_partitioning=True, hive_schema={{{types}}}"));
    }
    let mut schema = String::new();
    if dataset.has_evolved() {
        schema = format!("schema = {}\n", dict(&columns(&dataset.columns, Words::Polars)?));
        arguments.push("schema=schema, missing_columns=\"insert\", extra_columns=\"ignore\"".to_owned());
    }
    let arguments = arguments.join(", ");
    let filtered = |files: &str, condition: Option<&Condition>| {
        let filter =
            condition.map_or(String::new(), |condition| format!(".filter({})", condition.python("pl.col")));
        format!("pl.scan_parquet({files}, {arguments}){filter}")
    };
    let hot = dataset.hot_files(quote::in_classes).map(|files| quote::python(&files));
    let Some(tiers) = &dataset.tiers else {
        let scan = filtered(&hot.unwrap_or_default(), condition);
        return Ok(format!("import polars as pl\n\n{schema}df = {scan}\n"));
    };
    let list = |files: &[String]| {
        let files: Vec<String> = files.iter().map(|file| format!("    {},\n", quote::python(file))).collect();
        filtered(&format!("[\n{}]", files.concat()), condition)
    };
    let mut parts = Vec::new();
    if let Some(files) = hot {
        parts.push(filtered(&files, dataset.local_condition(condition)?.as_ref()));
    }
    parts.push(list(&tiers.addresses(Engine::Polars)));
    let late = dataset.late_files(quote::in_classes);
    if !late.is_empty() {
        parts.push(list(&late));
    }
    Ok(format!("import polars as pl\n\n{schema}df = pl.concat([{}])\n", parts.join(", ")))
}
