//! `mobility query`.

use std::io::IsTerminal;

use anyhow::{Result, anyhow};
use clap::ValueEnum;

use super::{Session, extension, stdout, terminal_style, views};
use crate::cli::Query;
use crate::domain::numbers::counted;
use crate::errors::UsageError;
use crate::output::formats;
use crate::output::formats::{Format, Options};
use crate::output::query::{geometry_options, lau_geometries, order_by};
use crate::storage::atomic::AtomicFile;
use crate::views::Registry;
use crate::warehouse::{Relation, Select, relation};

/// Rows shown on a terminal without `--limit`.
const MAX_TERMINAL_ROWS: u64 = 1_000;

pub fn run(session: &Session, args: &Query) -> Result<()> {
    if args.list {
        return views::list(&Registry::read(&session.config.views, &session.config.time)?);
    }
    let format = output_format(args)?;
    let (from, to) = args.dates.bounds()?;
    let (registry, warehouse) = session.warehouse()?;
    let mut options = terminal_options(args);
    let (rows, relation) = match (&args.view, &args.sql) {
        (None, None) => return Err(no_view_named()),
        (_, Some(sql)) => (warehouse.sql(sql)?, None),
        (Some(name), None) => {
            let select = Select {
                relation: relation(&registry, name)?,
                from,
                to,
                lau: args.lau.clone(),
                order: order_by(&args.order_by)?,
                limit: args.limit,
                offset: args.offset,
            };
            options.title = Some(select.relation.title().to_owned());
            (warehouse.select(&select)?, Some(select.relation))
        }
    };
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    geometry_options(
        || lau_geometries(warehouse.as_ref()),
        relation,
        &schema,
        format,
        &mut options,
    )?;
    let count = match &args.output {
        None => {
            if format.is_binary() && std::io::stdout().is_terminal() {
                return Err(anyhow!(UsageError(format!(
                    "{format:?} is a binary format; use --output FILE or a pipe"
                ))));
            }
            formats::write(format, rows, stdout(), &options)?
        }
        Some(path) => {
            let file = AtomicFile::new(path)?;
            let out = std::io::BufWriter::with_capacity(1 << 16, file.create()?);
            let count = formats::write(format, rows, Box::new(out), &options)?;
            file.commit()?;
            let rows = counted(count, "row");
            session.progress.note(&format!("{rows} written to {}", path.display()));
            count
        }
    };
    match relation {
        Some(relation) if count == 0 && args.limit != Some(0) && !session.quiet => {
            let all = warehouse.count(&Select::all(relation))?;
            session.progress.note(&why_no_rows(args, relation, all));
        }
        _ => {}
    }
    Ok(())
}

fn why_no_rows(args: &Query, relation: Relation, all: u64) -> String {
    let name = relation.sql_name();
    if all == 0 {
        return format!("no rows: {name} is empty");
    }
    let days = [("--date", args.dates.date), ("--from", args.dates.from), ("--to", args.dates.to)];
    let days = days.into_iter().filter_map(|(flag, day)| Some(format!("{flag} {}", day?)));
    let lau = args.lau.iter().map(|id| format!("--lau {id}"));
    let offset = (args.offset > 0).then(|| format!("--offset {}", args.offset));
    let filters: Vec<String> = days.chain(lau).chain(offset).collect();
    format!("no rows: none of the {} of {name} pass {}", counted(all, "row"), filters.join(" "))
}

fn no_view_named() -> anyhow::Error {
    anyhow!(UsageError(
        "name a view or table, or give a SELECT with --sql; `mobility query --list` lists the views"
            .to_owned()
    ))
}

fn output_format(args: &Query) -> Result<Format> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(ending) = args.output.as_deref().and_then(extension) else { return Ok(Format::Table) };
    let by_extension = Format::value_variants().iter().find(|f| f.extension() == ending);
    by_extension.copied().ok_or_else(|| {
        anyhow!(UsageError(format!(
            "no format has the extension .{ending}; choose one with --format"
        )))
    })
}

/// On a terminal a table fits its width; in a file or pipe nothing is truncated.
fn terminal_options(args: &Query) -> Options {
    let style = terminal_style(args.output.is_none());
    Options {
        width: style.width,
        color: style.color,
        // an explicit limit, a file and a pipe get all rows
        max_rows: (style.is_terminal && args.limit.is_none()).then_some(MAX_TERMINAL_ROWS),
        ..Options::default()
    }
}
