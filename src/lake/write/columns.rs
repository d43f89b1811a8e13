//! The columns of a run as its files have them.

use arrow::datatypes::{DataType, SchemaRef};

use crate::feed::Feed;
use crate::lake::manifest::metadata::ColumnInfo;
use crate::lake::manifest::schema::TableSchema;
use crate::lake::write::present::{self, View};

/// A column of the files that a run would write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// The column's name.
    pub name: String,
    /// The column's type as ksqlDB spells it.
    pub ksql_type: String,
    /// The column's type in the files.
    pub data_type: DataType,
}

impl FileColumn {
    /// Arrow's name of its type, as the metadata records it.
    pub fn arrow_type(&self) -> String {
        present::type_text(&self.data_type)
    }
}

/// The columns of the files that a run over `schema` would write into a dataset that has the columns `known`. Without
/// these: what `accept-schema` would take.
pub fn columns_of_files(feed: &Feed, known: &[ColumnInfo], schema: &TableSchema) -> Vec<FileColumn> {
    let view = View::new(feed, known, schema);
    let names = file_columns(view.schema(), &schema.columns_types);
    let columns = names.into_iter().zip(view.schema().fields());
    columns
        .map(|([name, ksql_type, _], field)| FileColumn {
            name,
            ksql_type,
            data_type: field.data_type().clone(),
        })
        .collect()
}

/// The columns as a file holds them: name, ksqlDB type, Arrow type.
pub(crate) fn file_columns(schema: &SchemaRef, types: &[(String, String)]) -> Vec<[String; 3]> {
    schema
        .fields()
        .iter()
        .map(|field| {
            let ksql = types
                .iter()
                .find(|(name, _)| name == field.name())
                .map_or_else(|| pseudo_type(field.name()).to_owned(), |(_, ksql_type)| ksql_type.clone());
            [field.name().clone(), ksql, present::type_text(field.data_type())]
        })
        .collect()
}

/// ksqlDB's types of the columns that DESCRIBE does not list.
fn pseudo_type(name: &str) -> &'static str {
    match name {
        "ROWPARTITION" => "INTEGER",
        "ROWTIME" | "ROWOFFSET" | "WINDOWSTART" | "WINDOWEND" => "BIGINT",
        _ => "",
    }
}
