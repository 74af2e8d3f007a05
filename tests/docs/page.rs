//! A Markdown page, taken apart into what the tests look at.

use std::collections::HashMap;
use std::fs;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::harness::root;

/// One Markdown file.
pub struct Page {
    /// Path relative to the repository, such as `docs/views.md`.
    pub name: String,
    pub text: String,
    /// Destinations of links and images, including those of HTML attributes.
    pub links: Vec<String>,
    /// Anchors of the headings, as GitHub derives them.
    pub anchors: Vec<String>,
    /// Inline code.
    pub codes: Vec<String>,
    pub blocks: Vec<Block>,
}

/// A code block.
#[derive(Clone)]
pub struct Block {
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// The words after the fence, such as `sh no-run`.
    pub info: String,
    pub code: String,
}

/// All pages that the tests check.
pub fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.iter().map(|name| Page::read(name)).collect()
}

impl Page {
    pub fn read(name: &str) -> Page {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut page = Page {
            name: name.to_owned(),
            text,
            links: Vec::new(),
            anchors: Vec::new(),
            codes: Vec::new(),
            blocks: Vec::new(),
        };
        page.parse();
        page
    }

    /// The file and line of a block, for messages.
    pub fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.name, block.line)
    }

    fn parse(&mut self) {
        let text = self.text.clone();
        let mut heading: Option<String> = None;
        let mut block: Option<Block> = None;
        let mut repeated: HashMap<String, usize> = HashMap::new();
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let times = repeated.entry(anchor.clone()).or_default();
                    self.anchors.push(match *times {
                        0 => anchor,
                        n => format!("{anchor}-{n}"),
                    });
                    *times += 1;
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push(dest_url.into_string());
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => "indented".to_owned(),
                    };
                    let line = text[..range.start].lines().count() + 1;
                    block = Some(Block { line, info, code: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => self.blocks.extend(block.take()),
                Event::Html(html) | Event::InlineHtml(html) => self.links.extend(attributes(&html)),
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    self.codes.push(code.into_string());
                }
                Event::Text(more) => {
                    if let Some(block) = &mut block {
                        block.code.push_str(&more);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&more);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Values of the attributes `href`, `src` and `srcset`.
fn attributes(html: &str) -> Vec<String> {
    let value = |rest: &str| rest.split('"').next().map(str::to_owned);
    ["href=\"", "src=\"", "srcset=\""]
        .into_iter()
        .flat_map(|name| html.split(name).skip(1).filter_map(value))
        .collect()
}
