//! Figures for operators, in the text form of Prometheus.

use std::time::Duration;

use anyhow::Result;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Bounds of the latency histogram, seconds.
const BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// All figures.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    pub rows: IntCounter,
    pub kept: IntCounterVec,
    queries: IntGauge,
    connections: IntGaugeVec,
}

impl Metrics {
    /// # Errors
    /// Two figures of one name.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("mobility_http_requests_total", "Requests by route and status."),
            &["route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "mobility_http_request_seconds",
                "Seconds until the head of the answer was ready.",
            )
            .buckets(BUCKETS.to_vec()),
            &["route"],
        )?;
        let rows = IntCounter::new("mobility_rows_sent_total", "Rows of views and tables sent.")?;
        let kept = IntCounterVec::new(
            Opts::new("mobility_answers_total", "Answers of views by where they came from."),
            &["from"],
        )?;
        let queries = IntGauge::new("mobility_queries_running", "Queries that run now.")?;
        let connections = IntGaugeVec::new(
            Opts::new("mobility_pool_connections", "Connections to PostGIS by state."),
            &["state"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(rows.clone()))?;
        registry.register(Box::new(kept.clone()))?;
        registry.register(Box::new(queries.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        Ok(Metrics { registry, requests, seconds, rows, kept, queries, connections })
    }

    /// One request is answered.
    pub fn answered(&self, route: &str, status: &str, elapsed: Duration) {
        self.requests.with_label_values(&[route, status]).inc();
        self.seconds.with_label_values(&[route]).observe(elapsed.as_secs_f64());
    }

    /// The page that Prometheus reads. `pool`: open connections and those among them that wait for
    /// work.
    ///
    /// # Errors
    /// Figures that have no text.
    pub fn text(&self, running: usize, pool: Option<(u32, u32)>) -> Result<String> {
        self.queries.set(i64::try_from(running).unwrap_or(i64::MAX));
        if let Some((open, idle)) = pool {
            self.connections.with_label_values(&["busy"]).set((open.saturating_sub(idle)).into());
            self.connections.with_label_values(&["idle"]).set(idle.into());
        }
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}
