//! The server: the real program on a free port, queried over HTTP.

mod access;
mod audit_log;
pub mod cancelled_queries;
mod data_changes;
mod definitions;
mod http_conventions;
mod memory;
mod movement;
mod people;
mod random_requests;
mod routes;
mod single_users;
mod slow_clients;
mod spreadsheets;
mod tls;
mod tokens;
pub mod url_prefix;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use ureq::Agent;
use ureq::config::AutoHeaderValue;
use ureq::http::{HeaderMap, Request};

use crate::harness::{Warehouse, Workspace, send_signal, wait_until};

/// Configuration of a server that shows rows of single users.
pub const USER_ROWS: &str =
    "[serve]\nallow_user_rows = true\ntoken = \"token-for-rows-of-single-users\"\n";
pub const USER_ROWS_TOKEN: &str = "token-for-rows-of-single-users";

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    agent: Agent,
    log: std::path::PathBuf,
    /// Sent with requests that name no other: the token of [`USER_ROWS`], if that is configured.
    authorization: Option<String>,
}

/// An answer.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Server {
    pub fn start(work: &Workspace) -> Server {
        Server::start_with(work, &[])
    }

    pub fn start_with(work: &Workspace, args: &[&str]) -> Server {
        let mut all = vec!["serve"];
        if !args.contains(&"--bind") {
            all.extend(["--bind", "127.0.0.1:0"]);
        }
        all.extend(args);
        Server::spawned(work, work.command(&all))
    }

    /// A server whose standard error is that file.
    pub fn start_on(work: &Workspace, standard_error: File) -> Server {
        let mut command = work.command(&["serve", "--bind", "127.0.0.1:0"]);
        command.stderr(standard_error);
        Server::of(work, command)
    }

    /// A server started by that command.
    pub fn spawned(work: &Workspace, mut command: Command) -> Server {
        command.stderr(File::create(work.path("serve.log")).unwrap());
        Server::of(work, command)
    }

    fn of(work: &Workspace, mut command: Command) -> Server {
        let log = work.path("serve.log");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().next().unwrap_or_else(|| {
            panic!(
                "the server says {line:?}: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            )
        });
        let url = url.trim_end_matches('/').to_owned();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .user_agent(AutoHeaderValue::None)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        let has_token = work.read("pipeline.toml").contains(USER_ROWS_TOKEN);
        let authorization = has_token.then(|| bearer(USER_ROWS_TOKEN));
        Server { child, url, agent, log, authorization }
    }

    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[])
    }

    pub fn get_with(&self, path: &str, name: &str, value: &str) -> Response {
        self.ask("GET", path, &[(name, value)])
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.try_ask(method, path, headers).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let names_one = headers.iter().any(|(name, _)| *name == "authorization");
        if let Some(value) = self.authorization.as_ref().filter(|_| !names_one) {
            request = request.header("authorization", value);
        }
        let (head, body) = self.agent.run(request.body(())?)?.into_parts();
        let mut bytes = Vec::new();
        body.into_reader().read_to_end(&mut bytes)?;
        Ok(Response { status: head.status.as_u16(), headers: head.headers, body: bytes })
    }

    pub fn address(&self) -> SocketAddr {
        self.url.rsplit_once('/').unwrap().1.parse().unwrap()
    }

    /// Sends a request from an address of this machine and reads nothing.
    pub fn send_from(&self, client: IpAddr, path: &str) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // a large response must not fit into the buffers of the operating system
        socket.set_recv_buffer_size(1 << 14).unwrap();
        socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
        socket.connect(&self.address().into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        // the server may have closed the connection
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        stream
    }

    /// Sends a request and reads nothing.
    pub fn send(&self, path: &str) -> TcpStream {
        self.send_from([127, 0, 0, 1].into(), path)
    }

    /// A value of `/metrics`.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").ok();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// CPU time of the process so far, in clock ticks.
    pub fn cpu_ticks(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The body of an answer, as a stream.
    pub fn reader(&self, path: &str) -> impl Read + use<> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        request.call().unwrap().into_body().into_reader()
    }

    /// Repeats a request until it is answered with this status.
    pub fn until(&self, path: &str, status: u16) -> Response {
        let mut got = self.get(path);
        wait_until(&format!("{path} has status {status}"), || {
            got = self.get(path);
            got.status == status
        });
        got
    }

    /// Waits until the server has noticed data that are newer than those of a summary.
    pub fn until_newer_than(&self, summary: &Value) {
        let newer = || self.get("/summary").json()["version"] != summary["version"];
        wait_until("the server notices the new data", newer);
    }

    /// Standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// A value of `/proc/PID/status`, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|l| l.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// Waits for the end of the process; returns its status.
    pub fn wait(&mut self) -> i32 {
        let mut status = None;
        wait_until("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code()).unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }

    /// Expects status 200 and returns the body.
    pub fn ok(self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.text()
    }
}

/// The value of the header that carries a token.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A server over the mini inputs in the embedded warehouse, for tests that need only one warehouse.
pub fn embedded() -> (Workspace, Server) {
    served(Warehouse::Embedded, "")
}

/// A server over the mini inputs in a warehouse of that kind; `config` comes first in the config.
pub fn served(warehouse: Warehouse, config: &str) -> (Workspace, Server) {
    let work = warehouse.loaded();
    work.config(config);
    let server = Server::start(&work);
    (work, server)
}
