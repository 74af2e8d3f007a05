//! Where cells are, as numbers in the order of their ids.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Unsuitable;

const COLUMNS: [&str; 5] = ["cell_id", "valid_date_start", "valid_date_end", "lau_id", "site_id"];

/// A cell on a date. Numbers are in the order of the ids that they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub cell: u32,
    pub site: u32,
    pub lau: Option<u32>,
    /// The lowest LAU of the cells at its site that are valid on the date.
    pub site_lau: Option<u32>,
}

/// A row of the cell plan.
#[derive(Debug)]
struct Row {
    cell: u32,
    site: u32,
    lau: Option<u32>,
    /// The first and the last day on which it is valid, since 1970.
    from: i32,
    to: i32,
}

/// The cell plan.
#[derive(Debug)]
pub struct PlannedPlaces {
    cells: HashMap<String, u32>,
    sites: Vec<String>,
    laus: Vec<String>,
    rows: Vec<Row>,
}

impl PlannedPlaces {
    /// Reads the table `cell_plan`.
    ///
    /// # Errors
    /// A file that cannot be read; [`Unsuitable`] if it lacks ids of cells or sites.
    pub fn read(path: &Path) -> Result<Self> {
        let context = || format!("{}", path.display());
        let file = File::open(path).with_context(context)?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).with_context(context)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
        let reader = builder.with_projection(mask).build().with_context(context)?;
        let batches = reader.collect::<Result<Vec<_>, _>>().with_context(context)?;
        let mut read = Vec::new();
        for batch in &batches {
            read.push((
                texts(batch, "cell_id")?,
                texts(batch, "site_id")?,
                texts(batch, "lau_id")?,
            ));
        }
        let [mut cells, mut sites, mut laus] = [(); 3].map(|()| BTreeMap::new());
        for (of_cells, of_sites, of_laus) in &read {
            if of_cells.null_count() > 0 || of_sites.null_count() > 0 {
                return Err(Unsuitable.into());
            }
            for (names, column) in
                [(&mut cells, of_cells), (&mut sites, of_sites), (&mut laus, of_laus)]
            {
                names.extend(column.as_string::<i32>().iter().flatten().map(|id| (id, 0)));
            }
        }
        for names in [&mut cells, &mut sites, &mut laus] {
            (0..).zip(names.values_mut()).for_each(|(number, value)| *value = number);
        }
        let mut rows = Vec::new();
        for (batch, (of_cells, of_sites, of_laus)) in batches.iter().zip(&read) {
            let days = |name: &str| {
                let column = batch.column_by_name(name)?;
                column.as_primitive_opt::<Date32Type>()
            };
            let (starts, ends) = (days("valid_date_start"), days("valid_date_end"));
            let (Some(starts), Some(ends)) = (starts, ends) else { return Err(Unsuitable.into()) };
            let [of_cells, of_sites, of_laus] =
                [of_cells, of_sites, of_laus].map(|column| column.as_string::<i32>());
            for row in 0..batch.num_rows() {
                rows.push(Row {
                    cell: cells[of_cells.value(row)],
                    site: sites[of_sites.value(row)],
                    lau: of_laus.is_valid(row).then(|| laus[of_laus.value(row)]),
                    from: if starts.is_valid(row) { starts.value(row) } else { i32::MIN },
                    to: if ends.is_valid(row) { ends.value(row) } else { i32::MAX },
                });
            }
        }
        let owned = |names: &BTreeMap<&str, u32>| names.keys().map(|id| (*id).to_owned()).collect();
        Ok(PlannedPlaces {
            cells: cells.iter().map(|(id, number)| ((*id).to_owned(), *number)).collect(),
            sites: owned(&sites),
            laus: owned(&laus),
            rows,
        })
    }

    /// The places of the cells that are valid on a day, by the numbers of the cells.
    ///
    /// # Errors
    /// [`Unsuitable`] if a cell is at two places.
    pub fn on(&self, day: i32) -> Result<Vec<Option<Place>>> {
        let mut lau_of_site: Vec<Option<u32>> = vec![None; self.sites.len()];
        let valid = || self.rows.iter().filter(move |row| row.from <= day && day <= row.to);
        for row in valid() {
            let lowest = &mut lau_of_site[row.site as usize];
            *lowest = [*lowest, row.lau].into_iter().flatten().min();
        }
        let mut places = vec![None; self.cells.len()];
        for row in valid() {
            let Row { cell, site, lau, .. } = *row;
            let place = Place { cell, site, lau, site_lau: lau_of_site[site as usize] };
            if places[cell as usize].replace(place).is_some() {
                return Err(Unsuitable.into());
            }
        }
        Ok(places)
    }

    /// The number of a cell that is in the plan on any date.
    pub fn cell(&self, id: &str) -> Option<usize> {
        self.cells.get(id).map(|number| *number as usize)
    }

    /// The id of a site.
    pub fn site(&self, number: u32) -> &str {
        &self.sites[number as usize]
    }

    /// The id of a LAU.
    pub fn lau(&self, number: u32) -> &str {
        &self.laus[number as usize]
    }
}

/// A column of texts.
fn texts(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let column = batch.column_by_name(name).ok_or(Unsuitable)?;
    Ok(cast(column, &DataType::Utf8)?)
}
