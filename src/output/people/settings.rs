//! The settings that explain why there is no home, no weight or no estimate.

use serde::Serialize;

use crate::config::Config;

/// The thresholds of the measures, as configured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    pub min_nights: u32,
    pub home_share: f64,
    pub work_min_days: u32,
    pub min_devices: u32,
    pub max_weight: f64,
    pub min_coverage: f64,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let (anchors, weights) = (&config.anchors, &config.weights);
        Settings {
            min_nights: anchors.min_nights,
            home_share: anchors.home_share,
            work_min_days: anchors.work_min_days,
            min_devices: weights.min_devices,
            max_weight: weights.max_weight,
            min_coverage: weights.min_coverage,
        }
    }
}
