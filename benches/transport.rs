//! Which version of HTTP, which windows, and how small chunks are put together: CPU and memory of the client alone.
//!
//! ```text
//! cargo bench --bench transport                    versions and windows, then ways to put chunks together
//! cargo bench --bench transport -- pumps 300000    the ways only, over so many rows
//! ```
//!
//! Server and client are processes of their own (the bench starts itself again). A chunk is a row, as real servers send it,
//! or many; the reader is fast, or stalls for three seconds in the middle, behind a queue as `src/source/ksql/chunk_reader.rs` has it.
//! `VERBOSE=1` shows why answers broke off. Without `--bench` (as `cargo test --all-targets` calls it) a few rows only.
//!
//! The program uses HTTP/1.1 for every request. That is right in that each of its answers came whole, whatever the chunks
//! and the reader were, while HTTP/2 with default, equal or adaptive windows broke off answers of small frames
//! (`too_many_data_frames`), adaptive ones even with a fast reader. It is not the cheapest: a stream window of 1 MiB in a
//! connection window of 64 MiB came whole too, and takes two fifths of the CPU on chunks of a row while the runtime has two
//! threads; with one thread HTTP/1.1 takes half of what it takes with two. From 16 KiB a chunk on they are alike.

mod support;

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::pin::{Pin, pin};
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::sync::mpsc;
use tokio::time::{Interval, Sleep, interval, sleep};

/// Bytes put together before they are handed on, and pieces that may wait: as in `src/source/ksql/chunk_reader.rs`.
const PIECE: usize = 256 << 10;
const DEPTH: usize = 32;
/// How long bytes wait for more.
const LINGER: Duration = Duration::from_millis(5);

const VERSIONS: [&str; 5] = ["HTTP/1.1", "h2 default", "h2 1M/64M", "h2 16M/16M", "h2 adaptive"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["server"] => serve(),
        ["client", url, version, stall, pump, workers] => {
            let stall = Duration::from_millis(stall.parse().unwrap());
            client(url, version, stall, pump, workers.parse().unwrap());
        }
        ["pumps", rows] => pumps(rows.parse().unwrap(), 5),
        _ => {
            let measured = std::env::args().any(|argument| argument == "--bench");
            let rows = std::env::var("ROWS").ok().and_then(|n| n.parse().ok());
            let rows = rows.unwrap_or(if measured { 1_000_000 } else { 300 });
            if measured {
                versions(rows, 3, 3000);
                pumps(rows / 3, 5);
            } else {
                versions(rows, 1, 10);
                pumps(rows, 1);
            }
        }
    }
}

/// How rows are sent: bytes of a chunk, chunks, whether each leaves with a write of its own, chunks a second (0: no limit).
#[derive(Clone, Copy)]
struct Sending {
    name: &'static str,
    size: u64,
    chunks: u64,
    alone: bool,
    rate: u64,
}

impl Sending {
    fn new(name: &'static str, size: u64, bytes: u64) -> Self {
        Self { name, size, chunks: bytes.div_ceil(size), alone: false, rate: 0 }
    }

    fn path(&self) -> String {
        format!("{}/{}/{}/{}", self.size, self.chunks, u8::from(self.alone), self.rate)
    }
}

/// What a client measured.
#[derive(Clone, Copy)]
struct Measured {
    cpu: f64,
    clock: f64,
    peak: u64,
    pieces: u64,
    whole: bool,
}

/// Each version over chunks of each size; runs of the versions take turns.
fn versions(rows: u64, times: usize, stall: u64) {
    let server = Server::start();
    let sendings = [
        Sending::new("a row of 40 B", 40, 40 * rows),
        Sending::new("a row of 170 B", 170, 170 * rows),
        Sending::new("16 KiB", 16 << 10, 170 * rows),
        Sending::new("256 KiB", 256 << 10, 170 * rows),
    ];
    println!(
        "{rows} rows, in chunks of          fast: CPU s a million  krow/s by the clock  peak MiB  whole   stalled: whole  peak MiB"
    );
    for sending in sendings {
        let mut fast = vec![Vec::new(); VERSIONS.len()];
        for _ in 0..times {
            for (version, runs) in VERSIONS.iter().zip(&mut fast) {
                runs.push(server.measure(sending, version, 0, "linger", 2));
            }
        }
        for (version, runs) in VERSIONS.iter().zip(&fast) {
            let stalled: Vec<_> =
                (0..times.min(2)).map(|_| server.measure(sending, version, stall, "linger", 2)).collect();
            let whole =
                |runs: &[Measured]| format!("{}/{}", runs.iter().filter(|r| r.whole).count(), runs.len());
            println!(
                "{:16} {:12} {:>26} {:>20.0} {:>9} {:>6} {:>16} {:>9}",
                sending.name,
                version,
                spread(runs.iter().map(|r| r.cpu * 1e6 / rows as f64)),
                rows as f64 / 1e3 / middle(runs.iter().map(|r| r.clock)),
                runs.iter().map(|r| r.peak).max().unwrap_or(0),
                whole(runs),
                whole(&stalled),
                stalled.iter().map(|r| r.peak).max().unwrap_or(0),
            );
        }
    }
}

/// Ways to put chunks together, on one and two threads of the runtime; runs take turns.
fn pumps(rows: u64, times: usize) {
    let server = Server::start();
    let row = Sending::new("row", 170, 170 * rows);
    let sendings = [
        row,
        Sending { name: "row, a write each", alone: true, ..row },
        Sending { name: "row, 25,000/s", alone: true, rate: 25_000, chunks: rows.min(100_000), ..row },
        Sending::new("16 KiB", 16 << 10, 170 * rows),
    ];
    for sending in sendings {
        let cells: Vec<_> = ["timer", "linger"].iter().flat_map(|pump| [(pump, 1), (pump, 2)]).collect();
        let mut all = vec![Vec::new(); cells.len()];
        for _ in 0..times {
            for ((pump, workers), runs) in cells.iter().zip(&mut all) {
                runs.push(server.measure(sending, "HTTP/1.1", 0, pump, *workers));
            }
        }
        for ((pump, workers), runs) in cells.iter().zip(&all) {
            let million = if sending.size == 170 { sending.chunks as f64 / 1e6 } else { rows as f64 / 1e6 };
            println!(
                "{:20} {:8} {} workers {:>26} CPU s a million {:>9.0} krow/s {:>9} pieces {:>6} MiB",
                sending.name,
                pump,
                workers,
                spread(runs.iter().map(|r| r.cpu / million)),
                million * 1e3 / middle(runs.iter().map(|r| r.clock)),
                runs[0].pieces,
                runs.iter().map(|r| r.peak).max().unwrap_or(0),
            );
        }
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(values: impl Iterator<Item = f64> + Clone) -> String {
    let low = values.clone().fold(f64::MAX, f64::min);
    let high = values.clone().fold(0.0, f64::max);
    format!("{:.2} [{low:.2}-{high:.2}]", middle(values))
}

/// The server, in a process of its own.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut process = again(&["server"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }

    /// One answer, read by a process of its own.
    fn measure(
        &self,
        sending: Sending,
        version: &str,
        stall_ms: u64,
        pump: &str,
        workers: usize,
    ) -> Measured {
        let url = format!("{}/{}", self.url, sending.path());
        let out = again(&["client", &url, version, &stall_ms.to_string(), pump, &workers.to_string()])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        let words: Vec<&str> = text.split_whitespace().collect();
        let [cpu, clock, peak, pieces, bytes] = words[..] else { panic!("the client prints {text}") };
        let [cpu, clock] = [cpu, clock].map(|word| word.parse().unwrap());
        let [peak, pieces, bytes] = [peak, pieces, bytes].map(|word| word.parse::<u64>().unwrap());
        if !out.stderr.is_empty() && std::env::var_os("VERBOSE").is_some() {
            eprintln!("{version}: {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        Measured { cpu, clock, peak, pieces, whole: bytes == sending.size * sending.chunks }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// Chunks of one size.
struct Chunks {
    chunk: Bytes,
    left: u64,
    alone: bool,
    paused: bool,
    pace: Option<(Interval, u64)>,
    allowed: u64,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if this.allowed == 0 {
            let Some((interval, burst)) = &mut this.pace else { return Poll::Ready(None) };
            std::task::ready!(interval.poll_tick(cx));
            this.allowed = *burst;
        }
        // Hyper writes out what it has when the body has nothing more for it.
        this.paused = this.alone && !this.paused;
        if this.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.left -= 1;
        this.allowed -= 1;
        Poll::Ready(Some(Ok(Frame::data(this.chunk.clone()))))
    }
}

/// `/bytes of a chunk/chunks/alone/chunks a second`
async fn answer(request: Request<Incoming>) -> Result<Response<Chunks>, Infallible> {
    let mut numbers = request.uri().path().split('/').skip(1).map(|n| n.parse::<u64>().unwrap_or(0));
    let [size, left, alone, rate] = [(); 4].map(|()| numbers.next().unwrap_or(0));
    Ok(Response::new(Chunks {
        chunk: Bytes::from(vec![b'x'; usize::try_from(size).unwrap()]),
        left,
        alone: alone == 1,
        paused: false,
        pace: (rate > 0).then(|| (interval(Duration::from_millis(1)), rate / 1000)),
        allowed: if rate > 0 { 0 } else { u64::MAX },
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(answer);
            // An error is the client's leaving.
            let _ended = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Reads an answer and prints CPU and clock in seconds, the peak in MiB, pieces and bytes.
fn client(url: &str, version: &str, mut stall: Duration, pump: &str, workers: usize) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    let builder = reqwest::Client::builder().no_proxy().tcp_nodelay(true).tls_certs_only([]);
    let h2 = |builder: reqwest::ClientBuilder, stream: u32, connection: u32| {
        builder
            .http2_initial_stream_window_size(stream << 20)
            .http2_initial_connection_window_size(connection << 20)
    };
    let builder = match version {
        "HTTP/1.1" => builder.http1_only(),
        "h2 default" => builder.http2_prior_knowledge(),
        "h2 1M/64M" => h2(builder.http2_prior_knowledge(), 1, 64),
        "h2 16M/16M" => h2(builder.http2_prior_knowledge(), 16, 16),
        _ => builder.http2_prior_knowledge().http2_adaptive_window(true),
    };
    let http = builder.build().unwrap();
    let mut words = url.rsplit('/').skip(2).map(|n| n.parse::<u64>().unwrap());
    let half = words.next().unwrap() * words.next().unwrap() / 2;
    let start = Instant::now();
    let (send, mut received) = mpsc::channel(DEPTH);
    let request = http.get(url);
    let pump = pump.to_owned();
    runtime.spawn(async move {
        let Ok(response) = request.send().await else { return };
        match pump.as_str() {
            "timer" => timer(response, send).await,
            _ => linger(response, send).await,
        }
    });
    let (mut bytes, mut pieces) = (0_u64, 0_u64);
    loop {
        // As the job's thread waits.
        let wait = Duration::from_millis(200);
        match runtime.handle().block_on(async { tokio::time::timeout(wait, received.recv()).await }) {
            Err(_) => {}
            Ok(Some(Ok(piece))) => {
                bytes += piece.len() as u64;
                pieces += 1;
            }
            Ok(Some(Err(error))) => {
                eprintln!("{error:?}");
                break;
            }
            Ok(None) => break,
        }
        if bytes >= half {
            std::thread::sleep(std::mem::take(&mut stall));
        }
    }
    println!("{} {} {} {pieces} {bytes}", cpu(), start.elapsed().as_secs_f64(), support::peak() >> 20);
}

/// CPU seconds of all threads that still run.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e9
}

/// Where a pump sends pieces, as the chunk reader has it.
type Pieces = mpsc::Sender<Result<Bytes, reqwest::Error>>;

/// As it was: a timer of no length a chunk, which the runtime rounds up to a millisecond.
async fn timer(mut response: reqwest::Response, send: Pieces) {
    let mut buffer = BytesMut::with_capacity(PIECE);
    loop {
        let mut end = None;
        match tokio::time::timeout(Duration::from_secs(3600), response.chunk()).await {
            Err(_) => continue,
            Ok(Ok(Some(bytes))) => {
                buffer.extend_from_slice(&bytes);
                while buffer.len() < PIECE {
                    match tokio::time::timeout(Duration::ZERO, response.chunk()).await {
                        Ok(Ok(Some(bytes))) => buffer.extend_from_slice(&bytes),
                        Err(_) => break,
                        Ok(other) => {
                            end = Some(other);
                            break;
                        }
                    }
                }
            }
            Ok(other) => end = Some(other),
        }
        if !buffer.is_empty() && send.send(Ok(buffer.split().freeze())).await.is_err() {
            return;
        }
        match end {
            None => {}
            Some(Err(error)) => return drop(send.send(Err(error)).await),
            Some(Ok(_)) => return,
        }
    }
}

/// As the chunk reader does it: a timer a piece.
async fn linger(mut response: reqwest::Response, send: Pieces) {
    let mut buffer = BytesMut::with_capacity(PIECE);
    loop {
        let mut next = response.chunk().await;
        let mut patience: Pin<&mut Sleep> = pin!(sleep(LINGER));
        let end = loop {
            match next {
                Ok(Some(bytes)) => buffer.extend_from_slice(&bytes),
                other => break Some(other),
            }
            if buffer.len() >= PIECE {
                break None;
            }
            tokio::select! {
                biased;
                chunk = response.chunk() => next = chunk,
                () = &mut patience => break None,
            }
        };
        if !buffer.is_empty() && send.send(Ok(buffer.split().freeze())).await.is_err() {
            return;
        }
        match end {
            None => {}
            Some(Err(error)) => return drop(send.send(Err(error)).await),
            Some(Ok(_)) => return,
        }
    }
}
