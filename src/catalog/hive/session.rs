//! One connection to a metastore: TCP, with TLS and SASL PLAIN where they are asked for, and calls over it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

use super::HiveOptions;
use super::thrift::{Message, MessageKind, Value};
use crate::error::{Error, Kind, Result};

/// What a metastore says no with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is there already.
    AlreadyExists,
    /// It is not there.
    NoSuchObject,
    /// That cannot be done with it.
    InvalidOperation,
    /// What was sent is not what it has to be.
    InvalidObject,
    /// Anything else.
    Meta,
    /// The server does not know the call.
    UnknownCall,
}

/// A call that the metastore refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) fault: Fault,
    pub(super) message: String,
}

/// A connection that is read and written.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// An open connection.
pub(super) struct Session {
    stream: Box<dyn Stream>,
    sequence: i32,
    address: String,
}

impl Session {
    /// Connects to the first of the addresses that answers.
    pub(super) fn open(options: &HiveOptions) -> Result<Self> {
        let mut failed = None;
        for address in &options.addresses {
            match connect(options, address) {
                Ok(stream) => return Ok(Self { stream, sequence: 0, address: address.clone() }),
                Err(error) => failed = Some(failed.unwrap_or(error)),
            }
        }
        Err(failed.unwrap_or_else(|| Error::new(Kind::Config, "catalog.hive.uri names no metastore")))
    }

    /// Which metastore it is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Calls; `faults` are the exceptions that the call declares, in the order of their numbers.
    pub(super) fn call(
        &mut self,
        name: &str,
        arguments: Vec<Value>,
        faults: &[Fault],
    ) -> Result<Result<Value, Refusal>> {
        self.sequence = self.sequence.wrapping_add(1);
        let numbered = (1..).zip(arguments).collect();
        let call = Message {
            kind: MessageKind::Call,
            name: name.to_owned(),
            sequence: self.sequence,
            body: Value::Struct(numbered),
        };
        let address = self.address.clone();
        let at = |error: Error| error.at("call", name).at("metastore", &address);
        call.send(&mut self.stream).map_err(|e| {
            at(Error::new(Kind::Unreachable, format!("the connection to the metastore broke: {e}"))
                .because(e))
        })?;
        let reply = Message::receive(&mut self.stream).map_err(at)?;
        if reply.sequence != self.sequence {
            return Err(at(Error::new(Kind::Garbled, "the answer belongs to another call")));
        }
        if reply.kind == MessageKind::Exception {
            // 1: the name of the call is not known.
            let unknown = reply.body.field(2) == Some(&Value::I32(1));
            let fault = if unknown { Fault::UnknownCall } else { Fault::Meta };
            return Ok(Err(Refusal { fault, message: reply.body.text_at(1) }));
        }
        let Value::Struct(fields) = reply.body else {
            return Err(at(Error::new(Kind::Garbled, "the answer is no struct")));
        };
        // Of the result and the exceptions one is there.
        if let Some((number, value)) = fields.into_iter().next() {
            if number == 0 {
                return Ok(Ok(value));
            }
            let fault = usize::try_from(number).ok().and_then(|n| faults.get(n.wrapping_sub(1)).copied());
            return Ok(Err(Refusal { fault: fault.unwrap_or(Fault::Meta), message: value.text_at(1) }));
        }
        // A call that gives nothing.
        Ok(Ok(Value::Struct(Vec::new())))
    }

    /// Calls, where a refusal is an error.
    pub(super) fn must(&mut self, name: &str, arguments: Vec<Value>, faults: &[Fault]) -> Result<Value> {
        self.call(name, arguments, faults)?.map_err(|refusal| self.refused(name, &refusal))
    }

    /// A refusal as an error.
    pub(super) fn refused(&self, call: &str, refusal: &Refusal) -> Error {
        let lines: Vec<_> = refusal.message.lines().take(3).collect();
        let what = match lines.join(" ") {
            text if text.is_empty() => "the metastore refused without a reason".to_owned(),
            text => format!("the metastore refused: {text}"),
        };
        let advice = match refusal.fault {
            Fault::UnknownCall => "this metastore is older than Hive 2.3, or a server of another kind",
            _ => "the metastore's own log says more",
        };
        Error::new(Kind::Refused, what).at("call", call).at("metastore", &self.address).next(advice)
    }
}

fn connect(options: &HiveOptions, address: &str) -> Result<Box<dyn Stream>> {
    let unreachable = |e: std::io::Error| {
        Error::new(Kind::Unreachable, format!("the metastore does not answer: {e}"))
            .at("metastore", address)
            .next("start the metastore, or look at catalog.hive.uri")
            .because(e)
    };
    let addresses: Vec<_> = address.to_socket_addrs().map_err(unreachable)?.collect();
    let mut tried = Err(std::io::Error::other("its name has no address"));
    for address in addresses {
        tried = TcpStream::connect_timeout(&address, options.connect_timeout);
        if tried.is_ok() {
            break;
        }
    }
    let tcp = tried.map_err(unreachable)?;
    let limits =
        |time: Duration| tcp.set_read_timeout(Some(time)).and_then(|()| tcp.set_write_timeout(Some(time)));
    limits(options.call_timeout).and_then(|()| tcp.set_nodelay(true)).map_err(unreachable)?;
    let stream: Box<dyn Stream> = match &options.tls {
        None => Box::new(tcp),
        Some(pem) => Box::new(tls(tcp, address, pem)?),
    };
    match &options.login {
        None => Ok(Box::new(Buffered { inner: stream, out: Vec::new(), answer: Vec::new(), read: 0 })),
        Some((user, password)) => {
            Ok(Box::new(Sasl::begin(stream, user, password).map_err(|e| e.at("metastore", address))?))
        }
    }
}

type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

fn tls(tcp: TcpStream, address: &str, pem: &[u8]) -> Result<Tls> {
    let unusable = |what: String| {
        Error::new(Kind::Config, format!("the CA certificate cannot be used: {what}"))
            .next("check catalog.hive.ca_file")
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| unusable(format!("{e:?}")))?;
        roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("the file holds no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|e| unusable(e.to_string()))?;
    let connection =
        rustls::ClientConnection::new(Arc::new(config), name).map_err(|e| unusable(e.to_string()))?;
    Ok(rustls::StreamOwned::new(connection, tcp))
}

/// Few large writes and reads in the place of many small ones.
struct Buffered {
    inner: Box<dyn Stream>,
    out: Vec<u8>,
    answer: Vec<u8>,
    read: usize,
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.write_all(&std::mem::take(&mut self.out))?;
        self.inner.flush()
    }
}

impl Read for Buffered {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.answer.len() {
            self.answer.resize(1 << 16, 0);
            let came = self.inner.read(&mut self.answer)?;
            self.answer.truncate(came);
            self.read = 0;
        }
        let count = into.len().min(self.answer.len() - self.read);
        into[..count].copy_from_slice(&self.answer[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// Messages in frames, behind a login by user and password, as metastores with LDAP or an own check want them.
struct Sasl {
    inner: Box<dyn Stream>,
    out: Vec<u8>,
    answer: Vec<u8>,
    read: usize,
}

/// Steps of the login.
const START: u8 = 1;
const OK: u8 = 2;
const COMPLETE: u8 = 5;
/// The largest frame, bytes.
const MAX_FRAME: usize = 256 << 20;

impl Sasl {
    fn begin(mut inner: Box<dyn Stream>, user: &str, password: &str) -> Result<Self> {
        let broke = |e: std::io::Error| {
            Error::new(Kind::Unreachable, format!("the login to the metastore broke: {e}"))
                .next("the metastore may want no SASL at all, or Kerberos, which lakehand does not speak")
                .because(e)
        };
        let step = |status: u8, text: &[u8]| {
            let mut bytes = vec![status];
            bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(text);
            bytes
        };
        let mut hello = step(START, b"PLAIN");
        hello.extend(step(OK, format!("\0{user}\0{password}").as_bytes()));
        inner.write_all(&hello).and_then(|()| inner.flush()).map_err(broke)?;
        let mut head = [0; 5];
        inner.read_exact(&mut head).map_err(broke)?;
        let size = u32::from_be_bytes([head[1], head[2], head[3], head[4]]).min(1 << 16) as usize;
        let mut text = vec![0; size];
        inner.read_exact(&mut text).map_err(broke)?;
        if head[0] != COMPLETE {
            let text = String::from_utf8_lossy(&text).into_owned();
            return Err(Error::new(Kind::Auth, format!("the metastore refused the login: {text}")).next(
                "look at catalog.hive.username and the password; a metastore that wants Kerberos cannot be used",
            ));
        }
        Ok(Self { inner, out: Vec::new(), answer: Vec::new(), read: 0 })
    }
}

impl Write for Sasl {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let frame = std::mem::take(&mut self.out);
        let mut bytes = u32::try_from(frame.len()).map_err(std::io::Error::other)?.to_be_bytes().to_vec();
        bytes.extend(frame);
        self.inner.write_all(&bytes)?;
        self.inner.flush()
    }
}

impl Read for Sasl {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.answer.len() {
            let mut head = [0; 4];
            self.inner.read_exact(&mut head)?;
            let size = u32::from_be_bytes(head) as usize;
            if size > MAX_FRAME {
                return Err(std::io::Error::other("a frame is too large"));
            }
            self.answer.clear();
            (&mut self.inner).take(size as u64).read_to_end(&mut self.answer)?;
            if self.answer.len() < size {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.read = 0;
        }
        let count = into.len().min(self.answer.len() - self.read);
        into[..count].copy_from_slice(&self.answer[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}
