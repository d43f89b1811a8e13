//! The Schema Registry: writers' schemas by the id that a record names.
//!
//! ```text
//! GET /schemas/ids/{id}                          text, type, references ──▶ AvroSchema, kept for good
//! GET /subjects/{subject}/versions/{version}     each reference, those that it has itself before it
//! GET /subjects/{subject}/versions/latest        which schema is the newest
//! ```
//!
//! A registry that says that it has no such id makes bad records of those that name it. One that cannot be asked is an outage, and
//! no word about any record.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use serde::Deserialize;

use super::client::{ClientOptions, Http, Reply};
use super::decode::record::AvroSchema;
use super::server_error::ServerError;
use crate::error::{Error, Kind, Result};

const MEDIA: &str = "application/vnd.schemaregistry.v1+json";

/// The longest answer: schemas of generated code have some hundred kB.
const MAX_BODY: usize = 16 << 20;

/// Schemas that one schema may refer to, with all that those refer to.
const MAX_REFERENCES: usize = 1000;

/// What an id is: a schema, or the clause that says why no record of it can be read.
pub type Known = Result<Arc<AvroSchema>, String>;

/// A registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    schemas: Mutex<HashMap<u32, Arc<AvroSchema>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    /// Told of versions, not of ids.
    id: Option<u32>,
    schema: String,
    /// AVRO where it is not told.
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    subject: String,
    version: i64,
}

impl Registry {
    /// A registry at the address of these options; nothing is sent yet.
    ///
    /// # Errors
    /// [`Kind::Config`] for an address, certificate or key that cannot be used.
    pub fn new(options: ClientOptions) -> Result<Self> {
        let http = Http::unpooled(options, MEDIA)?;
        Ok(Self(Arc::new(Inner { http, schemas: Mutex::default() })))
    }

    /// Whether it answers and lets us in: the types of schemas that it has.
    ///
    /// # Errors
    /// As [`Registry::schema`].
    pub async fn check(&self) -> Result<Vec<String>> {
        let path = ["schemas", "types"];
        let reply = self.0.http.ask(Method::GET, &path, None, MAX_BODY).await?;
        if reply.status != 200 {
            return Err(self.refused(&reply, &path));
        }
        serde_json::from_slice(&reply.body).map_err(|error| self.no_registry(&path, &error))
    }

    /// The schema of an id, asked for once. It blocks, on any thread that may wait.
    ///
    /// # Errors
    /// [`Kind::Unreachable`] and [`Kind::Busy`] when it does not answer now, [`Kind::Auth`] when it does not let us in,
    /// [`Kind::Refused`] and [`Kind::Garbled`] when it does not answer like a registry.
    pub fn schema(&self, id: u32) -> Result<Known> {
        if let Some(known) = self.0.schemas.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Ok(Arc::clone(known)));
        }
        let known = block_on(self.ask(id))?.map_err(|error| error.at("schema", id))?;
        if let Ok(schema) = &known {
            let mut schemas = self.0.schemas.lock().unwrap_or_else(PoisonError::into_inner);
            schemas.insert(id, Arc::clone(schema));
        }
        Ok(known)
    }

    /// The id of the newest schema of a subject; `None` where there is no such subject. It blocks, as [`Registry::schema`] does.
    ///
    /// # Errors
    /// As [`Registry::schema`].
    pub fn newest(&self, subject: &str) -> Result<Option<u32>> {
        let wire = block_on(self.get(&["subjects", subject, "versions", "latest"]))?;
        Ok(wire.map_err(|error| error.at("subject", subject))?.and_then(|wire| wire.id))
    }

    async fn ask(&self, id: u32) -> Result<Known> {
        let id = id.to_string();
        let Some(wire) = self.get(&["schemas", "ids", &id]).await? else {
            return Ok(Err("the schema registry does not have it".to_owned()));
        };
        if let Some(other) = wire.schema_type.filter(|name| name != "AVRO") {
            return Ok(Err(format!("it is one of {other}, and not of AVRO")));
        }
        Ok(match self.references(wire.references).await? {
            Ok(references) => AvroSchema::parse(&wire.schema, &references).map(Arc::new),
            Err(missing) => Err(missing),
        })
    }

    /// The texts that a schema refers to, each after those that it refers to itself.
    async fn references(&self, direct: Vec<Reference>) -> Result<Result<Vec<String>, String>> {
        enum Work {
            Ask(Reference),
            Keep(String),
        }
        let (mut texts, mut seen) = (Vec::new(), BTreeSet::new());
        let mut work: Vec<_> = direct.into_iter().rev().map(Work::Ask).collect();
        while let Some(next) = work.pop() {
            let reference = match next {
                Work::Keep(text) => {
                    texts.push(text);
                    continue;
                }
                Work::Ask(reference) => reference,
            };
            let Reference { subject, version } = reference;
            if !seen.insert((subject.clone(), version)) {
                continue;
            }
            if seen.len() > MAX_REFERENCES {
                return Ok(Err(format!("it refers to more than {MAX_REFERENCES} others")));
            }
            let number = version.to_string();
            match self.get(&["subjects", &subject, "versions", &number]).await? {
                None => {
                    return Ok(Err(format!(
                        "it refers to version {version} of {subject:?}, which the schema registry does not have"
                    )));
                }
                Some(wire) => {
                    work.push(Work::Keep(wire.schema));
                    work.extend(wire.references.into_iter().rev().map(Work::Ask));
                }
            }
        }
        Ok(Ok(texts))
    }

    /// A schema; `None` when the registry says that it has none there.
    async fn get(&self, path: &[&str]) -> Result<Option<Wire>> {
        let reply = self.0.http.ask(Method::GET, path, None, MAX_BODY).await?;
        let code = ServerError::parse(&reply.body).and_then(|said| said.code);
        match (reply.status, code) {
            (200, _) => {
                serde_json::from_slice(&reply.body).map(Some).map_err(|error| self.no_registry(path, &error))
            }
            // Its own word for an id, a subject or a version that is not there; any other server would say 404 too.
            (404, Some(40401..=40403)) => Ok(None),
            _ => Err(self.refused(&reply, path)),
        }
    }

    fn refused(&self, reply: &Reply, path: &[&str]) -> Error {
        let said = ServerError::parse(&reply.body).map(|said| said.message).filter(|text| !text.is_empty());
        let said = said.map_or_else(|| "without a word".to_owned(), |text| format!("with: {text}"));
        let (kind, next) = match reply.status {
            401 | 403 => (
                Kind::Auth,
                "check schema_registry.username with LAKEHAND_SCHEMA_REGISTRY_PASSWORD or schema_registry.password_file, or the token",
            ),
            429 | 503 => (Kind::Busy, "it is asked again"),
            500.. => (Kind::Unreachable, "look at the registry's log; it is asked again"),
            _ => (Kind::Refused, "check that schema_registry.url is that of a Schema Registry"),
        };
        let error = Error::new(kind, format!("the schema registry refused {said}"))
            .at("status", reply.status)
            .at("endpoint", format!("/{}", path.join("/")))
            .at("registry", self.0.http.options().shown_url())
            .next(next);
        match reply.wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }

    fn no_registry(&self, path: &[&str], error: &serde_json::Error) -> Error {
        let what = format!("the schema registry answered with something that is not a registry's: {error}");
        Error::new(Kind::Garbled, what)
            .at("endpoint", format!("/{}", path.join("/")))
            .at("registry", self.0.http.options().shown_url())
            .next("check that schema_registry.url is that of a Schema Registry")
    }
}

/// Waits on this thread. Questions are few, so that none needs a runtime that stays.
fn block_on<T>(question: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|e| Error::new(Kind::Io, format!("cannot ask the schema registry: {e}")).because(e))?;
    Ok(runtime.block_on(question))
}
