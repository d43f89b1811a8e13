//! DuckDB. The folders' types are declared, as it infers VARCHAR as soon as one value has a leading zero; files are united
//! by name always, as otherwise the oldest file decides which columns there are.

use super::condition::Condition;
use super::{Dataset, Engine, quote, where_clause};
use crate::Result;

pub(super) fn sql(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    // Its patterns take a backslash for a separator, and have no way to write one.
    if dataset.folder.contains('\\') {
        return Err(quote::is_a_pattern(&dataset.folder, "DuckDB"));
    }
    let mut files: Vec<String> =
        dataset.local_part(quote::in_classes).iter().map(|file| quote::sql(file)).collect();
    if let Some(tiers) = &dataset.tiers {
        files.extend(tiers.addresses(Engine::DuckDb).iter().map(|object| quote::sql(object)));
    }
    let files = match &files[..] {
        [one] if dataset.tiers.is_none() => one.clone(),
        all => format!("[\n  {}\n]", all.join(",\n  ")),
    };
    let hive = if dataset.folder_columns().is_empty() {
        "hive_partitioning = false".to_owned()
    } else {
        let types = dataset.each_folder_column(|column| format!("'{column}': INT"));
        format!("hive_partitioning = true, hive_types = {{{types}}}")
    };
    let condition = where_clause(condition, Condition::sql);
    Ok(format!("SELECT * FROM read_parquet({files}, {hive}, union_by_name = true){condition}"))
}

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    Ok(format!("import duckdb\n\nrel = duckdb.sql({})\n", quote::python_block(&sql(dataset, condition)?)))
}
