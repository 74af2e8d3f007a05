//! The access log: one line per request, written when the response has been sent. Parameters are
//! left out.

use std::net::IpAddr;
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

/// What is known of a request when the head of its response is ready.
pub struct Entry {
    pub client: IpAddr,
    pub method: Method,
    pub path: String,
    pub status: StatusCode,
    pub started: Instant,
    pub log: Log,
}

/// A body that counts its bytes and writes the entry when it is dropped.
pub struct LoggedBody {
    body: Body,
    entry: Entry,
    bytes: u64,
}

impl LoggedBody {
    pub fn new(body: Body, entry: Entry) -> Self {
        LoggedBody { body, entry, bytes: 0 }
    }
}

impl HttpBody for LoggedBody {
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

impl Drop for LoggedBody {
    fn drop(&mut self) {
        let entry = &self.entry;
        let client = entry.client.to_string();
        let (status, bytes) = (entry.status.as_u16(), self.bytes);
        let seconds = entry.started.elapsed().as_secs_f64();
        let request = format!("{} {} {status}", entry.method, entry.path);
        let fields = json!({
            "stage": "access",
            "client": client,
            "method": entry.method.as_str(),
            "path": entry.path,
            "status": status,
            "bytes": bytes,
            "seconds": seconds,
        });
        entry.log.line(Level::Info, None, &request, figures(fields), || {
            format!("{client} {request} {bytes} B {:.1} ms", seconds * 1e3)
        });
    }
}
