//! Boundaries in GeoParquet: WKB in a column that the footer specifies.

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use super::feature::{Declared, Feature, FeatureFilter, OnFeature, Properties, PropertyNames};
use super::wkb;
use crate::formats::crs;
use crate::formats::parquet::{ParquetBatches, footer, refuse_encrypted};
use crate::storage::ByteSource;
use crate::storage::inputs::InputFile;

/// Features in memory at a time: few, since a short file can contain the same long geometry many times.
const BATCH_ROWS: usize = 32;

/// See [`super::read`].
pub fn read(
    input: &InputFile,
    names: &PropertyNames,
    filter: FeatureFilter,
    on_feature: OnFeature,
) -> Result<Declared> {
    let file = ByteSource::open(input)?;
    let metadata = footer::read(&file)
        .map_err(|e| anyhow!("not a complete Parquet file ({e}); download it again"))?;
    let geo = GeoMetadata::of(&metadata)?;
    let schema = metadata.schema();
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let properties = names.find(&columns);
    let geometry = schema.index_of(&geo.column).with_context(|| {
        format!("its footer specifies a column {:?} that does not exist", geo.column)
    })?;
    let roots: Vec<usize> = properties.into_iter().flatten().chain([geometry]).collect();
    let schema = metadata.parquet_schema();
    let leaves = 0..schema.num_columns();
    let leaves = leaves.filter(|leaf| roots.contains(&schema.get_column_root_idx(*leaf)));
    refuse_encrypted(&file, metadata.metadata(), leaves)?;
    let mask = ProjectionMask::roots(schema, roots.iter().copied());
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .context("damaged; download it again")?;
    let (mut number, mut bytes) = (0, 0);
    for batch in ParquetBatches::new(reader) {
        let batch = batch.context("damaged; download it again")?;
        let [ids, countries, unit_names, values] = properties.map(|index| {
            let column = index.and_then(|i| batch.column_by_name(columns[i]))?;
            cast(column, &DataType::Utf8).ok()
        });
        let geometries = batch.column_by_name(&geo.column).context("a column is missing")?;
        let geometries = cast(geometries, &DataType::LargeBinary).with_context(|| {
            format!("column {:?} is {}; expected WKB", geo.column, geometries.data_type())
        })?;
        bytes += batch.get_array_memory_size() as u64;
        names.refuse_too_large(bytes)?;
        for row in 0..batch.num_rows() {
            number += 1;
            let text = |column: &Option<ArrayRef>| {
                let column = column.as_ref()?.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            let properties = Properties {
                id: text(&ids),
                country: text(&countries),
                name: text(&unit_names),
                value: text(&values),
            };
            if !filter(&properties) {
                continue;
            }
            let geometries = geometries.as_binary::<i64>();
            let polygons = geometries
                .is_valid(row)
                .then(|| wkb::polygons(geometries.value(row)))
                .transpose()
                .map_err(|e| anyhow!("feature {number}: {e}"))?;
            on_feature(Feature { number, properties, polygons })?;
        }
    }
    let named = columns.iter().filter(|column| **column != geo.column);
    Ok(Declared { crs: geo.crs, properties: named.map(|&column| column.to_owned()).collect() })
}

/// The description of the geometry in the footer.
struct GeoMetadata {
    column: String,
    crs: Option<String>,
}

impl GeoMetadata {
    fn of(metadata: &ArrowReaderMetadata) -> Result<Self> {
        let entries = metadata.metadata().file_metadata().key_value_metadata();
        let geo = entries.into_iter().flatten().find(|e| e.key == "geo");
        let geo = geo.and_then(|e| e.value.as_deref()).context(
            "it is not GeoParquet: its footer has no entry \"geo\"; rewrite it, for example with ogr2ogr",
        )?;
        let geo: Value =
            serde_json::from_str(geo).context("the entry \"geo\" in its footer is not JSON")?;
        let column = geo["primary_column"].as_str().unwrap_or("geometry");
        let description = &geo["columns"][column];
        match description["encoding"].as_str() {
            Some(encoding) if encoding.eq_ignore_ascii_case("WKB") => {}
            other => bail!(
                "column {column:?} is encoded as {}; expected WKB: rewrite it, for example with ogr2ogr -lco GEOMETRY_ENCODING=WKB",
                other.unwrap_or("an unspecified encoding")
            ),
        }
        Ok(GeoMetadata { column: column.to_owned(), crs: crs_of(description.get("crs")) })
    }
}

/// Without an entry the CRS is that of [`crs::UNDECLARED_GEOPARQUET`], and `null` means that it is
/// unknown. Files older than version 0.4 have WKT in place of PROJJSON. A description that cannot be
/// read is returned as it is, so that an error can quote it.
fn crs_of(declared: Option<&Value>) -> Option<String> {
    let Some(declared) = declared else { return Some(crs::UNDECLARED_GEOPARQUET.to_owned()) };
    if declared.is_null() {
        return None;
    }
    let code = |code: &Value| code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    let name = match (declared["id"]["authority"].as_str(), declared.as_str()) {
        (Some(authority), _) => Some(format!("{authority}:{}", code(&declared["id"]["code"]))),
        (None, name) => name.map(str::to_owned),
    };
    let text = declared.to_string();
    Some(name.and_then(|n| crs::from_name(&n)).or_else(|| crs::from_name(&text)).unwrap_or(text))
}
