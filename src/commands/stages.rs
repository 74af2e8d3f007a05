//! `mobility compress`, `geojoin`, `movement` and `load`.

use anyhow::Result;

use super::Session;
use crate::cli;
use crate::stages::{compress, geojoin, load, movement};

pub fn compress(session: &Session, args: &cli::Compress) -> Result<()> {
    let extent = compress::Extent { force: args.force, since: args.since };
    session.stage("compress", || compress::run((&session.config).into(), &session.progress, extent))
}

pub fn geojoin(session: &Session, force: bool) -> Result<()> {
    session.stage("geojoin", || geojoin::run((&session.config).into(), &session.progress, force))
}

pub fn movement(session: &Session, force: bool) -> Result<()> {
    session.stage("movement", || movement::run((&session.config).into(), &session.progress, force))
}

pub fn load(session: &Session, force: bool) -> Result<()> {
    let (_, warehouse) = session.warehouse()?;
    let work = || load::run((&session.config).into(), warehouse.as_ref(), &session.progress, force);
    session.stage("load", work)?;
    session.progress.note(&format!("{} is up to date", warehouse.location()));
    Ok(())
}
