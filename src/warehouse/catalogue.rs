//! Answers to questions about the relations themselves, the same on every warehouse: `SHOW TABLES`,
//! `DESCRIBE`, and SELECTs from `information_schema.tables` and `information_schema.columns`. They list the
//! tables and views of the contract with the types of PostgreSQL, and nothing else.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::Rows;
use super::embedded::session;
use crate::domain::tables::Table;
use crate::errors::UsageError;
use crate::views::Registry;

/// The schema of the answers in SQL.
const SCHEMA: &str = "information_schema";

/// A table or view with its columns.
#[derive(Debug, Clone)]
pub struct Described {
    pub name: String,
    pub is_view: bool,
    pub columns: SchemaRef,
}

/// What a statement asks about the relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// `SHOW TABLES`.
    Tables,
    /// `DESCRIBE x` or `SHOW COLUMNS FROM x`.
    Columns(String),
    /// A SELECT that names a relation of `information_schema`.
    Select,
}

/// The question that a statement asks; `None` for a statement about rows.
pub fn question(sql: &str) -> Option<Question> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    let tokens: Vec<&Token> =
        tokens.iter().filter(|t| !matches!(t, Token::Whitespace(_) | Token::SemiColon)).collect();
    let name = |token: &Token| match token {
        Token::Word(word) if word.quote_style.is_some() => word.value.clone(),
        other => other.to_string().to_lowercase(),
    };
    let words: Vec<String> = tokens.iter().map(|token| name(token)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["show", "tables"] => return Some(Question::Tables),
        ["show", "columns", "from" | "in", rest @ ..]
        | ["describe" | "desc", "table", rest @ ..]
        | ["describe" | "desc", rest @ ..] => {
            // the schema of the warehouse may precede the name
            return rest.last().map(|name| Question::Columns((*name).to_owned()));
        }
        _ => {}
    }
    words.windows(2).any(|pair| pair == [SCHEMA, "."]).then_some(Question::Select)
}

/// The SELECT that answers a question; names of relations have to exist.
///
/// # Errors
/// [`UsageError`] for columns of a relation that does not exist, with the nearest name.
fn select(question: &Question, sql: &str, views: &Registry) -> Result<String> {
    Ok(match question {
        Question::Tables => {
            format!("SELECT table_name, table_type FROM {SCHEMA}.tables ORDER BY table_name")
        }
        Question::Columns(name) => {
            if Table::from_name(name).is_none() && views.by_sql_name(name).is_none() {
                let hint = views.hint_for_sql(name);
                let hint = hint.unwrap_or_else(|| "SHOW TABLES lists them".to_owned());
                return Err(anyhow!(UsageError(format!("unknown table or view {name:?}; {hint}"))));
            }
            let name = name.replace('\'', "''");
            format!(
                "SELECT column_name, data_type, is_nullable FROM {SCHEMA}.columns \
                 WHERE table_name = '{name}' ORDER BY ordinal_position"
            )
        }
        Question::Select => sql.to_owned(),
    })
}

/// The relations of the contract. `columns` are those of a view whose SQL cannot be analysed.
pub fn relations(views: &Registry, columns: impl Fn(&str) -> Option<SchemaRef>) -> Vec<Described> {
    let table = |table: Table| {
        let (name, columns) = (table.name().to_owned(), table.schema());
        Described { name, is_view: false, columns }
    };
    let mut all: Vec<Described> = Table::ALL.into_iter().map(table).collect();
    all.extend(views.views().iter().filter_map(|view| {
        let columns = view.columns.clone().or_else(|| columns(&view.view))?;
        Some(Described { name: view.view.clone(), is_view: true, columns })
    }));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The answer to a question; `None` for a SELECT that also reads other relations.
///
/// # Errors
/// As [`select`]; SQL that the engine rejects.
pub fn answer(
    question: &Question,
    sql: &str,
    schema: &str,
    relations: &[Described],
    views: &Registry,
) -> Result<Option<Rows>> {
    let context = session::new(true);
    register(&context, schema, relations)?;
    let sql = select(question, sql, views)?;
    let parsed = session::parse(&context, &sql)?;
    if !parsed.relations.is_empty() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (schema, batches) = runtime.block_on(async {
        let frame = session::plan(&context, parsed).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        Ok::<_, anyhow::Error>((schema, frame.collect().await.map_err(session::explain)?))
    })?;
    Ok(Some(Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), schema))))
}

/// Makes `information_schema` known to a session. `schema` is the name of the schema of the relations.
///
/// # Errors
/// Errors of the engine, which do not happen.
pub fn register(context: &SessionContext, schema: &str, relations: &[Described]) -> Result<()> {
    let provider = MemorySchemaProvider::new();
    for (name, batch) in
        [("tables", tables(schema, relations)?), ("columns", columns(schema, relations)?)]
    {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        provider.register_table(name.to_owned(), Arc::new(table))?;
    }
    let catalog = context.catalog("datafusion").ok_or_else(|| anyhow!("no catalog"))?;
    catalog.register_schema(SCHEMA, Arc::new(provider))?;
    Ok(())
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn tables(schema: &str, relations: &[Described]) -> Result<RecordBatch> {
    let of = |text: &'static str| texts(relations.iter().map(move |_| text));
    let kind = |r: &Described| if r.is_view { "VIEW" } else { "BASE TABLE" };
    Ok(RecordBatch::try_from_iter([
        ("table_catalog", of("mobility")),
        ("table_schema", texts(relations.iter().map(|_| schema))),
        ("table_name", texts(relations.iter().map(|r| r.name.as_str()))),
        ("table_type", texts(relations.iter().map(kind))),
    ])?)
}

fn columns(schema: &str, relations: &[Described]) -> Result<RecordBatch> {
    let all: Vec<_> = relations
        .iter()
        .flat_map(|r| r.columns.fields().iter().enumerate().map(move |(i, field)| (r, i, field)))
        .collect();
    let position = |(_, i, _): &(&Described, usize, _)| i64::try_from(*i).unwrap_or(i64::MAX) + 1;
    let positions: Vec<i64> = all.iter().map(position).collect();
    Ok(RecordBatch::try_from_iter([
        ("table_catalog", texts(all.iter().map(|_| "mobility"))),
        ("table_schema", texts(all.iter().map(|_| schema))),
        ("table_name", texts(all.iter().map(|(r, ..)| r.name.as_str()))),
        ("column_name", texts(all.iter().map(|(.., field)| field.name().as_str()))),
        ("ordinal_position", Arc::new(Int64Array::from(positions)) as ArrayRef),
        (
            "is_nullable",
            texts(all.iter().map(|(r, _, field)| {
                // results of views have no constraints
                if r.is_view || field.is_nullable() { "YES" } else { "NO" }
            })),
        ),
        ("data_type", texts(all.iter().map(|(.., f)| sql_type(f.name(), f.data_type())))),
    ])?)
}

/// The name of a type in PostgreSQL.
fn sql_type(name: &str, data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "bigint",
        t if t.is_integer() => "bigint",
        t if t.is_floating() => "double precision",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Interval(_) => "interval",
        DataType::Binary | DataType::BinaryView | DataType::LargeBinary if name == "geometry" => {
            "geometry"
        }
        DataType::Binary | DataType::BinaryView | DataType::LargeBinary => "bytea",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_relations_are_told_from_selects() {
        let columns = |name: &str| Some(Question::Columns(name.to_owned()));
        for (sql, expected) in [
            ("show  Tables;", Some(Question::Tables)),
            ("DESCRIBE Cell_Plan", columns("cell_plan")),
            ("desc table lau ;", columns("lau")),
            ("SHOW COLUMNS FROM public.\"Lau\"", columns("Lau")),
            ("SELECT * FROM Information_Schema.tables", Some(Question::Select)),
            ("SELECT 'information_schema.tables'", None),
            ("SELECT * FROM lau", None),
            ("SELECT 'open", None),
        ] {
            assert_eq!(question(sql), expected, "{sql}");
        }
    }
}
