//! Answers that are made once for each version of the data.

use anyhow::Result;

use super::edition::Edition;
use super::state::Shared;
use super::{listing, map, openapi, summary};
use crate::warehouse::Warehouse;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    Summary,
    Views,
    Map,
    Openapi,
    Docs,
}

impl Fixed {
    pub const ALL: [Fixed; 5] =
        [Fixed::Summary, Fixed::Views, Fixed::Map, Fixed::Openapi, Fixed::Docs];

    pub fn media(self) -> &'static str {
        match self {
            Fixed::Docs => "text/html; charset=utf-8",
            _ => "application/json",
        }
    }

    /// Blocks.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn make(
        self,
        shared: &Shared,
        edition: &Edition,
        warehouse: &dyn Warehouse,
    ) -> Result<Vec<u8>> {
        match self {
            Fixed::Summary => summary::json(shared, edition, warehouse),
            Fixed::Views => listing::json(shared, edition, warehouse),
            Fixed::Map => map::json(warehouse),
            Fixed::Openapi => {
                let mut text = openapi::document(shared, edition, warehouse)?.to_string();
                text.push('\n');
                Ok(text.into_bytes())
            }
            Fixed::Docs => {
                let document = openapi::document(shared, edition, warehouse)?;
                Ok(shared.pages.docs(&document)?.into_bytes())
            }
        }
    }
}
