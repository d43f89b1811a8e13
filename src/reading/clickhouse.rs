//! ClickHouse: `clickhouse-local`, a server that may read the folder (`user_files_path`), or chdb in Python. chdb is asked for
//! an Arrow table: its data frame turns DECIMAL into floats.

use super::condition::Condition;
use super::{Dataset, quote, where_clause};
use crate::Result;

pub(super) fn sql(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    // Its patterns have no way to write these as themselves, and behind a quote it sees no columns in the folders' names.
    if dataset.folder.contains(['*', '?', '{', '}', '"']) {
        return Err(quote::is_a_pattern(&dataset.folder, "ClickHouse"));
    }
    let files = quote::sql_backslash(&dataset.files(str::to_owned));
    let hive = u8::from(!dataset.folder_columns().is_empty());
    let condition = where_clause(condition, Condition::sql);
    Ok(format!(
        "SELECT * FROM file({files}, Parquet){condition}\n\
         SETTINGS use_hive_partitioning = {hive}, schema_inference_mode = 'union'"
    ))
}

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let query = quote::python_block(&sql(dataset, condition)?);
    Ok(format!("import chdb\n\ndf = chdb.query({query}, \"ArrowTable\")\n"))
}
