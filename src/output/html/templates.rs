//! The page templates. The template engine escapes all text.

use anyhow::Result;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};

use crate::output::data_version::digest;

/// The pages whose data the browser requests.
pub const DASHBOARD: &str = "dashboard.html";
pub const PEOPLE: &str = "people.html";
pub const MOVEMENT: &str = "movement.html";

const TEMPLATES: [(&str, &str); 10] = [
    (DASHBOARD, include_str!("templates/dashboard.html")),
    (PEOPLE, include_str!("templates/people.html")),
    (MOVEMENT, include_str!("templates/movement.html")),
    ("base.html", include_str!("templates/base.html")),
    ("view.html", include_str!("templates/view.html")),
    ("problem.html", include_str!("templates/problem.html")),
    ("docs.html", include_str!("templates/docs.html")),
    ("grid.html", include_str!("templates/grid.html")),
    ("warnings.html", include_str!("templates/warnings.html")),
    ("quality.html", include_str!("templates/quality.html")),
];

/// The parsed templates.
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// # Errors
    /// A template that cannot be parsed.
    pub fn new() -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, text) in TEMPLATES {
            environment.add_template(name, text)?;
        }
        Ok(Templates { environment })
    }

    /// # Errors
    /// Those of the template engine.
    pub fn render(&self, template: &str, context: minijinja::Value) -> Result<String> {
        Ok(self.environment.get_template(template)?.render(context)?)
    }

    /// A page whose data the browser requests. `root` is what links to routes begin with, here and in the
    /// other pages.
    ///
    /// # Errors
    /// Those of the template engine.
    pub fn page(&self, template: &str, root: &str) -> Result<String> {
        self.render(template, context! { root })
    }

    /// The page of an error; `is_public` leaves out links to what only analysts see.
    ///
    /// # Errors
    /// Those of the template engine.
    pub fn problem(
        &self,
        root: &str,
        is_public: bool,
        status: u16,
        title: &str,
        detail: &str,
    ) -> Result<String> {
        self.render("problem.html", context! { root, is_public, status, title, detail })
    }

    /// The documentation of the API.
    ///
    /// # Errors
    /// Those of the template engine.
    pub fn api_docs(
        &self,
        root: &str,
        is_public: bool,
        openapi: &serde_json::Value,
    ) -> Result<String> {
        let title = "REST API";
        self.render("docs.html", context! { root, is_public, title, api => Serde(openapi) })
    }
}

/// Changes when a template does.
pub fn fingerprint() -> String {
    digest(&TEMPLATES.map(|(_, text)| text))
}
