//! DataFusion sessions: their settings, and the planning of SQL.

use std::sync::{Arc, LazyLock};

use anyhow::{Result, anyhow};
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::parser::ParserError;

use super::engine_errors::{failed, quotes_no_value};
use super::lossy_casts::CompareWithoutLoss;
use super::memory_pool::SpillPool;
use super::small_batches::SmallBatches;
use super::sorted_aggregate::UseSortedAggregate;
use super::yielding::YieldAfterJoins;
use crate::errors::nearest;
use crate::warehouse::sql_excerpt;

/// Rows per batch within the engine.
const BATCH_ROWS: usize = 8_192;

/// Memory limit for the operators of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Enough for views over one day of a whole country. A query that needs more fails.
    OneDay,
    /// For joins and sorts that need more, which then spill to temporary files.
    Maximum,
}

impl Memory {
    fn bytes(self) -> usize {
        match self {
            Memory::OneDay => 384 << 20,
            Memory::Maximum => 2 << 30,
        }
    }
}

/// A session without tables. `ordered` keeps rows in the order of the files.
pub fn new(ordered: bool) -> SessionContext {
    with_memory(ordered, Memory::Maximum)
}

/// A session without tables and with a given memory limit.
pub fn with_memory(ordered: bool, memory: Memory) -> SessionContext {
    let mut config = SessionConfig::new().with_batch_size(BATCH_ROWS);
    if ordered {
        config = config.with_target_partitions(1);
    }
    let options = config.options_mut();
    // use files with disjoint users as partitions, even if there are few
    options.optimizer.subset_repartition_threshold = 1;
    options.sql_parser.collect_spans = true;
    // the same SQL dialect as PostGIS
    options.sql_parser.dialect = datafusion::common::config::Dialect::PostgreSQL;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime(memory))
        .with_default_features()
        .with_optimizer_rule(Arc::new(CompareWithoutLoss))
        .with_physical_optimizer_rule(Arc::new(UseSortedAggregate))
        .with_physical_optimizer_rule(Arc::new(SmallBatches))
        .with_physical_optimizer_rule(Arc::new(YieldAfterJoins))
        .build();
    SessionContext::new_with_state(state)
}

/// The memory pool and spill files, shared by all sessions with the same limit.
fn runtime(memory: Memory) -> Arc<RuntimeEnv> {
    static ONE_DAY: LazyLock<Arc<RuntimeEnv>> = LazyLock::new(|| pooled(Memory::OneDay));
    static MAXIMUM: LazyLock<Arc<RuntimeEnv>> = LazyLock::new(|| pooled(Memory::Maximum));
    match memory {
        Memory::OneDay => Arc::clone(&ONE_DAY),
        Memory::Maximum => Arc::clone(&MAXIMUM),
    }
}

fn pooled(memory: Memory) -> Arc<RuntimeEnv> {
    let pool = Arc::new(SpillPool::new(memory.bytes()));
    let builder = RuntimeEnvBuilder::new().with_memory_pool(pool);
    let builder = match memory {
        // a view that needs more is computed with the larger limit, which is faster than spilling
        Memory::OneDay => {
            let no_disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
            builder.with_disk_manager_builder(no_disk)
        }
        Memory::Maximum => builder,
    };
    // if the pool cannot be created, queries run without a memory limit
    builder.build_arc().unwrap_or_default()
}

/// A parsed statement, with the tables and views that it names.
pub struct Parsed {
    pub statement: Statement,
    pub relations: Vec<String>,
}

/// Parses one statement.
///
/// # Errors
/// A syntax error, with line and column.
pub fn parse(context: &SessionContext, sql: &str) -> Result<Parsed> {
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let statement =
        state.sql_to_statement(sql, &dialect).map_err(|error| explain_syntax(sql, error))?;
    let (relations, _) = resolve_table_references(&statement, true).map_err(explain)?;
    let relations = relations
        .into_iter()
        .filter(|r| !matches!(r.schema(), Some("information_schema")))
        .map(|r| r.table().to_owned())
        .collect();
    Ok(Parsed { statement, relations })
}

/// Plans a parsed statement. The engine rejects statements that are not queries.
///
/// # Errors
/// Errors of the engine, with line and column if it states them.
pub async fn plan(context: &SessionContext, parsed: Parsed) -> Result<DataFrame> {
    let plan = context.state().statement_to_plan(parsed.statement).await.map_err(explain)?;
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only
        .verify_plan(&plan)
        .map_err(|e| anyhow!("{}; this warehouse only reads", e.strip_backtrace()))?;
    context.execute_logical_plan(plan).await.map_err(explain)
}

/// The message of the engine, after line and column of the error. If it may quote values of rows, the
/// error is an [`EngineError`](crate::errors::EngineError).
pub fn explain(error: DataFusionError) -> anyhow::Error {
    if !quotes_no_value(&error) {
        return anyhow!(failed(&error));
    }
    let place = error.diagnostic().and_then(|d| d.span.map(|s| (s.start, d.message.clone())));
    match (place, error.find_root()) {
        (Some((start, message)), root) => {
            let hint = column_hint(root).or_else(|| own_hint(&error));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            let message = without_position(&message);
            anyhow!("line {}, column {}: {message}{hint}", start.line, start.column)
        }
        (None, DataFusionError::SchemaError(schema, _)) => match column_hint(error.find_root()) {
            Some(hint) => {
                let text = schema.to_string();
                // the engine's own suggestion may follow
                anyhow!("{}; {hint}", text.split(". ").next().unwrap_or_default())
            }
            None => anyhow!("{}", error.strip_backtrace()),
        },
        (None, DataFusionError::SQL(parser, _)) => match parser.as_ref() {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
                with_position_first(message)
            }
            other => anyhow!("{other}"),
        },
        (None, _) => anyhow!("{}", error.strip_backtrace()),
    }
}

/// The column that was probably meant, or those that there are.
fn column_hint(error: &DataFusionError) -> Option<String> {
    let DataFusionError::SchemaError(error, _) = error else { return None };
    let SchemaError::FieldNotFound { field, valid_fields } = error.as_ref() else { return None };
    let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
    match nearest(&field.name, names.iter().copied()) {
        Some(near) => Some(format!("did you mean {near:?}?")),
        None if names.is_empty() => None,
        None => Some(format!("the columns are {}", names.join(", "))),
    }
}

/// The suggestion of the engine itself, for the name of a function.
fn own_hint(error: &DataFusionError) -> Option<String> {
    let text = error.strip_backtrace();
    let (_, rest) = text.split_once("Did you mean '")?;
    rest.split_once('\'').map(|(near, _)| format!("did you mean {near:?}?"))
}

/// The error of the parser, with the keyword that was probably misspelt.
fn explain_syntax(sql: &str, error: DataFusionError) -> anyhow::Error {
    let error = explain(error);
    match sql_excerpt::place_in(&error.to_string()) {
        Some((place, message)) => anyhow!("{}", sql_excerpt::syntax_error(sql, place, message)),
        None => error,
    }
}

/// Moves the position in a message of the parser to its start, as in other messages.
fn with_position_first(message: &str) -> anyhow::Error {
    let parts = message.rsplit_once(" at Line: ").and_then(|(text, position)| {
        let (line, column) = position.split_once(", Column: ")?;
        Some((text, line.parse::<u64>().ok()?, column.trim().parse::<u64>().ok()?))
    });
    match parts {
        Some((text, line, column)) => {
            // two layers of the parser may have appended it
            anyhow!("line {line}, column {column}: {}", without_position(text))
        }
        None => anyhow!("{message}"),
    }
}

/// The message of the parser without the position at its end.
fn without_position(message: &str) -> &str {
    message.split_once(" at Line: ").map_or(message, |(text, _)| text)
}
