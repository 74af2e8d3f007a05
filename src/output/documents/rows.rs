//! The JSON document of a view's rows: what describes them comes first, then the rows.

use anyhow::Result;
use serde::Serialize;

use super::LoadedData;
use crate::output::columns::ColumnInfo;
use crate::output::formats::{Format, Options};
use crate::output::query;
use crate::output::relation::RelationInfo;
use crate::output::snapshots;
use crate::warehouse::{Relation, Select, Warehouse};

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
    /// Why there are no rows, if the reason is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl<'a> RowsHead<'a> {
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn new(
        warehouse: &dyn Warehouse,
        select: &'a Select<'a>,
        columns: &'a [ColumnInfo],
        total: u64,
    ) -> Result<Self> {
        let note = match total {
            0 => snapshots::why_empty(warehouse, select.relation)?,
            _ => None,
        };
        let info = RelationInfo::of(select.relation);
        Ok(RowsHead {
            name: info.name,
            view: select.relation.sql_name(),
            title: info.title,
            description: info.description,
            columns,
            total,
            limit: select.limit,
            offset: select.offset,
            note,
        })
    }
}

/// What `format` needs to write the geometry of a relation's rows. Blocks.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn geometry_options(data: &LoadedData, relation: Relation, format: Format) -> Result<Options> {
    let schema = data.version.columns(data.warehouse, relation)?;
    let loaded_at = Some(data.version.loaded.loaded_at.clone());
    let title = Some(relation.title().to_owned());
    let mut options = Options { loaded_at, title, ..Options::default() };
    let shapes = |form| data.version.lau_shapes(data.warehouse, form);
    query::geometry_options(shapes, Some(relation), &schema, format, &mut options)?;
    Ok(options)
}
