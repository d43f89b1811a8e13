//! Polars. It takes the columns of the first file for those of all, so a dataset that has evolved names them.

use super::condition::Condition;
use super::types::{Words, columns, dict};
use super::{Dataset, quote};
use crate::Result;

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let mut arguments = vec![quote::python(&dataset.files(quote::in_classes))];
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
    Ok(format!("import polars as pl\n\n{schema}df = pl.scan_parquet({}){filter}\n", arguments.join(", ")))
}
