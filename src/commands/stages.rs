//! `mobility compress`, `geojoin` and `load`.

use anyhow::Result;

use super::{Session, tell};
use crate::{cli, compress, geojoin, load};

pub fn compress(session: &Session, args: &cli::Compress) -> Result<()> {
    let extent = compress::Extent { force: args.force, since: args.since };
    tell(session, &compress::run(&session.config, &session.progress, extent)?);
    Ok(())
}

pub fn geojoin(session: &Session, force: bool) -> Result<()> {
    tell(session, &geojoin::run(&session.config, &session.progress, force)?);
    Ok(())
}

pub fn load(session: &Session, force: bool) -> Result<()> {
    let (_, warehouse) = session.warehouse()?;
    tell(session, &load::run(&session.config, warehouse.as_ref(), &session.progress, force)?);
    session.progress.note(&format!("{} is up to date", warehouse.location()));
    Ok(())
}
