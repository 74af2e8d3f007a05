//! Record batches from a server-side cursor, in the Arrow types of the contract.
//!
//! `DECLARE CURSOR` accepts only a SELECT, and the transaction is read-only: the server itself keeps
//! ad-hoc SQL from changing data, and a result of any size needs little memory.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchReader;
use postgres::types::ToSql;
use postgres::{Column, Row, Statement};

use super::names::SchemaName;
use super::pooled_connection::Connection;
use super::search_path;
use super::server_errors::{explain, explain_sql, failed, failed_fetch};
use super::values::{Kind, Raw, Value};
use crate::domain::tables::TIMESTAMP;
use crate::errors::EngineError;
use crate::runtime::cancellation;

/// Rows fetched at a time.
const FETCH: &str = "FETCH FORWARD 8192 FROM mobility_rows";
/// The text before the SELECT.
pub const DECLARE: &str = "DECLARE mobility_rows NO SCROLL CURSOR FOR ";

/// An open cursor. Dropping it ends the transaction.
pub struct CursorRows {
    connection: Connection,
    fetch: Statement,
    kinds: Vec<Kind>,
    schema: SchemaRef,
    first: Option<Vec<Row>>,
    done: bool,
}

impl CursorRows {
    /// Runs one SELECT; names without a schema belong to `of`.
    ///
    /// # Errors
    /// Errors of the server, with the position in the SQL; a column of a type without an Arrow
    /// counterpart.
    pub fn open(
        mut connection: Connection,
        of: &SchemaName,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Self> {
        connection
            .batch_execute("BEGIN READ ONLY; SET LOCAL cursor_tuple_fraction = 1")
            .map_err(failed)?;
        match Self::declare(&mut connection, of, sql, parameters) {
            Ok((fetch, first)) => {
                let columns = fetch.columns();
                let kinds: Vec<Kind> = columns
                    .iter()
                    .enumerate()
                    .map(|(i, c)| Kind::of(c.type_(), c.type_modifier(), &first, i))
                    .collect::<Result<_>>()?;
                let schema = schema(columns, &kinds);
                Ok(CursorRows { connection, fetch, kinds, schema, first: Some(first), done: false })
            }
            Err(error) => {
                // the pool discards a broken connection
                let _ = connection.batch_execute("ROLLBACK");
                Err(error)
            }
        }
    }

    fn declare(
        connection: &mut Connection,
        of: &SchemaName,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Statement, Vec<Row>)> {
        search_path::set(&mut **connection, of, sql, false)?;
        let declared = connection.execute(&format!("{DECLARE}{sql}"), parameters);
        declared.map_err(|e| explain_sql(&e, sql, DECLARE.len()))?;
        // errors after this point have no position in the user's SQL
        let fetch = connection.prepare(FETCH).map_err(failed)?;
        let first = connection.query(&fetch, &[]).map_err(failed)?;
        Ok((fetch, first))
    }

    fn fetch(&mut self) -> Result<Vec<Row>, ArrowError> {
        cancellation::check().map_err(|e| ArrowError::ExternalError(Box::new(e)))?;
        self.connection
            .query(&self.fetch, &[])
            .map_err(|e| ArrowError::ExternalError(Box::new(failed_fetch(&e))))
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
        let columns = self
            .kinds
            .iter()
            .enumerate()
            .map(|(i, kind)| column(rows, i, *kind, self.schema.field(i).name()))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

impl Drop for CursorRows {
    fn drop(&mut self) {
        let _ = self.connection.batch_execute("ROLLBACK");
    }
}

impl Iterator for CursorRows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let rows = match self.first.take() {
            Some(rows) => rows,
            None => match self.fetch() {
                Ok(rows) => rows,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            },
        };
        if rows.is_empty() {
            self.done = true;
            return None;
        }
        Some(self.batch(&rows))
    }
}

impl RecordBatchReader for CursorRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

fn schema(columns: &[Column], kinds: &[Kind]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .zip(kinds)
        .map(|(column, kind)| Field::new(column.name(), data_type(*kind), true))
        .collect();
    Arc::new(Schema::new(fields))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::Oid | Kind::IntegerNumeric => {
            DataType::Int64
        }
        Kind::Float32 | Kind::Float64 | Kind::FloatNumeric => DataType::Float64,
        Kind::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        Kind::Text | Kind::Jsonb | Kind::Uuid => DataType::Utf8,
        Kind::Date => DataType::Date32,
        Kind::Timestamp => TIMESTAMP,
        Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Bytes | Kind::Geometry => DataType::Binary,
    }
}

/// One column of fetched rows.
fn column(rows: &[Row], i: usize, kind: Kind, name: &str) -> Result<ArrayRef, ArrowError> {
    let invalid = |text: String| {
        let fault = format!("column {name}: a value cannot be read");
        let error = EngineError::new(fault, format!("column {name}: {text}"));
        ArrowError::ExternalError(Box::new(error))
    };
    macro_rules! collect {
        ($builder:expr, $variant:ident) => {{
            let mut builder = $builder;
            for row in rows {
                let raw: Option<Raw> = row.try_get(i).map_err(|e| invalid(explain(&e)))?;
                match raw
                    .map(|raw| kind.read(raw.0))
                    .transpose()
                    .map_err(|e| invalid(e.to_string()))?
                {
                    Some(Value::$variant(value)) => builder.append_value(value),
                    Some(_) => {
                        return Err(invalid(
                            "the value has another type than the column".to_owned(),
                        ));
                    }
                    None => builder.append_null(),
                }
            }
            Ok(Arc::new(builder.finish()))
        }};
    }
    match data_type(kind) {
        DataType::Boolean => collect!(BooleanBuilder::new(), Bool),
        DataType::Int64 => collect!(Int64Builder::new(), Int),
        DataType::Float64 => collect!(Float64Builder::new(), Float),
        t @ DataType::Decimal128(_, _) => {
            collect!(Decimal128Builder::new().with_data_type(t), Decimal)
        }
        DataType::Date32 => collect!(Date32Builder::new(), Date),
        t @ DataType::Timestamp(_, _) => {
            collect!(TimestampMicrosecondBuilder::new().with_data_type(t), Time)
        }
        DataType::Binary => collect!(BinaryBuilder::new(), Bytes),
        _ => collect!(StringBuilder::new(), Text),
    }
}
