//! `mobility compress`, `geojoin` and `load`.

use anyhow::Result;

use super::Session;
use crate::{compress, geojoin, load};

pub fn compress(session: &Session, force: bool) -> Result<()> {
    session.stage("compress", || compress::run(&session.config, &session.progress, force))
}

pub fn geojoin(session: &Session, force: bool) -> Result<()> {
    session.stage("geojoin", || geojoin::run(&session.config, &session.progress, force))
}

pub fn load(session: &Session, force: bool) -> Result<()> {
    let (_, warehouse) = session.warehouse()?;
    let work = || load::run(&session.config, warehouse.as_ref(), &session.progress, force);
    session.stage("load", work)?;
    session.progress.note(&format!("{} is up to date", warehouse.location()));
    Ok(())
}
