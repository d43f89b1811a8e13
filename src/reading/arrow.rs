//! pandas and pyarrow: one reader, and it hides a column that the first file lacks unless the schema is given.
//!
//! pandas is asked for Arrow's types: with its own, a BIGINT column with a null becomes a float and loses digits, and a
//! DECIMAL becomes Python objects.

use super::condition::Condition;
use super::types::{Words, columns, pairs};
use super::{Dataset, quote};
use crate::Result;

pub(super) fn pandas(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let Parts { mut imports, schema, mut arguments } = parts(dataset)?;
    arguments.push("dtype_backend=\"pyarrow\"".to_owned());
    if let Some(condition) = condition {
        arguments.push(format!("filters={}", condition.python("ds.field")));
    }
    imports.insert(0, "import pandas as pd");
    Ok(format!("{}\n\n{schema}df = pd.read_parquet({})\n", imports.join("\n"), arguments.join(", ")))
}

pub(super) fn pyarrow(dataset: &Dataset, condition: Option<&Condition>) -> Result<String> {
    let Parts { mut imports, schema, mut arguments } = parts(dataset)?;
    if !imports.contains(&DATASET) {
        imports.push(DATASET);
    }
    arguments.push("format=\"parquet\"".to_owned());
    let filter =
        condition.map_or(String::new(), |condition| format!("filter={}", condition.python("ds.field")));
    Ok(format!(
        "{}\n\n{schema}df = ds.dataset({}).to_table({filter})\n",
        imports.join("\n"),
        arguments.join(", ")
    ))
}

const DATASET: &str = "import pyarrow.dataset as ds";

/// What both calls are made of.
struct Parts {
    imports: Vec<&'static str>,
    /// A line that makes `schema`, or nothing.
    schema: String,
    arguments: Vec<String>,
}

fn parts(dataset: &Dataset) -> Result<Parts> {
    let mut imports = Vec::new();
    // A folder is no pattern here: its name stands as it is, and names that begin with `_` are left out.
    let mut arguments = vec![quote::python(&dataset.data_folder())];
    let folders = dataset.each_folder_column(|column| format!("(\"{column}\", pa.int32())"));
    if folders.is_empty() {
        arguments.push("partitioning=None".to_owned());
    } else {
        imports.extend(["import pyarrow as pa", DATASET]);
        arguments.push(format!("partitioning=ds.partitioning(pa.schema([{folders}]), flavor=\"hive\")"));
    }
    let mut schema = String::new();
    if dataset.has_evolved() {
        if imports.is_empty() {
            imports.push("import pyarrow as pa");
        }
        let mut all = vec![pairs(&columns(&dataset.columns, Words::PyArrow)?)];
        all.extend((!folders.is_empty()).then_some(folders));
        schema = format!("schema = pa.schema([{}])\n", all.join(", "));
        arguments.push("schema=schema".to_owned());
    }
    Ok(Parts { imports, schema, arguments })
}
