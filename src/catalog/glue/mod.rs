//! AWS Glue Data Catalog: signed JSON requests.
//!
//! ```text
//! request   signing, sending, what passes and what does not        values   tables and partitions as Glue's JSON
//! ```
//!
//! AWS takes at most 100 partitions in a request that makes or alters them, and 25 in one that removes them.

mod request;
mod values;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use request::{Refusal, Requests, refused};
use serde_json::{Value, json};

use super::compare::same_names;
use super::{Catalog, Changes, HeldTable, Made, PartitionChange, PartitionDef, TableDef};
use crate::error::{Error, Kind, Result};

/// Partitions in a request that makes or alters them.
const BATCH: usize = 100;
/// Partitions in a request that removes them.
const DELETE_BATCH: usize = 25;
const NOT_FOUND: &str = "EntityNotFoundException";
const EXISTS: &str = "AlreadyExistsException";

/// How Glue is reached. The credentials come from the environment, as AWS's own tools take them.
#[derive(Debug, Clone)]
pub struct GlueOptions {
    /// `eu-central-1`
    pub region: String,
    /// Another address than that of the region.
    pub endpoint: Option<String>,
    /// The database in which the tables are.
    pub database: String,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub call_timeout: Duration,
}

impl GlueOptions {
    fn endpoint(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("https://glue.{}.amazonaws.com", self.region))
    }
}

/// The catalogue of one account and region.
pub struct Glue {
    options: GlueOptions,
    database: String,
    /// Made with the first question: credentials that are missing fail no export.
    requests: OnceLock<Requests>,
}

impl Glue {
    /// A catalogue; nothing is sent yet.
    pub fn new(options: GlueOptions) -> Self {
        Self { database: options.database.clone(), options, requests: OnceLock::new() }
    }

    fn requests(&self) -> Result<&Requests> {
        if let Some(requests) = self.requests.get() {
            return Ok(requests);
        }
        let made = Requests::new(&self.options)?;
        Ok(self.requests.get_or_init(|| made))
    }

    fn get(&self, name: &str) -> Result<Option<HeldTable>> {
        let body = json!({ "DatabaseName": self.database, "Name": name });
        match self.requests()?.ask("GetTable", &body)? {
            Ok(answer) => Ok(Some(values::held(&answer["Table"]))),
            Err(refusal) if refusal.is(NOT_FOUND) => Ok(None),
            Err(refusal) => Err(refused("GetTable", &refusal)),
        }
    }

    fn create(&self, table: &TableDef, partitions: &[PartitionDef]) -> Result<()> {
        let body =
            json!({ "DatabaseName": self.database, "TableInput": values::table(&table.unfinished(), None) });
        let mut made = self.requests()?.ask("CreateTable", &body)?;
        if made.as_ref().is_err_and(|refusal| refusal.is(NOT_FOUND)) {
            let database =
                json!({ "DatabaseInput": { "Name": self.database, "Description": "tables of lakehand" } });
            match self.requests()?.ask("CreateDatabase", &database)? {
                Ok(_) => {}
                Err(refusal) if refusal.is(EXISTS) => {}
                Err(refusal) => return Err(refused("CreateDatabase", &refusal)),
            }
            made = self.requests()?.ask("CreateTable", &body)?;
        }
        if let Err(refusal) = made {
            return Err(refused("CreateTable", &refusal));
        }
        self.add(table, &partitions.iter().collect::<Vec<_>>())?;
        // Only now it shows the commit.
        let held = self.get(&table.name)?.ok_or_else(|| self.unsteady(table))?;
        self.update(table, &held)
    }

    fn update(&self, table: &TableDef, held: &HeldTable) -> Result<()> {
        let body = json!({
            "DatabaseName": self.database,
            "TableInput": values::table(table, Some(held)),
            // Each commit would be kept as a version, of which AWS counts how many there are.
            "SkipArchive": true,
        });
        self.requests()?.must("UpdateTable", &body).map(drop)
    }

    /// Makes partitions; those that are there already are altered.
    fn add(&self, table: &TableDef, partitions: &[&PartitionDef]) -> Result<()> {
        for batch in partitions.chunks(BATCH) {
            let there = self.batch("BatchCreatePartition", EXISTS, table, batch)?;
            if !there.is_empty() {
                let missing = self.batch("BatchUpdatePartition", NOT_FOUND, table, &there)?;
                if !missing.is_empty() {
                    return Err(self.unsteady(table));
                }
            }
        }
        Ok(())
    }

    /// Alters partitions; those that are not there are made.
    fn alter(&self, table: &TableDef, partitions: &[&PartitionDef]) -> Result<()> {
        for batch in partitions.chunks(BATCH) {
            let missing = self.batch("BatchUpdatePartition", NOT_FOUND, table, batch)?;
            self.add(table, &missing)?;
        }
        Ok(())
    }

    /// One request about at most a hundred partitions; gives those that it refused with `passed_over`. Any other refusal is an error.
    fn batch<'p>(
        &self,
        operation: &str,
        passed_over: &str,
        table: &TableDef,
        batch: &[&'p PartitionDef],
    ) -> Result<Vec<&'p PartitionDef>> {
        let mut body = json!({ "DatabaseName": self.database, "TableName": table.name });
        let inputs: Vec<Value> = batch.iter().map(|partition| values::partition(table, partition)).collect();
        if operation == "BatchUpdatePartition" {
            let entry = |(partition, input): (&&PartitionDef, Value)| json!({ "PartitionValueList": partition.values, "PartitionInput": input });
            body["Entries"] = batch.iter().zip(inputs).map(entry).collect();
        } else {
            body["PartitionInputList"] = inputs.into();
        }
        let answer = self.requests()?.must(operation, &body)?;
        let passed = passed_over_in(operation, &answer, passed_over)?;
        Ok(batch.iter().filter(|partition| passed.contains(&partition.values)).copied().collect())
    }

    fn drop(&self, table: &TableDef, partitions: &[&[String]]) -> Result<()> {
        for batch in partitions.chunks(DELETE_BATCH) {
            let values: Vec<_> = batch.iter().map(|values| json!({ "Values": values })).collect();
            let body = json!({ "DatabaseName": self.database, "TableName": table.name, "PartitionsToDelete": values });
            let answer = self.requests()?.must("BatchDeletePartition", &body)?;
            // One that is not there is not missed.
            passed_over_in("BatchDeletePartition", &answer, NOT_FOUND)?;
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        match self.requests()?.ask("DeleteTable", &json!({ "DatabaseName": self.database, "Name": name }))? {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.is(NOT_FOUND) => Ok(()),
            Err(refusal) => Err(refused("DeleteTable", &refusal)),
        }
    }

    fn unsteady(&self, table: &TableDef) -> Error {
        Error::new(Kind::Busy, "partitions come and go in Glue while they are published")
            .at("table", format!("{}.{}", self.database, table.name))
            .next("look whether another program writes this table")
    }
}

/// The partitions that a request refused with `passed_over`; any other refusal is an error.
fn passed_over_in(operation: &str, answer: &Value, passed_over: &str) -> Result<BTreeSet<Vec<String>>> {
    let mut found = BTreeSet::new();
    for error in answer.get("Errors").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| error["ErrorDetail"][name].as_str().unwrap_or_default().to_owned();
        let refusal = Refusal { code: text("ErrorCode"), message: text("ErrorMessage") };
        if !refusal.is(passed_over) {
            return Err(refused(operation, &refusal));
        }
        // BatchUpdatePartition names them otherwise than the others do.
        let lists = ["PartitionValueList", "PartitionValues"].map(|name| values::values_of(error, name));
        found.extend(lists.into_iter().find(|values| !values.is_empty()));
    }
    Ok(found)
}

impl Catalog for Glue {
    fn name(&self) -> &'static str {
        "glue"
    }

    fn database(&self) -> &str {
        &self.database
    }

    fn target(&self) -> String {
        format!("{}/{}", self.options.endpoint(), self.database)
    }

    fn publish(&self, table: &TableDef, changes: &Changes) -> Result<Made> {
        let Some(held) = self.get(&table.name)? else {
            self.create(table, &changes.all)?;
            return Ok(Made::New);
        };
        held.check_owner(self.name(), &self.database, &table.name, table.owner())?;
        if held.is_unknown(changes.known) {
            return Ok(Made::Unknown);
        }
        if !same_names(&held.partition_columns, &table.partition_columns) {
            // Glue does not change the columns by which a table is partitioned.
            self.remove(&table.name)?;
            self.create(table, &changes.all)?;
            return Ok(Made::Again);
        }
        let (mut add, mut alter, mut drop) = (Vec::new(), Vec::new(), Vec::new());
        for change in &changes.since {
            match change {
                PartitionChange::Add(partition) => add.push(partition),
                PartitionChange::Alter(partition) => alter.push(partition),
                PartitionChange::Drop(values) => drop.push(values.as_slice()),
            }
        }
        if !same_names(&held.columns, &table.columns) {
            // Each partition has columns of its own: new ones go into all of them.
            let new: BTreeSet<_> = add.iter().map(|partition| &partition.values).collect();
            alter = changes.all.iter().filter(|partition| !new.contains(&partition.values)).collect();
        }
        self.drop(table, &drop)?;
        self.add(table, &add)?;
        self.alter(table, &alter)?;
        // Last: the commit that the table names is one whose partitions are there.
        self.update(table, &held)?;
        Ok(Made::Altered)
    }

    fn table(&self, name: &str) -> Result<Option<HeldTable>> {
        self.get(name)
    }

    fn partitions(&self, name: &str) -> Result<Vec<PartitionDef>> {
        let mut found = Vec::new();
        let mut body =
            json!({ "DatabaseName": self.database, "TableName": name, "ExcludeColumnSchema": true });
        loop {
            let answer = self.requests()?.must("GetPartitions", &body)?;
            found.extend(answer["Partitions"].as_array().into_iter().flatten().map(values::held_partition));
            match answer.get("NextToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => body["NextToken"] = token.into(),
                None => return Ok(found),
            }
        }
    }

    fn drop_table(&self, name: &str, owner: &str) -> Result<bool> {
        let Some(held) = self.get(name)? else { return Ok(false) };
        held.check_owner(self.name(), &self.database, name, owner)?;
        self.remove(name)?;
        Ok(true)
    }

    fn check(&self) -> Result<String> {
        let there = match self.requests()?.ask("GetDatabase", &json!({ "Name": self.database }))? {
            Ok(_) => "is there",
            Err(refusal) if refusal.is(NOT_FOUND) => "is not there yet, and is made with the first table",
            Err(refusal) => return Err(refused("GetDatabase", &refusal)),
        };
        Ok(format!("Glue answers at {}; database {} {there}", self.options.endpoint(), self.database))
    }
}
