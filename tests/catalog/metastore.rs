//! A Hive Metastore in this process, with as much of its behaviour as the client relies on. What it does was seen of Hive's own, which
//! `scripts/catalog-readers` asks.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use lakehand::catalog::hive::thrift::{Message, MessageKind, Value};

/// Where an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// The connection ends before the call is done.
    Before,
    /// The call is done, and its answer is lost.
    After,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) databases: BTreeSet<String>,
    pub(crate) tables: BTreeMap<String, Value>,
    pub(crate) partitions: BTreeMap<String, BTreeMap<Vec<String>, Value>>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) state: State,
    /// Calls, and how many partitions each was about.
    pub(crate) calls: Vec<(String, usize)>,
    /// The connection ends at the call of this number.
    pub(crate) broken: Option<(usize, Break)>,
    /// `get_table_req` is not known, as before Hive 2.3.
    pub(crate) is_old: bool,
    /// User and password that SASL PLAIN has to bring.
    pub(crate) login: Option<(String, String)>,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

pub(crate) struct Metastore {
    pub(crate) port: u16,
    pub(crate) inner: Arc<Mutex<Inner>>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Metastore {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { port, inner }
    }

    pub(crate) fn uri(&self) -> String {
        format!("thrift://127.0.0.1:{}", self.port)
    }

    pub(crate) fn state(&self) -> State {
        self.inner.lock().unwrap().state.clone()
    }

    pub(crate) fn set_state(&self, state: State) {
        self.inner.lock().unwrap().state = state;
    }

    pub(crate) fn break_at(&self, call: usize, how: Break) {
        let mut inner = self.inner.lock().unwrap();
        inner.calls.clear();
        inner.broken = Some((call, how));
    }

    /// The calls since they were taken last.
    pub(crate) fn take_calls(&self) -> Vec<(String, usize)> {
        let mut inner = self.inner.lock().unwrap();
        inner.broken = None;
        std::mem::take(&mut inner.calls)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.inner.lock().unwrap().state);
    }
}

fn serve(stream: TcpStream, shared: &Mutex<Inner>) {
    let (tls, login) = {
        let inner = shared.lock().unwrap();
        (inner.tls.clone(), inner.login.clone())
    };
    let mut stream: Box<dyn Stream> = match tls {
        Some(config) => {
            Box::new(rustls::StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), stream))
        }
        None => Box::new(stream),
    };
    if let Some((user, password)) = &login {
        let step = |stream: &mut Box<dyn Stream>| -> Option<(u8, Vec<u8>)> {
            let mut head = [0; 5];
            stream.read_exact(&mut head).ok()?;
            let size = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut text = vec![0; usize::try_from(size).unwrap()];
            stream.read_exact(&mut text).ok()?;
            Some((head[0], text))
        };
        let (Some((1, mechanism)), Some((2, given))) = (step(&mut stream), step(&mut stream)) else { return };
        let is_right = mechanism == b"PLAIN" && given == format!("\0{user}\0{password}").as_bytes();
        let (status, text) = if is_right { (5, "") } else { (4, "wrong password") };
        let mut answer = vec![status];
        answer.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        answer.extend(text.as_bytes());
        let _ = stream.write_all(&answer).and_then(|()| stream.flush());
        if !is_right {
            return;
        }
    }
    loop {
        let message = if login.is_some() {
            let mut head = [0; 4];
            if stream.read_exact(&mut head).is_err() {
                return;
            }
            let mut frame = vec![0; usize::try_from(u32::from_be_bytes(head)).unwrap()];
            stream.read_exact(&mut frame).unwrap();
            Message::receive(&mut frame.as_slice())
        } else {
            Message::receive(&mut stream)
        };
        let Ok(message) = message else { return };
        let Some(reply) = shared.lock().unwrap().answer(&message) else { return };
        let mut bytes = reply.bytes();
        if login.is_some() {
            bytes.splice(0..0, u32::try_from(bytes.len()).unwrap().to_be_bytes());
        }
        if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

fn exception(number: i16, text: &str) -> Value {
    Value::Struct(vec![(number, Value::Struct(vec![(1, Value::text(text))]))])
}

fn result(value: Value) -> Value {
    Value::Struct(vec![(0, value)])
}

pub(crate) fn values(partition: &Value) -> Vec<String> {
    partition.field(1).unwrap().items().iter().map(Value::as_text).collect()
}

impl Inner {
    fn answer(&mut self, message: &Message) -> Option<Message> {
        let at = self.calls.len();
        let broken = self.broken.filter(|(call, _)| *call == at).map(|(_, how)| how);
        if broken == Some(Break::Before) {
            self.calls.push((message.name.clone(), 0));
            return None;
        }
        let argument = |number: i16| message.body.field(number).cloned().unwrap_or(Value::Bool(false));
        let (body, count) = self.call(&message.name, &argument);
        self.calls.push((message.name.clone(), count));
        if broken == Some(Break::After) {
            return None;
        }
        let unknown = || {
            let text = Value::text("Invalid method name");
            (MessageKind::Exception, Value::Struct(vec![(1, text), (2, Value::I32(1))]))
        };
        let (kind, body) = body.map_or_else(unknown, |body| (MessageKind::Reply, body));
        Some(Message { kind, name: message.name.clone(), sequence: message.sequence, body })
    }

    #[allow(clippy::too_many_lines, reason = "one arm a call")]
    fn call(&mut self, name: &str, argument: &dyn Fn(i16) -> Value) -> (Option<Value>, usize) {
        let state = &mut self.state;
        let held = |name: &str, state: &State| match state.tables.get(name) {
            Some(table) => Ok(table.clone()),
            None => Err(exception(2, "NoSuchObject")),
        };
        let body = match name {
            "get_table_req" if self.is_old => return (None, 0),
            "get_table_req" => match held(&argument(1).text_at(2), state) {
                Ok(table) => result(Value::Struct(vec![(1, table)])),
                Err(missing) => missing,
            },
            "get_table" => held(&argument(2).as_text(), state).map_or_else(|missing| missing, result),
            "get_all_databases" => result(Value::strings(state.databases.iter().cloned())),
            "create_database" => {
                let is_new = state.databases.insert(argument(1).text_at(1));
                if is_new { Value::Struct(Vec::new()) } else { exception(1, "it is there") }
            }
            "create_table" => {
                let table = argument(1);
                assert_eq!(table.text_at(12), "EXTERNAL_TABLE");
                if !state.databases.contains(&table.text_at(2)) {
                    return (Some(exception(2, "no such database")), 0);
                }
                if state.tables.contains_key(&table.text_at(1)) {
                    return (Some(exception(1, "it is there")), 0);
                }
                state.partitions.insert(table.text_at(1), BTreeMap::new());
                state.tables.insert(table.text_at(1), table);
                Value::Struct(Vec::new())
            }
            "alter_table_with_environment_context" => {
                let (name, table) = (argument(2).as_text(), argument(3));
                let context = argument(4).field(1).unwrap().pairs();
                let columns = table.field(7).unwrap().field(1).unwrap().clone();
                if context.contains(&("CASCADE".to_owned(), "true".to_owned())) {
                    for partition in state.partitions.get_mut(&name).unwrap().values_mut() {
                        let mut storage = partition.field(6).unwrap().clone();
                        storage.set(1, columns.clone());
                        partition.set(6, storage);
                    }
                }
                state.tables.insert(name, table);
                Value::Struct(Vec::new())
            }
            "add_partitions_req" => {
                let request = argument(1);
                let parts = request.field(3).unwrap().items();
                assert!(parts.len() <= 200 && request.field(4) == Some(&Value::Bool(true)));
                let held = state.partitions.get_mut(&request.text_at(2)).unwrap();
                let mut added = Vec::new();
                for part in parts {
                    // One that is there stays as it is.
                    if let Entry::Vacant(free) = held.entry(values(part)) {
                        free.insert(part.clone());
                        added.push(part.clone());
                    }
                }
                let answer = result(Value::Struct(vec![(1, Value::structs(added))]));
                return (Some(answer), parts.len());
            }
            "alter_partitions_with_environment_context" => {
                let (name, parts) = (argument(2).as_text(), argument(3));
                let held = state.partitions.get_mut(&name).unwrap();
                if parts.items().iter().any(|part| !held.contains_key(&values(part))) {
                    return (Some(exception(1, "partition does not exist")), parts.items().len());
                }
                held.extend(parts.items().iter().map(|part| (values(part), part.clone())));
                return (Some(Value::Struct(Vec::new())), parts.items().len());
            }
            "drop_partitions_req" => {
                let request = argument(1);
                // Data stays.
                assert_eq!(request.field(4), Some(&Value::Bool(false)));
                let names = request.field(3).unwrap().field(1).unwrap().items().to_vec();
                let held = state.partitions.get_mut(&request.text_at(2)).unwrap();
                for name in &names {
                    let name = name.as_text();
                    let key: Vec<_> =
                        name.split('/').map(|part| part.split_once('=').unwrap().1.to_owned()).collect();
                    held.remove(&key);
                }
                return (Some(result(Value::Struct(Vec::new()))), names.len());
            }
            "get_partition_names" => {
                let name = argument(2).as_text();
                let keys = state.tables[&name].field(8).unwrap().clone();
                let columns: Vec<_> = keys.items().iter().map(|key| key.text_at(1)).collect();
                let named = |values: &Vec<String>| {
                    let parts: Vec<_> = columns.iter().zip(values).map(|(c, v)| format!("{c}={v}")).collect();
                    parts.join("/")
                };
                result(Value::strings(state.partitions[&name].keys().map(named)))
            }
            "get_partitions_by_names" => {
                let (held, names) = (&state.partitions[&argument(2).as_text()], argument(3));
                let key = |name: &Value| -> Vec<String> {
                    name.as_text().split('/').map(|part| part.split_once('=').unwrap().1.to_owned()).collect()
                };
                let parts: Vec<_> =
                    names.items().iter().filter_map(|name| held.get(&key(name)).cloned()).collect();
                result(Value::structs(parts))
            }
            "drop_table" => {
                assert_eq!(argument(3), Value::Bool(false), "data stays");
                state.partitions.remove(&argument(2).as_text());
                let gone = state.tables.remove(&argument(2).as_text()).is_some();
                if gone { Value::Struct(Vec::new()) } else { exception(1, "it is not there") }
            }
            _ => return (None, 0),
        };
        (Some(body), 0)
    }
}
