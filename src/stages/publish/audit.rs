//! Looks at a release folder as an attacker does, who has nothing else but earlier releases.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use arrow::array::{Array, RecordBatch};

use super::attack::Attack;
use super::audited::Audited;
use super::clock::Clock;
use super::earlier::add_earlier;
use super::left_out::add_left_out;
use super::manifest::{MANIFEST, Manifest, ManifestView, SUMS};
use super::period::{AnchorWindows, Periods};
use super::read::anchor_windows_of;
use super::relations::{Containers, relations, stated};
use super::table::{Role, Row, Table};
use super::totals::totals;
use crate::formats::table;
use crate::progress::Progress;
use crate::storage::inputs::InputFile;
use crate::storage::sha256::of_bytes;
use crate::views::publication::{Basis, Link, RowsOf};

/// Derives what an outsider can from the folder of a release, and from those of earlier releases.
///
/// # Errors
/// A folder that is no release, or whose files were changed; views that have other columns in an earlier release.
pub fn audit(folder: &Path, earlier: &[PathBuf], progress: &Progress) -> Result<Audited> {
    let bar = progress.spinner("audit", "reading the release");
    let manifest = Manifest::read(folder)?;
    let mut windows = AnchorWindows::new();
    let mut tables = tables_of(folder, &manifest, &mut windows)?;
    let mut changes = Vec::new();
    let mut dates = manifest.times.dates.clone();
    for folder in earlier {
        let of_earlier = Manifest::read(folder)?;
        dates.extend(&of_earlier.times.dates);
        let of_earlier = tables_of(folder, &of_earlier, &mut windows)?;
        let min_devices = manifest.thresholds.min_devices;
        changes.extend(add_earlier(&mut tables, (folder, of_earlier), min_devices)?);
    }
    let clock = Clock::of(&tables, manifest.times.day);
    let (night, window) = (manifest.times.night, manifest.times.window());
    let periods = Periods { windows, night, clock, window, dates };
    let containers = Containers { periods, ..Containers::default() };
    tables.extend(totals(&tables, &containers));
    let related = loop {
        let (related, missing) = relations(&tables, links(&tables), &containers)?;
        if !add_left_out(&mut tables, &missing) {
            break related;
        }
    };
    let mut attack = Attack::new(&tables, manifest.thresholds, changes);
    related.iter().for_each(|related| attack.relate(related));
    bar.message("deriving withheld numbers");
    let audited = attack.carry_out();
    bar.finish();
    Ok(audited)
}

/// The tables of a release, and the windows of its dates.
fn tables_of(
    folder: &Path,
    manifest: &Manifest,
    windows: &mut AnchorWindows,
) -> Result<Vec<Table>> {
    verify(folder, manifest)?;
    let mut tables = Vec::new();
    for (sql_name, view) in &manifest.views {
        let rows = read(folder, view)?;
        if sql_name == "anchor_windows" {
            windows.extend(anchor_windows_of(&rows)?);
        }
        tables.push(table_of(sql_name, view, &rows)?);
    }
    Ok(tables)
}

/// What headers state, and what follows from that.
fn links(tables: &[Table]) -> impl Iterator<Item = (usize, &Link)> {
    let follows = tables.iter().enumerate().flat_map(|(number, table)| {
        table.publication.follows.iter().map(move |link| (number, link))
    });
    stated(tables).chain(follows)
}

/// Compares the files with the sums.
fn verify(folder: &Path, manifest: &Manifest) -> Result<()> {
    for (name, expected) in &manifest.files {
        let path = folder.join(name);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if of_bytes(&bytes) != *expected {
            bail!(
                "{} was changed after the release; its sum is not the one in {MANIFEST}",
                path.display()
            );
        }
    }
    let known = |name: &String| {
        manifest.files.contains_key(name) || [MANIFEST, SUMS].contains(&name.as_str())
    };
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !known(&name) {
            bail!("{} does not belong to the release", folder.join(name).display());
        }
    }
    Ok(())
}

fn read(folder: &Path, view: &ManifestView) -> Result<RecordBatch> {
    let name = view.files.iter().find(|name| name.ends_with(".parquet"));
    let path = folder
        .join(name.with_context(|| format!("{MANIFEST} names no Parquet file of {}", view.name))?);
    InputFile::local(path.clone())
        .and_then(|file| table::read(&file))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// The rows of a view as an outsider has them.
fn table_of(sql_name: &str, view: &ManifestView, rows: &RecordBatch) -> Result<Table> {
    let publication = view.publication()?;
    let keys = publication.keys.clone().unwrap_or_else(|| crate::views::publication::Keys {
        columns: Vec::new(),
        rows: RowsOf::Devices,
    });
    let measures = publication.counts.clone().unwrap_or_default();
    let column = |name: &String| {
        rows.column_by_name(name)
            .with_context(|| format!("the rows of {} have no column {name}", view.name))
    };
    let columns = keys.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    let of_measures = measures.iter().map(|measure| column(&measure.column));
    let of_measures = of_measures.collect::<Result<Vec<_>>>()?;
    let text = |column: &dyn Array, row| -> Result<Option<String>> {
        Ok(match column.is_null(row) {
            true => None,
            false => Some(arrow::util::display::array_value_to_string(column, row)?),
        })
    };
    let mut all = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let values = columns.iter().map(|column| text(column, row));
        let numbers = of_measures.iter().zip(&measures).map(|(column, measure)| {
            Ok(match measure.basis {
                // of what is computed from others, it only matters whether it is there
                Basis::From(_) => (!column.is_null(row)).then_some(0),
                _ => text(column, row)?.and_then(|number| number.parse().ok()),
            })
        });
        all.push(Row {
            keys: values.collect::<Result<_>>()?,
            period: None,
            role: Role::Released,
            numbers: numbers.collect::<Result<_>>()?,
        });
    }
    let is_time = columns.iter().map(|column| {
        use arrow::datatypes::DataType;
        matches!(column.data_type(), DataType::Date32 | DataType::Timestamp(_, _))
    });
    Ok(Table {
        view: sql_name.to_owned(),
        identity: view
            .identity
            .iter()
            .filter_map(|name| keys.columns.iter().position(|k| k == name))
            .collect(),
        is_time: is_time.collect(),
        is_amount: of_measures.iter().map(|column| column.data_type().is_floating()).collect(),
        is_total: false,
        publication,
        keys,
        measures,
        rows: all,
    })
}
