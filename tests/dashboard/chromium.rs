//! A headless Chromium, controlled through a pipe with the DevTools protocol. It ends with the pipe, so
//! that no test run leaves a browser behind.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How long to wait for an answer of the browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser that all tests share; each test has its own context.
pub struct Browser {
    commands: Mutex<ChildStdin>,
    next: AtomicU64,
    inbox: Arc<Inbox>,
    _profile: tempfile::TempDir,
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<HashMap<u64, Sender<Value>>>,
    /// Events by session.
    events: Mutex<HashMap<String, Vec<Value>>>,
}

impl Browser {
    pub fn shared() -> &'static Browser {
        static SHARED: OnceLock<Browser> = OnceLock::new();
        SHARED.get_or_init(Browser::start)
    }

    fn start() -> Browser {
        let program = NAMES
            .iter()
            .find(|name| {
                let found = Command::new(name).arg("--version").output();
                found.is_ok_and(|output| output.status.success())
            })
            .expect("no Chromium here; `make test` installs it, or: apt-get install chromium");
        let profile = tempfile::tempdir().unwrap();
        // the protocol uses file descriptors 3 and 4
        let mut child = Command::new("sh")
            .arg("-c")
            .arg("exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1")
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let inbox = Arc::new(Inbox::default());
        let messages = BufReader::new(child.stdout.take().unwrap());
        let commands = Mutex::new(child.stdin.take().unwrap());
        let reader = Arc::clone(&inbox);
        std::thread::spawn(move || {
            for message in messages.split(0).map_while(Result::ok) {
                reader.take(serde_json::from_slice(&message).unwrap());
            }
            let _ = child.wait();
        });
        Browser { commands, next: AtomicU64::new(1), inbox, _profile: profile }
    }

    /// Sends a command, to a page or (without a session) to the browser, and waits for its answer.
    pub fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.try_call(session, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Like `call`, but returns the error of the browser.
    pub fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, wait) = channel();
        self.inbox.waiting.lock().unwrap().insert(id, answer);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.lock().unwrap().write_all(&bytes).expect("Chromium ended");
        let answer = wait.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer: {method}"));
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Events of a page so far.
    pub fn events(&self, session: &str) -> Vec<Value> {
        self.inbox.events.lock().unwrap().get(session).cloned().unwrap_or_default()
    }
}

impl Inbox {
    fn take(&self, message: Value) {
        if let Some(id) = message["id"].as_u64() {
            if let Some(waiting) = self.waiting.lock().unwrap().remove(&id) {
                let _ = waiting.send(message);
            }
        } else if let Some(session) = message["sessionId"].as_str() {
            let mut events = self.events.lock().unwrap();
            events.entry(session.to_owned()).or_default().push(message);
        }
    }
}
