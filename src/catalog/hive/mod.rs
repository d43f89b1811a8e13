//! Hive Metastore, by its own calls. Hive 2.3 and newer.
//!
//! ```text
//! thrift    values and messages of the binary protocol        session   one connection, calls, refusals told apart
//! values    tables and partitions as the metastore's structs
//! ```
//!
//! | call | for |
//! |---|---|
//! | `get_table_req`, else `get_table` | what is held, and who made it |
//! | `create_database`, `create_table` | what is not there |
//! | `alter_table_with_environment_context` | columns, location, parameters; new columns go into the partitions too |
//! | `add_partitions_req`, `alter_partitions_with_environment_context`, `drop_partitions_req` | partitions |
//! | `get_partition_names`, `get_partitions_by_names` | what is held of partitions |
//! | `drop_table`, `get_all_databases` | `catalog drop`; whether it is there |
//!
//! The metastore itself is asked to leave counts as they are sent: else it lists folders that it may not even reach.

mod session;
pub mod thrift;
mod values;

use std::collections::BTreeSet;
use std::time::Duration;

use session::{Fault, Refusal, Session};
use thrift::Value;

use super::compare::{partition_name, same_names};
use super::{Catalog, Changes, HeldTable, Made, PartitionChange, PartitionDef, TableDef};
use crate::error::{Error, Kind, Result};

/// Partitions in one call.
const BATCH: usize = 200;

/// How a metastore is reached.
#[derive(Clone)]
pub struct HiveOptions {
    /// `host:port`, the first that answers counts.
    pub addresses: Vec<String>,
    /// The database in which the tables are.
    pub database: String,
    /// With TLS: the certificates (PEM) that are trusted.
    pub tls: Option<Vec<u8>>,
    /// User and password, for SASL PLAIN.
    pub login: Option<(String, String)>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub call_timeout: Duration,
}

/// A Hive Metastore.
pub struct Hive {
    options: HiveOptions,
}

impl Hive {
    /// A metastore; nothing is sent yet.
    pub fn new(options: HiveOptions) -> Self {
        Self { options }
    }

    fn session(&self) -> Result<Session> {
        Session::open(&self.options)
    }

    /// The table as the metastore sends it; `None` where there is none.
    fn get(&self, session: &mut Session, name: &str) -> Result<Option<Value>> {
        const FAULTS: &[Fault] = &[Fault::Meta, Fault::NoSuchObject];
        let database = &self.options.database;
        let request = Value::Struct(vec![(1, Value::text(database)), (2, Value::text(name))]);
        let mut answer = session.call("get_table_req", vec![request], FAULTS)?;
        if let Ok(result) = answer {
            // The result holds the table.
            answer = Ok(result.field(1).cloned().unwrap_or(Value::Struct(Vec::new())));
        } else if matches!(answer, Err(Refusal { fault: Fault::UnknownCall, .. })) {
            answer = session.call("get_table", vec![Value::text(database), Value::text(name)], FAULTS)?;
        }
        match answer {
            Ok(table) => Ok(Some(table)),
            Err(Refusal { fault: Fault::NoSuchObject, .. }) => Ok(None),
            Err(refusal) => Err(session.refused("get_table", &refusal)),
        }
    }

    fn create(&self, session: &mut Session, table: &TableDef, partitions: &[PartitionDef]) -> Result<()> {
        const FAULTS: &[Fault] =
            &[Fault::AlreadyExists, Fault::InvalidObject, Fault::Meta, Fault::NoSuchObject];
        let database = &self.options.database;
        let value = values::table(database, &table.unfinished());
        let mut made = session.call("create_table", vec![value.clone()], FAULTS)?;
        if made
            .as_ref()
            .is_err_and(|refusal| matches!(refusal.fault, Fault::InvalidObject | Fault::NoSuchObject))
        {
            self.create_database(session)?;
            made = session.call("create_table", vec![value], FAULTS)?;
        }
        if let Err(refusal) = made {
            return Err(session.refused("create_table", &refusal));
        }
        let add: Vec<_> = partitions.iter().collect();
        self.add(session, table, &add)?;
        // Only now it shows the commit.
        let held = self.get(session, &table.name)?;
        let done = held.map(|held| self.alter(session, table, &held)).transpose()?;
        if done == Some(true) { Ok(()) } else { Err(self.unsteady(session, table)) }
    }

    fn unsteady(&self, session: &Session, table: &TableDef) -> Error {
        Error::new(
            Kind::Busy,
            "the table or partitions of it come and go in the metastore while they are published",
        )
        .at("table", format!("{}.{}", self.options.database, table.name))
        .at("metastore", session.address())
        .next("look whether another program writes this table")
    }

    fn create_database(&self, session: &mut Session) -> Result<()> {
        let database = Value::Struct(vec![
            (1, Value::text(&self.options.database)),
            (2, Value::text("tables of lakehand")),
        ]);
        let faults = [Fault::AlreadyExists, Fault::InvalidObject, Fault::Meta];
        match session.call("create_database", vec![database], &faults)? {
            Ok(_) | Err(Refusal { fault: Fault::AlreadyExists, .. }) => Ok(()),
            Err(refusal) => Err(session.refused("create_database", &refusal)),
        }
    }

    /// Alters the table; false when the metastore cannot do that to it.
    fn alter(&self, session: &mut Session, table: &TableDef, held: &Value) -> Result<bool> {
        let database = &self.options.database;
        let columns_change = !same_names(&values::held(held).columns, &table.columns);
        let mut properties = vec![("DO_NOT_UPDATE_STATS", "true")];
        // New columns go into the partitions that are there, in the metastore itself.
        properties.extend(columns_change.then_some(("CASCADE", "true")));
        let arguments = vec![
            Value::text(database),
            Value::text(&table.name),
            values::altered(held, table),
            context(&properties),
        ];
        let faults = [Fault::InvalidOperation, Fault::Meta];
        match session.call("alter_table_with_environment_context", arguments, &faults)? {
            Ok(_) => Ok(true),
            Err(refusal) => {
                let cannot = refusal.fault == Fault::InvalidOperation && columns_change;
                if cannot { Ok(false) } else { Err(session.refused("alter_table", &refusal)) }
            }
        }
    }

    fn change(&self, session: &mut Session, table: &TableDef, changes: &[PartitionChange]) -> Result<()> {
        let (mut add, mut alter, mut drop) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change {
                PartitionChange::Add(partition) => add.push(partition),
                PartitionChange::Alter(partition) => alter.push(partition),
                PartitionChange::Drop(values) => drop.push(values.as_slice()),
            }
        }
        self.drop(session, table, &drop)?;
        self.add(session, table, &add)?;
        for batch in alter.chunks(BATCH) {
            if !self.alter_partitions(session, table, batch)? {
                // One of them is not there: those that are missing are added, and the others altered.
                self.add(session, table, batch)?;
            }
        }
        Ok(())
    }

    /// Adds partitions; those that are there already are altered.
    fn add(&self, session: &mut Session, table: &TableDef, partitions: &[&PartitionDef]) -> Result<()> {
        const FAULTS: &[Fault] = &[Fault::InvalidObject, Fault::AlreadyExists, Fault::Meta];
        let database = &self.options.database;
        for batch in partitions.chunks(BATCH) {
            let parts = batch.iter().map(|partition| values::partition(database, table, partition)).collect();
            let request = Value::Struct(vec![
                (1, Value::text(database)),
                (2, Value::text(&table.name)),
                (3, Value::structs(parts)),
                (4, Value::Bool(true)),
                (5, Value::Bool(true)),
            ]);
            let added = session.must("add_partitions_req", vec![request], FAULTS)?;
            let added: BTreeSet<_> = added
                .field(1)
                .map(|parts| parts.items().iter().map(values::values_of).collect())
                .unwrap_or_default();
            let there: Vec<_> = batch.iter().filter(|p| !added.contains(&p.values)).copied().collect();
            if !there.is_empty() && !self.alter_partitions(session, table, &there)? {
                return Err(self.unsteady(session, table));
            }
        }
        Ok(())
    }

    /// Alters partitions; false when one is not there.
    fn alter_partitions(
        &self,
        session: &mut Session,
        table: &TableDef,
        batch: &[&PartitionDef],
    ) -> Result<bool> {
        let database = &self.options.database;
        let parts = batch.iter().map(|partition| values::partition(database, table, partition)).collect();
        let arguments = vec![
            Value::text(database),
            Value::text(&table.name),
            Value::structs(parts),
            context(&[("DO_NOT_UPDATE_STATS", "true")]),
        ];
        let faults = [Fault::InvalidOperation, Fault::Meta];
        match session.call("alter_partitions_with_environment_context", arguments, &faults)? {
            Ok(_) => Ok(true),
            Err(Refusal { fault: Fault::InvalidOperation, .. }) => Ok(false),
            Err(refusal) => Err(session.refused("alter_partitions", &refusal)),
        }
    }

    fn drop(&self, session: &mut Session, table: &TableDef, partitions: &[&[String]]) -> Result<()> {
        let database = &self.options.database;
        let columns = || table.partition_columns.iter().map(|column| column.name.as_str());
        for batch in partitions.chunks(BATCH) {
            let names = batch.iter().map(|values| partition_name(columns(), values));
            let request = Value::Struct(vec![
                (1, Value::text(database)),
                (2, Value::text(&table.name)),
                (3, Value::Struct(vec![(1, Value::strings(names))])),
                // No data goes, and one that is not there is not missed.
                (4, Value::Bool(false)),
                (5, Value::Bool(true)),
                (8, Value::Bool(false)),
            ]);
            session.must("drop_partitions_req", vec![request], &[Fault::NoSuchObject, Fault::Meta])?;
        }
        Ok(())
    }

    fn remove(&self, session: &mut Session, name: &str) -> Result<()> {
        let arguments = vec![Value::text(&self.options.database), Value::text(name), Value::Bool(false)];
        match session.call("drop_table", arguments, &[Fault::NoSuchObject, Fault::Meta])? {
            Ok(_) | Err(Refusal { fault: Fault::NoSuchObject, .. }) => Ok(()),
            Err(refusal) => Err(session.refused("drop_table", &refusal)),
        }
    }
}

/// An EnvironmentContext.
fn context(properties: &[(&str, &str)]) -> Value {
    Value::Struct(vec![(1, Value::texts(properties.iter().copied()))])
}

impl Catalog for Hive {
    fn name(&self) -> &'static str {
        "hive"
    }

    fn database(&self) -> &str {
        &self.options.database
    }

    fn target(&self) -> String {
        format!("thrift://{}/{}", self.options.addresses.join(","), self.options.database)
    }

    fn publish(&self, table: &TableDef, changes: &Changes) -> Result<Made> {
        let session = &mut self.session()?;
        let Some(value) = self.get(session, &table.name)? else {
            self.create(session, table, &changes.all)?;
            return Ok(Made::New);
        };
        let held = values::held(&value);
        held.check_owner(self.name(), &self.options.database, &table.name, table.owner())?;
        if held.is_unknown(changes.known) {
            return Ok(Made::Unknown);
        }
        if same_names(&held.partition_columns, &table.partition_columns) {
            self.change(session, table, &changes.since)?;
            // Last: the commit that the table names is one whose partitions are there.
            if self.alter(session, table, &value)? {
                return Ok(Made::Altered);
            }
        }
        self.remove(session, &table.name)?;
        self.create(session, table, &changes.all)?;
        Ok(Made::Again)
    }

    fn table(&self, name: &str) -> Result<Option<HeldTable>> {
        Ok(self.get(&mut self.session()?, name)?.as_ref().map(values::held))
    }

    fn partitions(&self, name: &str) -> Result<Vec<PartitionDef>> {
        let session = &mut self.session()?;
        let key = || vec![Value::text(&self.options.database), Value::text(name)];
        let mut arguments = key();
        arguments.push(Value::I16(-1));
        let faults = [Fault::NoSuchObject, Fault::Meta];
        let names = session.must("get_partition_names", arguments, &faults)?;
        let mut found = Vec::new();
        for batch in names.items().chunks(BATCH) {
            let mut arguments = key();
            arguments.push(Value::strings(batch.iter().map(Value::as_text)));
            let parts =
                session.must("get_partitions_by_names", arguments, &[Fault::Meta, Fault::NoSuchObject])?;
            found.extend(parts.items().iter().map(values::held_partition));
        }
        Ok(found)
    }

    fn drop_table(&self, name: &str, owner: &str) -> Result<bool> {
        let session = &mut self.session()?;
        let Some(value) = self.get(session, name)? else { return Ok(false) };
        values::held(&value).check_owner(self.name(), &self.options.database, name, owner)?;
        self.remove(session, name)?;
        Ok(true)
    }

    fn check(&self) -> Result<String> {
        let session = &mut self.session()?;
        let databases = session.must("get_all_databases", Vec::new(), &[Fault::Meta])?;
        let there = databases.items().iter().any(|name| name.as_text() == self.options.database);
        let database = &self.options.database;
        let word = if there { "is there" } else { "is not there yet, and is made with the first table" };
        Ok(format!("the metastore at {} answers; database {database} {word}", session.address()))
    }
}
