//! A page in the browser: navigation, input, and what it shows.

use base64::Engine;
use serde_json::{Value, json};

use super::chromium::Browser;
use crate::harness::root;

/// A page with its own window and storage.
pub struct Page {
    browser: &'static Browser,
    context: String,
    session: String,
}

/// Width and theme of a page.
#[derive(Clone, Copy)]
pub struct Viewport {
    pub width: u32,
    pub dark: bool,
}

impl Viewport {
    pub const WIDE: Viewport = Viewport { width: 1_280, dark: false };
}

impl Page {
    /// Opens `url` and waits until the dashboard is complete.
    pub fn open(url: &str, viewport: Viewport) -> Page {
        let page = Page::blank(viewport);
        page.go(url);
        page
    }

    /// An empty page.
    pub fn blank(viewport: Viewport) -> Page {
        let browser = Browser::shared();
        let text = |answer: Value, key: &str| answer[key].as_str().unwrap().to_owned();
        let context =
            text(browser.call(None, "Target.createBrowserContext", json!({})), "browserContextId");
        let blank = json!({ "url": "about:blank", "browserContextId": context });
        let target = text(browser.call(None, "Target.createTarget", blank), "targetId");
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(browser.call(None, "Target.attachToTarget", attach), "sessionId");
        let page = Page { browser, context, session };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let scheme = if viewport.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme },
                              { "name": "prefers-reduced-motion", "value": "reduce" }]);
        page.call("Emulation.setEmulatedMedia", json!({ "features": features }));
        let metrics = json!({ "width": viewport.width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        page.call("Emulation.setDeviceMetricsOverride", metrics);
        page
    }

    /// Opens `url` and waits until every card is drawn or the page shows a message.
    pub fn go(&self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.complete();
    }

    pub fn complete(&self) {
        self.until(
            "document.readyState === 'complete' && (document.querySelector('.message') || \
             document.getElementById('ready') && [...document.querySelectorAll('.card[id]')] \
             .every(c => c.id === 'locked' || c.dataset.ready) && \
             [...document.querySelectorAll('.skeleton')].length === 0)",
        );
        // what was drawn last is laid out in the next frame
        self.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
    }

    pub fn call(&self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Evaluates an expression; promises are awaited.
    pub fn eval(&self, expression: &str) -> Value {
        self.try_eval(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_eval(&self, expression: &str) -> Result<Value, String> {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.browser.try_call(Some(&self.session), "Runtime.evaluate", params)?;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer:#}");
        Ok(answer["result"]["value"].clone())
    }

    /// Evaluates an expression that is text.
    pub fn text(&self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression}: {value} is no text")).to_owned()
    }

    /// Text of an element.
    pub fn text_of(&self, selector: &str) -> String {
        self.text(&format!("document.querySelector({selector:?})?.textContent ?? ''"))
    }

    /// Waits inside the page until the expression is true.
    pub fn until(&self, expression: &str) {
        let wait = format!(
            "new Promise((yes, no) => {{ const start = performance.now(); (function look() {{ \
             if ({expression}) yes(true); \
             else if (performance.now() - start > 20000) no(new Error('never: ' + {expression:?} + document.body.innerText.slice(0, 600))); \
             else setTimeout(look, 20); }})(); }})"
        );
        // navigation discards the expression, which is then evaluated in the new page
        while let Err(error) = self.try_eval(&wait) {
            assert!(error.contains("navigated") || error.contains("context"), "{error}");
        }
    }

    /// A point of an element, scrolled into view: its centre, or if that does not belong to it (as with
    /// an island beside the mainland) the first point that does.
    fn middle(&self, selector: &str) -> (f64, f64) {
        let at = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); \
             e.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const b = e.getBoundingClientRect(); \
             const own = (x, y) => e.contains(document.elementFromPoint(x, y)); \
             for (const n of [1, 8, 40]) for (let i = 0; i < n * n; i += 1) {{ \
               const at = [b.x + b.width * (i % n + 0.5) / n, b.y + b.height * (Math.floor(i / n) + 0.5) / n]; \
               if (own(...at)) return at; }} \
             throw new Error('covered: ' + {selector:?}); }})()"
        ));
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    /// Moves the pointer to an element.
    pub fn hover(&self, selector: &str) {
        let (x, y) = self.middle(selector);
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    pub fn click(&self, selector: &str) {
        let (x, y) = self.middle(selector);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses a key such as `ArrowRight`.
    pub fn key(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            other => panic!("no key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if key == "Enter" && kind == "keyDown" {
                event["text"] = "\r".into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types into the focused element.
    pub fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Text of the tooltip: title, then label and value of each row.
    pub fn tooltip(&self) -> String {
        self.text(
            "(() => { const t = document.querySelector('.tooltip.shown'); if (!t) return ''; \
             return [t.querySelector('strong').textContent, ...[...t.querySelectorAll('.tooltip-row')] \
             .map(r => r.children[0].textContent + ' ' + r.children[1].textContent)].join('|'); })()",
        )
    }

    /// Saves a screenshot of the whole page in target/screenshots.
    pub fn screenshot(&self, name: &str) {
        self.eval("scrollTo(0, 0)");
        let height = self.eval("document.documentElement.scrollHeight").as_f64().unwrap();
        let width = self.eval("document.documentElement.clientWidth").as_f64().unwrap();
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let picture = self.call(
            "Page.captureScreenshot",
            json!({ "format": "png", "clip": clip, "captureBeyondViewport": true }),
        );
        let data = picture["data"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        let folder = root().join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// URLs of all requests.
    pub fn requests(&self) -> Vec<String> {
        let events = self.browser.events(&self.session);
        let sent = events.iter().filter(|e| e["method"] == "Network.requestWillBeSent");
        sent.map(|e| e["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// Console errors, exceptions, and failed requests.
    pub fn errors(&self) -> Vec<String> {
        let reported = |event: &Value| {
            let p = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(p["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if p["type"] == "error" || p["type"] == "warning" => {
                    Some(p["args"].to_string())
                }
                "Log.entryAdded" if p["entry"]["level"] == "error" => Some(p["entry"].to_string()),
                "Network.loadingFailed" => Some(p.to_string()),
                "Network.responseReceived" if p["response"]["status"].as_u64()? >= 400 => {
                    Some(p["response"]["url"].to_string())
                }
                _ => None,
            }
        };
        self.browser.events(&self.session).iter().filter_map(reported).collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let context = json!({ "browserContextId": self.context });
            self.browser.call(None, "Target.disposeBrowserContext", context);
        }
    }
}
