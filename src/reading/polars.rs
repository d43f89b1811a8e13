//! Polars. It takes the columns of the first file for those of all, so a dataset that has evolved names them.

use super::condition::Condition;
use super::types::{Words, columns, dict};
use super::{Dataset, Engine, quote};
use crate::Result;

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let local = dataset.local_part(quote::in_classes);
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
    let filter =
        condition.map_or(String::new(), |condition| format!(".filter({})", condition.python("pl.col")));
    let arguments = arguments.join(", ");
    let Some(tiers) = &dataset.tiers else {
        let files = local.first().map_or_else(String::new, |files| quote::python(files));
        return Ok(format!(
            "import polars as pl\n\n{schema}df = pl.scan_parquet({files}, {arguments}){filter}\n"
        ));
    };
    let list = |files: &[String]| {
        let files: Vec<String> = files.iter().map(|file| format!("    {},\n", quote::python(file))).collect();
        format!("pl.scan_parquet([\n{}], {arguments})", files.concat())
    };
    let mut parts = vec![list(&tiers.addresses(Engine::Polars))];
    if !local.is_empty() {
        parts.insert(0, list(&local));
    }
    Ok(format!("import polars as pl\n\n{schema}df = pl.concat([{}]){filter}\n", parts.join(", ")))
}
