//! The JSON document of a view's rows: what describes them comes first, then the rows.

use anyhow::Result;
use serde::Serialize;

use super::LoadedData;
use crate::output::columns::ColumnInfo;
use crate::output::formats::{Format, Options};
use crate::output::query;
use crate::output::relation::RelationInfo;
use crate::warehouse::{Relation, Select};

/// The members of the document before its rows.
#[derive(Serialize)]
pub struct RowsHead<'a> {
    name: &'a str,
    view: &'a str,
    title: &'a str,
    description: &'a str,
    columns: &'a [ColumnInfo],
    /// Rows that pass the filters.
    total: u64,
    limit: Option<u64>,
    offset: u64,
}

impl<'a> RowsHead<'a> {
    pub fn new(select: &'a Select<'a>, columns: &'a [ColumnInfo], total: u64) -> Self {
        let info = RelationInfo::of(select.relation);
        RowsHead {
            name: info.name,
            view: select.relation.sql_name(),
            title: info.title,
            description: info.description,
            columns,
            total,
            limit: select.limit,
            offset: select.offset,
        }
    }
}

/// What `format` needs to write the geometry of a relation's rows. Blocks.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn geometry_options(data: &LoadedData, relation: Relation, format: Format) -> Result<Options> {
    let schema = data.version.columns(data.warehouse, relation)?;
    let mut options = Options::default();
    let boundaries = || data.version.lau_geometries(data.warehouse);
    query::geometry_options(boundaries, Some(relation), &schema, format, &mut options)?;
    Ok(options)
}
