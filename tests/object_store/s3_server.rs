//! A real S3 server on loopback whose bucket is a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::memory::Memory;
use crate::harness::{ProgramOutput, Workspace, copy, root};

pub const KEY: &str = "AKIDTESTTESTTEST";
pub const SECRET: &str = "s3cret-s3cret-s3cret";

/// Runs the servers of all tests.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A server with one bucket, `data`, that holds the mini inputs.
pub struct Store {
    folder: tempfile::TempDir,
    pub port: u16,
    /// Method, path with query, and range of every request.
    requests: Arc<Mutex<Vec<String>>>,
    at_put: AtPut,
    at_request: AtRequest,
    refusals: Refusals,
    conditions: Arc<Mutex<Conditions>>,
    /// The objects of a store that is not a folder.
    pub memory: Memory,
}

/// How the server answers puts with `If-Match` and `If-None-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    Supported,
    /// `If-Match` holds only if the ETag has no quotes.
    WithoutQuotes,
    /// `If-Match` never holds.
    NeverMatch,
    /// Refused with this status and code.
    Refused(u16, &'static str),
}

impl Conditions {
    /// The answer to a request; `None` if the server handles it.
    fn answer(
        self,
        request: &hyper::Request<hyper::body::Incoming>,
    ) -> Option<(u16, &'static str)> {
        let header = |name: &str| request.headers().get(name).and_then(|h| h.to_str().ok());
        let (of_match, of_none) = (header("if-match"), header("if-none-match"));
        match self {
            Conditions::Refused(status, code) if of_match.or(of_none).is_some() => {
                Some((status, code))
            }
            Conditions::WithoutQuotes if of_match.is_some_and(|etag| etag.contains('"')) => {
                Some((412, "PreconditionFailed"))
            }
            Conditions::NeverMatch if of_match.is_some() => Some((412, "PreconditionFailed")),
            _ => None,
        }
    }
}

/// Requests that are answered with status 503: words in their line or client, and how many.
type Refusals = Arc<Mutex<(&'static str, usize)>>;

/// An action to run before the first request whose line contains all words.
type AtRequest = Arc<Mutex<Option<(Vec<&'static str>, Box<dyn FnOnce() + Send>)>>>;

/// An action to run before the upload with this number.
type AtPut = Arc<Mutex<Option<(usize, Box<dyn FnOnce() + Send>)>>>;

impl Store {
    pub fn mini() -> Store {
        let store = Store::empty();
        copy(&root().join("fixtures/mini"), &store.path(""));
        store
    }

    /// A bucket in a folder.
    pub fn empty() -> Store {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let files = || FileSystem::new(folder.path()).unwrap();
        let builders = [files(), files()].map(S3ServiceBuilder::new);
        Store::start(folder, Memory::default(), builders)
    }

    /// A bucket in memory, with keys of any length.
    pub fn in_memory() -> Store {
        let (folder, memory) = (tempfile::tempdir().unwrap(), Memory::default());
        let builders = [memory.clone(), memory.clone()].map(S3ServiceBuilder::new);
        Store::start(folder, memory, builders)
    }

    fn start(
        folder: tempfile::TempDir,
        memory: Memory,
        [mut service, open]: [S3ServiceBuilder; 2],
    ) -> Store {
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        // for requests whose signed headers were changed
        let open = open.build();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let at_put = AtPut::default();
        let conditions = Arc::new(Mutex::new(Conditions::Supported));
        let answers = Arc::clone(&conditions);
        let due = Arc::clone(&at_put);
        let (at_request, refusals) = (AtRequest::default(), Refusals::default());
        let (awaited, refused) = (Arc::clone(&at_request), Arc::clone(&refusals));
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        RUNTIME.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, log) = (service.clone(), Arc::clone(&log));
                let due = Arc::clone(&due);
                let (awaited, refused) = (Arc::clone(&awaited), Arc::clone(&refused));
                let (answers, open) = (Arc::clone(&answers), open.clone());
                let logged = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let range = request.headers().get("range").and_then(|r| r.to_str().ok());
                    let line =
                        format!("{} {} {}", request.method(), request.uri(), range.unwrap_or(""));
                    let act = awaited
                        .lock()
                        .unwrap()
                        .take_if(|(words, _)| words.iter().all(|word| line.contains(word)));
                    if let Some((_, act)) = act {
                        tokio::task::block_in_place(act);
                    }
                    let refused = {
                        let mut refused = refused.lock().unwrap();
                        let client = request.headers().get("user-agent");
                        let client = client.and_then(|c| c.to_str().ok()).unwrap_or_default();
                        if refused.1 > 0 && client.contains(refused.0) {
                            refused.1 -= 1;
                            Some((503, "<Error><Code>SlowDown</Code></Error>"))
                        } else {
                            None
                        }
                    };
                    log.lock().unwrap().push(line);
                    if request.method() == hyper::Method::PUT {
                        let act = {
                            let mut due = due.lock().unwrap();
                            if let Some((left, _)) = due.as_mut() {
                                *left -= 1;
                            }
                            due.take_if(|(left, _)| *left == 0)
                        };
                        // the action may upload something itself
                        if let Some((_, act)) = act {
                            tokio::task::block_in_place(act);
                        }
                    }
                    let service = service.clone();
                    let refusal = answers.lock().unwrap().answer(&request);
                    let open = open.clone();
                    async move {
                        if let Some((status, body)) = refused {
                            let answer = hyper::Response::builder().status(status);
                            return Ok(answer.body(s3s::Body::from(body.to_owned())).unwrap());
                        }
                        if let Some((status, code)) = refusal {
                            let body = format!("<Error><Code>{code}</Code></Error>");
                            let answer = hyper::Response::builder().status(status);
                            return Ok(answer.body(s3s::Body::from(body)).unwrap());
                        }
                        let mut request = request.map(s3s::Body::from);
                        let etag = request.headers().get("if-match").cloned();
                        let Some(etag) = etag.filter(|e| !e.as_bytes().starts_with(b"\"")) else {
                            return service.call(request).await;
                        };
                        let etag = format!("\"{}\"", etag.to_str().unwrap());
                        request.headers_mut().insert("if-match", etag.parse().unwrap());
                        request.headers_mut().remove("authorization");
                        open.call(request).await
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), logged));
            }
        });
        Store { folder, port, requests, at_put, at_request, refusals, conditions, memory }
    }

    /// The folder or file of a key.
    pub fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join("data").join(key)
    }

    /// Changes how conditional puts are answered from now on.
    pub fn answer_conditions(&self, conditions: Conditions) {
        *self.conditions.lock().unwrap() = conditions;
    }

    /// Runs an action before the upload with this number, counted from now on.
    pub fn at_put(&self, number: usize, act: impl FnOnce() + Send + 'static) {
        *self.at_put.lock().unwrap() = Some((number, Box::new(act)));
    }

    /// True if the action of [`Store::at_put`] was run; it is then forgotten.
    pub fn was_put(&self) -> bool {
        self.at_put.lock().unwrap().take().is_none()
    }

    /// Runs an action before the next request whose method and path contain all words.
    pub fn at_request(&self, words: &[&'static str], act: impl FnOnce() + Send + 'static) {
        *self.at_request.lock().unwrap() = Some((words.to_vec(), Box::new(act)));
    }

    /// Answers the next requests of a client, by a word of its name, with status 503.
    pub fn refuse_requests_of(&self, client: &'static str, times: usize) {
        *self.refusals.lock().unwrap() = (client, times);
    }

    /// How many requests are still to be answered with status 503.
    pub fn refusals_left(&self) -> usize {
        self.refusals.lock().unwrap().1
    }

    /// Requests since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// Environment variables by which the program finds the server or a proxy at another port.
    pub fn env(&self, port: u16) -> HashMap<&'static str, String> {
        HashMap::from([
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "eu-north-1".to_owned()),
        ])
    }

    pub fn run(&self, work: &Workspace, args: &[&str]) -> ProgramOutput {
        self.run_at(self.port, work, args)
    }

    pub fn run_at(&self, port: u16, work: &Workspace, args: &[&str]) -> ProgramOutput {
        let ran = ProgramOutput::of(work.command(args).envs(self.env(port)).output().unwrap());
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        assert!(!ran.stderr.contains(SECRET) && !ran.stderr.contains(KEY), "{}", ran.stderr);
        assert!(!ran.stdout.contains(SECRET) && !ran.stdout.contains(KEY), "{}", ran.stdout);
        ran
    }

    /// Runs the program, expects status 0 and returns its standard output.
    pub fn ok(&self, work: &Workspace, args: &[&str]) -> String {
        let ran = self.run(work, args);
        assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs the program and expects status 1 and each of `words` in its output.
    pub fn fails(&self, work: &Workspace, args: &[&str], words: &[&str]) -> ProgramOutput {
        let ran = self.run(work, args);
        assert_eq!(ran.status, 1, "{args:?}: {}{}", ran.stdout, ran.stderr);
        for word in words {
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert!(printed.contains(word), "{args:?}: no {word:?} in: {printed}");
        }
        ran
    }
}

/// A workspace with only a config that reads inputs from the bucket; `data` is added to its section.
pub fn workspace_on_store(events: &str, data: &str) -> Workspace {
    let work = Workspace::empty();
    configure(&work, events, data);
    work
}

pub fn configure(work: &Workspace, events: &str, data: &str) {
    let processed = if data.contains("processed") { "" } else { "processed = \"processed\"\n" };
    work.write(
        "pipeline.toml",
        format!(
            "[data]\nevents = \"{events}\"\ncells = \"s3://data/cells\"\nlau = \"s3://data/lau\"\n\
             {processed}{data}\n[warehouse]\nurl = \"embedded:warehouse\"\n[views]\ndir = \"{}\"\n",
            root().join("sql/views").display()
        ),
    );
}

/// A web server of one file, with or without range requests.
pub fn web_server(file: &Path, ranges: bool) -> u16 {
    let bytes = std::fs::read(file).unwrap();
    let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    RUNTIME.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let range = request.headers().get("range").filter(|_| ranges);
                let range = range.map(|r| r.to_str().unwrap().trim_start_matches("bytes="));
                let answer = hyper::Response::builder()
                    .header("last-modified", "Tue, 01 Oct 2024 00:00:00 GMT");
                let answer = match range.and_then(|r| r.split_once('-')) {
                    Some((first, last)) => {
                        let (first, last): (usize, usize) =
                            (first.parse().unwrap(), last.parse().unwrap());
                        let last = last.min(bytes.len() - 1);
                        let printed = format!("bytes {first}-{last}/{}", bytes.len());
                        let some = bytes[first..=last].to_vec();
                        answer.status(206).header("content-range", printed).body(some)
                    }
                    None => answer.body(bytes.clone()),
                };
                let answer = answer.unwrap().map(http_body_util::Full::<bytes::Bytes>::from);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
        }
    });
    port
}

/// Parquet files without their footers.
pub fn pages(files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let pages = |bytes: &[u8]| {
        let tail = bytes.len() - 8;
        let footer = u32::from_le_bytes(bytes[tail..tail + 4].try_into().unwrap());
        bytes[..tail - footer as usize].to_vec()
    };
    files.iter().map(|(name, bytes)| (name.clone(), pages(bytes))).collect()
}

/// Relative paths and bytes of the Parquet files below a folder.
pub fn outputs(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let pattern = folder.join("**/*.parquet");
    let mut found: Vec<_> = glob::glob(&pattern.to_string_lossy())
        .unwrap()
        .map(|path| {
            let path = path.unwrap();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}
