//! Daft. It takes the columns of the first file for those of all, so a dataset that has evolved names them; it infers numbers
//! for the folders' columns.

use super::condition::Condition;
use super::types::{Words, columns, dict};
use super::{Dataset, quote};
use crate::Result;

pub(super) fn python(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let mut arguments = vec![quote::python(&dataset.files(quote::in_backslashes))];
    if !dataset.folder_columns().is_empty() {
        arguments.push("hive_partitioning=True".to_owned());
    }
    let (mut import, mut schema) = ("", String::new());
    if dataset.has_evolved() {
        import = "from daft import DataType\n";
        schema = format!("schema = {}\n", dict(&columns(&dataset.columns, Words::Daft)?));
        arguments.push("schema=schema".to_owned());
    }
    let filter =
        condition.map_or(String::new(), |condition| format!(".where({})", condition.python("daft.col")));
    Ok(format!("import daft\n{import}\n{schema}df = daft.read_parquet({}){filter}\n", arguments.join(", ")))
}
