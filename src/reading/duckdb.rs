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
    let hive = if dataset.folder_columns().is_empty() {
        "hive_partitioning = false".to_owned()
    } else {
        let types = dataset.each_folder_column(|column| format!("'{column}': INT"));
        format!("hive_partitioning = true, hive_types = {{{types}}}")
    };
    let scan = |files: &str, condition: Option<&Condition>| {
        let condition = where_clause(condition, Condition::sql);
        format!("SELECT * FROM read_parquet({files}, {hive}, union_by_name = true){condition}")
    };
    let hot = dataset.hot_files(quote::in_classes).map(|files| quote::sql(&files));
    let Some(tiers) = &dataset.tiers else { return Ok(scan(&hot.unwrap_or_default(), condition)) };
    let mut parts = Vec::new();
    if let Some(files) = hot {
        parts.push(scan(&files, dataset.local_condition(condition)?.as_ref()));
    }
    let late = dataset.late_files(quote::in_classes);
    let objects = tiers.addresses(Engine::DuckDb);
    let files: Vec<String> = objects.iter().chain(&late).map(|file| quote::sql(file)).collect();
    parts.push(scan(&format!("[\n  {}\n]", files.join(",\n  ")), condition));
    Ok(parts.join("\nUNION ALL BY NAME\n"))
}

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    Ok(format!("import duckdb\n\nrel = duckdb.sql({})\n", quote::python_block(&sql(dataset, condition)?)))
}
