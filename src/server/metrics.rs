//! Metrics in the text format of Prometheus.

use std::time::Duration;

use anyhow::Result;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Upper bounds of the latency histogram, in seconds.
const BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The metrics.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    pub rows: IntCounter,
    pub answers: IntCounterVec,
    queries: IntGauge,
    clients: IntGauge,
    connections: IntGaugeVec,
}

impl Metrics {
    /// # Errors
    /// Two metrics with one name.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("mobility_http_requests_total", "Requests by route and status."),
            &["route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "mobility_http_request_seconds",
                "Seconds until the head of the response was ready.",
            )
            .buckets(BUCKETS.to_vec()),
            &["route"],
        )?;
        let rows = IntCounter::new("mobility_rows_sent_total", "Rows of views and tables sent.")?;
        let answers = IntCounterVec::new(
            Opts::new("mobility_answers_total", "Responses with rows by their source."),
            &["from"],
        )?;
        let queries = IntGauge::new("mobility_queries_running", "Queries that are running.")?;
        let clients = IntGauge::new("mobility_client_connections", "Connections of clients.")?;
        let connections = IntGaugeVec::new(
            Opts::new("mobility_pool_connections", "Connections to PostGIS by state."),
            &["state"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(rows.clone()))?;
        registry.register(Box::new(answers.clone()))?;
        registry.register(Box::new(queries.clone()))?;
        registry.register(Box::new(clients.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        Ok(Metrics { registry, requests, seconds, rows, answers, queries, clients, connections })
    }

    /// Counts a request.
    pub fn record_request(&self, route: &str, status: &str, elapsed: Duration) {
        self.requests.with_label_values(&[route, status]).inc();
        self.seconds.with_label_values(&[route]).observe(elapsed.as_secs_f64());
    }

    /// The text that Prometheus reads, with the numbers of running queries and of connected clients.
    /// `pool` holds the numbers of open and of idle connections to PostGIS.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn text(&self, running: usize, clients: usize, pool: Option<(u32, u32)>) -> Result<String> {
        self.queries.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.clients.set(i64::try_from(clients).unwrap_or(i64::MAX));
        if let Some((open, idle)) = pool {
            self.connections.with_label_values(&["busy"]).set((open.saturating_sub(idle)).into());
            self.connections.with_label_values(&["idle"]).set(idle.into());
        }
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}
