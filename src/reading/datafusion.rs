//! DataFusion. It looks for the folder `month=1` when a column of numbers is compared with 1, and finds none, as the folder
//! is `month=01`. So the folders' columns are text below, and numbers in what is selected; it leaves out folders by a
//! condition on the numbers all the same. It unites the columns of all files itself.

use super::condition::Condition;
use super::{Dataset, MetadataPlace, quote, where_clause};
use crate::{Error, Kind, Result};

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let folder = folder(dataset)?;
    let columns = dataset.each_folder_column(|column| format!("(\"{column}\", pa.string())"));
    let (import, partitions) = if columns.is_empty() {
        ("", String::new())
    } else {
        ("import pyarrow as pa\n", format!(", table_partition_cols=[{columns}]"))
    };
    let query = select(dataset, "files", condition);
    Ok(format!(
        "{import}from datafusion import SessionContext\n\nctx = SessionContext()\n\
         ctx.register_parquet(\"files\", {}{partitions})\ndf = ctx.sql({})\n",
        quote::python(&folder),
        quote::python_block(&query)
    ))
}

pub(super) fn sql(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    if !dataset.folder_columns().is_empty() && dataset.metadata == MetadataPlace::InFolder {
        return Err(Error::new(Kind::Feed, "DataFusion's CREATE EXTERNAL TABLE takes _metadata.json for a partition")
            .at("folder", &dataset.folder)
            .next("leave --sql out, as DataFusion's Python reads it, or keep metadata apart: lake.metadata = \"apart\""));
    }
    let files = quote::identifier(&format!("{}_files", dataset.name));
    let columns = dataset.each_folder_column(str::to_owned);
    let partitions = if columns.is_empty() { columns } else { format!(" PARTITIONED BY ({columns})") };
    Ok(format!(
        "CREATE EXTERNAL TABLE {files} STORED AS PARQUET{partitions} LOCATION {};\n{};\n",
        quote::sql(&(folder(dataset)? + "/")),
        select(dataset, &files, condition)
    ))
}

/// All columns, those of the folders as numbers.
fn select(dataset: &Dataset, from: &str, condition: Option<&Condition>) -> String {
    if dataset.folder_columns().is_empty() {
        return format!("SELECT * FROM {from}");
    }
    let names = dataset.each_folder_column(str::to_owned);
    let numbers = dataset.each_folder_column(|column| format!("CAST({column} AS INT) AS {column}"));
    let select = format!("SELECT * EXCLUDE ({names}), {numbers} FROM {from}");
    match condition {
        None => select,
        Some(_) => format!("SELECT * FROM ({select}){}", where_clause(condition, Condition::sql)),
    }
}

fn folder(dataset: &Dataset) -> Result<String> {
    let folder = dataset.data_folder();
    if folder.contains(['*', '?', '[']) {
        return Err(quote::is_a_pattern(&folder, "DataFusion"));
    }
    Ok(folder)
}
