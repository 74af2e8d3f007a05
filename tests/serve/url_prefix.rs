//! The server below a prefix of URLs, behind a reverse proxy.

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use ureq::http::Uri;
use url::Url;

use super::{Response, Server, embedded, served};
use crate::harness::{Warehouse, Workspace};

/// Where the proxy publishes the server.
const PREFIX: &str = "/apps/mobility";

/// What a proxy does with requests below the prefix, and what the server knows about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `serve.base_path`.
    pub base_path: Option<&'static str>,
    /// The proxy removes the prefix from the path.
    pub removes: bool,
    /// It states the prefix in `X-Forwarded-Prefix`, and is trusted.
    pub states: bool,
}

impl Setting {
    pub const ALL: [Setting; 7] = [
        Setting { base_path: Some("/apps/mobility"), removes: false, states: false },
        Setting { base_path: Some("/apps/mobility/"), removes: true, states: false },
        Setting { base_path: Some("/apps/mobility"), removes: false, states: true },
        Setting { base_path: Some("/apps/mobility"), removes: true, states: true },
        Setting { base_path: None, removes: true, states: true },
        Setting { base_path: None, removes: false, states: true },
        Setting { base_path: None, removes: true, states: false },
    ];

    /// True if links can begin with the prefix, so that also the URL without a slash at its end works.
    pub fn is_known(self) -> bool {
        self.base_path.is_some() || self.states
    }

    /// A server with this setting behind a proxy.
    pub fn start(self, work: &Workspace) -> (Server, Proxy) {
        let mut config = String::from("[serve]\ntrusted_proxies = [\"127.0.0.1\"]\n");
        config.extend(self.base_path.map(|path| format!("base_path = {path:?}\n")));
        work.config(&config);
        let server = Server::start(work);
        let proxy = Proxy::start(&server, self);
        (server, proxy)
    }
}

/// A reverse proxy that publishes a server below [`PREFIX`] and has nothing elsewhere.
pub struct Proxy {
    /// The URL of the server for clients, without a slash at its end.
    pub url: String,
    /// Paths that clients requested outside of the prefix.
    misdirected: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(server: &Server, setting: Setting) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}{PREFIX}", listener.local_addr().unwrap());
        let misdirected = Arc::default();
        let proxy = Proxy { url, misdirected: Arc::clone(&misdirected) };
        let server: Uri = server.url.parse().unwrap();
        let server = server.authority().unwrap().to_string();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, misdirected) = (server.clone(), Arc::clone(&misdirected));
                // an error means that the client disconnected
                std::thread::spawn(move || pass_on(client, &server, setting, &misdirected).ok());
            }
        });
        proxy
    }

    /// Expects that all requests were below the prefix.
    pub fn assert_nothing_misdirected(&self) {
        assert_eq!(*self.misdirected.lock().unwrap(), [""; 0]);
    }
}

fn pass_on(
    mut client: TcpStream,
    server: &str,
    setting: Setting,
    misdirected: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let rest =
        path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let Some(rest) = rest else {
        misdirected.lock().unwrap().push(path.to_owned());
        return client.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let path = match (setting.removes, rest.starts_with('/')) {
        (false, _) => path.to_owned(),
        (true, true) => rest.to_owned(),
        (true, false) => format!("/{rest}"),
    };
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    if setting.states {
        request.push_str(&format!("X-Forwarded-Prefix: {PREFIX}\r\n"));
    }
    for line in lines.take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap().to_ascii_lowercase();
        if !["host", "connection", "x-forwarded-prefix"].contains(&name.as_str()) {
            request.push_str(&format!("{line}\r\n"));
        }
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(format!("{request}\r\n").as_bytes())?;
    std::io::copy(&mut upstream, &mut client)?;
    Ok(())
}

/// Requests a URL from anywhere.
fn get(url: &str, accept: &str) -> Response {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let (head, mut body) = agent.get(url).header("accept", accept).call().unwrap().into_parts();
    let bytes = body.read_to_vec().unwrap();
    Response { status: head.status.as_u16(), headers: head.headers, body: bytes }
}

/// Values of the attributes of a page that name other resources.
fn links(page: &str) -> impl Iterator<Item = String> {
    let after = |attribute: &'static str| {
        let values = page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap());
        values.map(|value| value.replace("&amp;", "&").replace("&#x2f;", "/")).collect::<Vec<_>>()
    };
    [" href=\"", " src=\"", " action=\""].into_iter().flat_map(after)
}

/// Follows all links of pages and documents, up to `depth` links away from `start`; returns the number of
/// requests.
fn crawl(start: &str, setting: Setting, depth: usize) -> usize {
    let mut pending = VecDeque::from([(Url::parse(start).unwrap(), 0)]);
    let mut seen = BTreeSet::new();
    while let Some((url, distance)) = pending.pop_front() {
        // one order of columns is like all the others
        if !seen.insert(url.to_string()) || url.as_str().contains("order_by=") {
            continue;
        }
        let follow = |link: &String| (url.join(link).unwrap(), distance + 1);
        let got = get(url.as_str(), "text/html,*/*;q=0.8");
        let is_refused = got.status == 403 && got.text().contains("single users");
        assert!(got.status == 200 || is_refused, "{setting:?}: {url}: {}", got.status);
        match got.header("content-type").split(';').next().unwrap() {
            _ if distance == depth => {}
            "text/html" => pending.extend(links(&got.text()).map(|link| follow(&link))),
            "application/json" if setting.is_known() => {
                pending.extend(json_links(&got.json()).iter().map(follow));
            }
            _ => {}
        }
    }
    seen.len()
}

/// The values of `href`, `links` and OpenAPI's `servers` with their paths.
fn json_links(document: &Value) -> Vec<String> {
    if let Some(server) = document["servers"][0]["url"].as_str() {
        let paths = document["paths"].as_object().unwrap().keys();
        let server = server.trim_end_matches('/');
        return paths.filter(|p| !p.contains('{')).map(|p| format!("{server}{p}")).collect();
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let links = document["links"].as_object().into_iter().flat_map(|links| links.values());
    let lists = ["views", "tables"].into_iter().filter_map(|name| document[name].as_array());
    links.chain(lists.flatten().map(|entry| &entry["href"])).filter_map(text).collect()
}

#[test]
fn every_link_leads_below_the_prefix_of_a_proxy() {
    let work = Workspace::loaded();
    for setting in Setting::ALL {
        let (_server, proxy) = setting.start(&work);
        let mut starts =
            vec!["/", "/users-per-lau?limit=1&format=html", "/tables/lau?format=html&limit=2"];
        if setting.is_known() {
            starts.extend(["", "/views", "/openapi.json", "/users-per-lau?format=json&limit=1"]);
        }
        // the whole site with and without a known prefix, and its beginning in all other settings
        let is_first = setting == Setting::ALL[0];
        let depth = if is_first || !setting.is_known() { usize::MAX } else { 1 };
        let crawled = |start: &&str| crawl(&format!("{}{start}", proxy.url), setting, depth);
        let requests: usize = starts.iter().map(crawled).sum();
        assert!(requests > 60, "{setting:?}: {requests}");
        // a page of an error leads back
        let page = get(&format!("{}/no/such/view", proxy.url), "text/html");
        assert_eq!(page.status, 404);
        let back = links(&page.text()).find(|link| link.ends_with("docs")).unwrap();
        let back = Url::parse(&format!("{}/no/such/view", proxy.url)).unwrap().join(&back).unwrap();
        assert_eq!(back.as_str(), format!("{}/docs", proxy.url), "{setting:?}");
        proxy.assert_nothing_misdirected();
    }
}

#[test]
fn hints_in_errors_and_the_first_line_name_paths_below_the_prefix() {
    let (_work, server) = served(Warehouse::Embedded, "[serve]\nbase_path = \"/apps/mobility/\"\n");
    assert!(server.url.ends_with("/apps/mobility"), "{}", server.url);
    let problem = server.get("/user-per-lau").json();
    let hint =
        "/apps/mobility/user-per-lau does not exist; did you mean /apps/mobility/users-per-lau?";
    assert_eq!(problem["detail"], hint);
    // probes ask the server itself
    let host = server.url.trim_end_matches("/apps/mobility");
    for path in ["/health", "/apps/mobility/health", "/health/live", "/metrics"] {
        assert_eq!(get(&format!("{host}{path}"), "*/*").status, 200, "{path}");
    }
    assert_eq!(get(&format!("{host}/apps/mobilityx/health"), "*/*").status, 404);
}

/// The documents that have links.
const DOCUMENTS: [&str; 8] = [
    "/",
    "/views",
    "/docs",
    "/openapi.json",
    "/quality?format=html",
    "/users-per-lau?format=json&limit=1",
    "/users-per-lau?format=html&limit=1",
    "/tables/lau?format=html",
];

#[test]
fn cached_responses_belong_to_one_prefix() {
    let (_work, server) =
        served(Warehouse::Embedded, "[serve]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    for path in DOCUMENTS {
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        // twice, so that the second response comes from the cache
        for prefix in ["", "/a", "/b", "/", "", "/a", "/b", "/"] {
            let headers = [("x-forwarded-prefix", prefix)];
            let got = server.ask("GET", path, if prefix.is_empty() { &[] } else { &headers });
            let (text, tag) = (got.text(), got.header("etag").to_owned());
            assert_eq!(got.status, 200, "{path}");
            assert!(
                got.headers.get_all("vary").iter().any(|v| v == "x-forwarded-prefix"),
                "{path}"
            );
            let other = if prefix == "/a" { "\"/b/" } else { "\"/a/" };
            assert!(!text.contains(other), "{prefix} {path}: {text}");
            let own = format!("\"{prefix}/");
            assert!(
                prefix.len() < 2 || text.contains(&own) || text.contains("\"url\":\"/"),
                "{text}"
            );
            for (foreign, _) in seen.iter().filter(|(_, bytes)| *bytes != text) {
                let headers = [("x-forwarded-prefix", prefix), ("if-none-match", foreign)];
                let headers = if prefix.is_empty() { &headers[1..] } else { &headers };
                assert_eq!(server.ask("GET", path, headers).status, 200, "{prefix} {path}");
            }
            seen.insert((tag, text));
        }
        assert!(seen.len() >= 3, "{path}");
    }
}

#[test]
fn prefix_of_strangers_and_prefixes_that_are_no_paths_are_ignored() {
    let (_work, stranger) = embedded();
    let (_work2, trusting) =
        served(Warehouse::Embedded, "[serve]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    for path in DOCUMENTS {
        let plain = stranger.get(path).text();
        let got = stranger.ask("GET", path, &[("x-forwarded-prefix", "/evil")]);
        assert_eq!(got.text(), plain, "{path}");
        let plain = trusting.get(path).text();
        for value in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/../evil",
            "/evil//",
            "/evil%0d%0aSet-Cookie:%20a=b",
            "/evil\"><script>",
            "/evil?x=",
            "/evil#",
            "evil.example",
            "/evil, /other",
            "javascript:evil",
        ] {
            let got = trusting.ask("GET", path, &[("x-forwarded-prefix", value)]);
            assert_eq!((got.status, got.text()), (200, plain.clone()), "{value} {path}");
            assert!(got.headers.values().all(|v| !v.to_str().unwrap().contains("evil")), "{value}");
        }
        let twice = [("x-forwarded-prefix", "/evil"), ("x-forwarded-prefix", "/other")];
        assert_eq!(trusting.ask("GET", path, &twice).text(), plain, "{path}");
    }
    // a path that looks like a host is still a path of this server
    let got = stranger.get_with("//evil.example/a", "accept", "text/html");
    assert!(got.status == 404 && !got.text().contains("href=\"//"), "{}", got.text());
}

#[test]
fn base_path_that_is_no_path_or_a_route_is_refused() {
    let work = Workspace::loaded();
    for (path, words) in [
        ("mobility", ["serve.base_path = \"mobility\"", "\"/mobility\""]),
        ("//evil.example", ["serve.base_path", "single slashes"]),
        ("/a b", ["serve.base_path", "single slashes"]),
        ("/tables/x", ["serve.base_path = \"/tables/x\"", "/tables is a route"]),
        ("/users_per_lau", ["serve.base_path", "choose another"]),
    ] {
        let ran = work.run(&["serve", "--bind", "127.0.0.1:0", "--base-path", path]);
        assert_eq!(ran.status, 1, "{path}: {}", ran.stderr);
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{path}: {}", ran.stderr);
    }
}
