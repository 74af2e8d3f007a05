//! The section `[extract]`.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::shown_location;

/// What `mobility extract` copies, and where to.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Extract {
    #[serde(deserialize_with = "super::values::one_or_many")]
    pub events: Vec<String>,
    #[serde(deserialize_with = "super::values::one_or_many")]
    pub cells: Vec<String>,
    /// Folder of `events/`, `cells/` and `lau_boundaries/`.
    pub to: PathBuf,
    /// Year of the LAU boundaries; without it they are not copied.
    pub lau_year: Option<u16>,
    /// Scale in the notation of GISCO, such as `01M`.
    pub lau_scale: String,
    /// EPSG code of the boundaries.
    pub lau_crs: u32,
    /// URL of the boundaries, with placeholders `{year}`, `{scale}` and `{crs}`.
    pub lau_url: String,
    /// Number of files that are copied at the same time.
    pub connections: u32,
}

/// URLs are displayed without their secrets.
impl fmt::Debug for Extract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Extract { events, cells, to, lau_year, lau_scale, lau_crs, lau_url, connections } =
            self;
        let shown = |texts: &[String]| texts.iter().map(|t| shown_location(t)).collect::<Vec<_>>();
        f.debug_struct("Extract")
            .field("events", &shown(events))
            .field("cells", &shown(cells))
            .field("to", to)
            .field("lau_year", lau_year)
            .field("lau_scale", lau_scale)
            .field("lau_crs", lau_crs)
            .field("lau_url", &shown_location(lau_url))
            .field("connections", connections)
            .finish()
    }
}

impl Default for Extract {
    fn default() -> Self {
        Extract {
            events: Vec::new(),
            cells: Vec::new(),
            to: "data/raw".into(),
            lau_year: None,
            lau_scale: "01M".into(),
            lau_crs: 3035,
            lau_url: GISCO_LAU.into(),
            connections: 4,
        }
    }
}

/// The distribution of LAU boundaries by Eurostat GISCO.
const GISCO_LAU: &str = "https://gisco-services.ec.europa.eu/distribution/v2/lau/geojson/LAU_RG_{scale}_{year}_{crs}.geojson";
