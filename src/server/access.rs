//! The access log: a line on standard error when an answer is out, without its parameters.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use serde_json::json;

use crate::progress::log::{Level, Log, figures};

/// What is known when the head of an answer is ready.
pub struct Line {
    pub peer: Option<SocketAddr>,
    pub method: Method,
    pub path: String,
    pub status: StatusCode,
    pub started: Instant,
    pub log: Log,
}

/// A body that writes the line when it is done with.
pub struct Logged {
    body: Body,
    line: Line,
    bytes: u64,
}

impl Logged {
    pub fn new(body: Body, line: Line) -> Self {
        Logged { body, line, bytes: 0 }
    }
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut frame = self.body.frame();
        let polled = Pin::new(&mut frame).poll(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let line = &self.line;
        let client = line.peer.map_or_else(|| "-".to_owned(), |p| p.ip().to_string());
        let (status, bytes) = (line.status.as_u16(), self.bytes);
        let seconds = line.started.elapsed().as_secs_f64();
        let answered = format!("{} {} {status}", line.method, line.path);
        let told = json!({
            "stage": "access",
            "client": client,
            "method": line.method.as_str(),
            "path": line.path,
            "status": status,
            "bytes": bytes,
            "seconds": seconds,
        });
        line.log.line(Level::Info, None, &answered, figures(told), || {
            format!("{client} {answered} {bytes} B {:.1} ms", seconds * 1e3)
        });
    }
}
