//! `mobility query`.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use serde_json::{Map, Value};

use super::pager::Pager;
use super::{Session, extension, list, stdout, terminal_style};
use crate::cli::Query;
use crate::config::Audience;
use crate::domain::numbers::counted;
use crate::errors::UsageError;
use crate::output::audited_rows::{AuditedAccess, recorded};
use crate::output::formats;
use crate::output::formats::{Format, Options, Rows};
use crate::output::map_rows;
use crate::output::query::{geometry_options, lau_shapes, order_by};
use crate::output::snapshots;
use crate::progress::audit_log::{Access, AuditLog};
use crate::progress::{new_id, now};
use crate::runtime::text_file;
use crate::storage::atomic::AtomicFile;
use crate::views::without_literals;
use crate::warehouse::{Question, Relation, Select, question, relation};

/// Rows shown on a terminal without `--limit`.
const MAX_TERMINAL_ROWS: u64 = 1_000;

pub fn run(session: &Session, args: &Query) -> Result<()> {
    if args.list {
        let registry = session.readable_views(args.readers.audience)?;
        return list::relations(&registry, terminal_style(true).width);
    }
    let audience = args.readers.audience.unwrap_or(session.config.publish.audience);
    if audience == Audience::Public && args.sql.is_some() {
        return Err(no_sql_for_the_public());
    }
    let format = output_format(args)?;
    let (from, to) = args.dates.bounds()?;
    let sql = args.sql.as_deref().map(sql_text).transpose()?;
    let (registry, warehouse) = session.readable(Some(audience))?;
    let mut options = terminal_options(args);
    options.gzip = args.compress || args.output.as_deref().is_some_and(is_gzip);
    options.spreadsheet_safe = args.csv.spreadsheet_safe(format.is_csv())?;
    let mut access = None;
    let mut selected = None;
    let (rows, relation) = match (&args.view, &sql) {
        (None, None) => return Err(no_view_named()),
        (_, Some(sql)) => {
            // a SELECT from information_schema can read other relations as well
            let is_about_relations = question(sql).is_some_and(|q| q != Question::Select);
            if !is_about_relations && registry.single_users_in(sql)?.is_some() {
                let masked = without_literals(sql).map(|masked| ("sql".to_owned(), masked.into()));
                access = Some(access_of("--sql", masked.into_iter().collect(), format));
            }
            (warehouse.sql(sql)?, None)
        }
        (Some(name), None) => {
            let mut select = Select {
                relation: relation(&registry, name)?,
                from,
                to,
                lau: args.lau.clone(),
                order: order_by(&args.order_by)?,
                limit: args.limit,
                offset: args.offset,
            };
            options.title = Some(select.relation.title().to_owned());
            if format.is_map() && !args.all_dates {
                let columns = warehouse.columns(select.relation)?;
                options.remark = map_rows::choose_date(warehouse.as_ref(), &mut select, &columns)?;
            }
            if select.relation.single_users() {
                let name = select.relation.sql_name();
                access = Some(access_of(name, recorded(&select), format));
            }
            let relation = select.relation;
            options.measures = relation.measures();
            (warehouse.select(selected.insert(select))?, Some(relation))
        }
    };
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    geometry_options(
        |form| lau_shapes(warehouse.as_ref(), form),
        relation,
        &schema,
        format,
        &mut options,
    )?;
    if args.output.is_none()
        && (format.is_binary() || options.gzip)
        && std::io::stdout().is_terminal()
    {
        let what = if options.gzip { "compressed output" } else { format.name() };
        return Err(anyhow!(UsageError(format!(
            "{what} is not for a terminal; use --output FILE or a pipe"
        ))));
    }
    if matches!(format, Format::Gpkg | Format::Xlsx) {
        options.loaded_at = warehouse.loaded()?.map(|loaded| loaded.loaded_at);
    }
    let audit = match (&session.config.serve.audit_log, &access) {
        (Some(path), Some(_)) => Some(AuditLog::open(path)?),
        _ => None,
    };
    let audited = match (&audit, &access) {
        (Some(audit), Some(access)) => {
            Some(AuditedAccess::begin(audit, access, session.progress.log())?)
        }
        _ => None,
    };
    let rows = audited.iter().fold(rows, |rows, audited| audited.count(rows));
    let (rows, added) = match &selected {
        // maps have no holes
        Some(select) if format.is_map() => {
            map_rows::with_every_lau(rows, select, options.lau_shapes.as_ref())
        }
        _ => (rows, Arc::default()),
    };
    let count = write(session, args, format, rows, &options)?;
    audited.map_or(Ok(()), AuditedAccess::complete)?;
    if let Some(remark) = &options.remark {
        session.progress.note(&format!("{remark} (--date DAY for others, --all-dates for all)"));
    }
    let added = added.load(Ordering::Relaxed);
    if added > 0 {
        let laus = counted(added, "feature");
        session.progress.note(&format!("{laus} added for LAUs without a row, with null"));
    }
    match relation {
        Some(relation) if count == added && args.limit != Some(0) && !session.quiet => {
            let reason = match snapshots::why_empty(warehouse.as_ref(), relation)? {
                Some(reason) => format!("no rows: {reason}"),
                None => why_no_rows(args, relation, warehouse.count(&Select::all(relation))?),
            };
            session.progress.note(&reason);
        }
        _ => {}
    }
    Ok(())
}

/// Writes the rows; returns their number.
fn write(
    session: &Session,
    args: &Query,
    format: Format,
    rows: Rows,
    options: &Options,
) -> Result<u64> {
    let Some(path) = &args.output else {
        let is_paged = format == Format::Table && std::io::stdout().is_terminal();
        let Some(mut pager) = is_paged.then(Pager::start).transpose()?.flatten() else {
            return formats::write(format, rows, stdout(), options);
        };
        let written = formats::write(format, rows, pager.input()?, options);
        pager.wait()?;
        return written;
    };
    let file = AtomicFile::new(path)?;
    let out = std::io::BufWriter::with_capacity(1 << 16, file.create()?);
    let count = formats::write(format, rows, Box::new(out), options)?;
    file.commit()?;
    let rows = counted(count, "row");
    session.progress.note(&format!("{rows} written to {}", path.display()));
    Ok(count)
}

/// The SELECT of `--sql`: the text itself, the content of a file after `@`, or standard input for `-`.
fn sql_text(text: &str) -> Result<String> {
    let read = match (text, text.strip_prefix('@')) {
        ("-", _) => std::io::read_to_string(std::io::stdin()).context("standard input"),
        (_, Some(path)) => {
            text_file::read(Path::new(path)).with_context(|| format!("--sql {text}"))
        }
        _ => return Ok(text.to_owned()),
    };
    let read = read?;
    let sql = read.trim_start_matches('\u{feff}').trim_end();
    if sql.trim_end_matches(';').trim().is_empty() {
        return Err(anyhow!(UsageError(format!(
            "--sql {text} contains no SELECT; write one, such as SELECT * FROM lau"
        ))));
    }
    Ok(sql.to_owned())
}

/// The entry of the audit log for this command.
fn access_of(relation: &str, filters: Map<String, Value>, format: Format) -> Access {
    let uid = || format!("uid {}", rustix::process::getuid().as_raw());
    Access {
        request_id: new_id(now()),
        via: "query",
        name: whoami::username().unwrap_or_else(|_| uid()),
        address: None,
        relation: relation.to_owned(),
        filters,
        format: format.name(),
        path: String::new(),
    }
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

fn no_sql_for_the_public() -> anyhow::Error {
    anyhow!(UsageError(
        "a SELECT of your own could compute what was withheld, so that --sql is for analysts alone; name a released \
         view and restrict its rows by --date, --from, --to and --lau, or give --audience analyst"
            .to_owned()
    ))
}

fn output_format(args: &Query) -> Result<Format> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(path) = args.output.as_deref() else { return Ok(Format::Table) };
    // users.csv.gz is compressed CSV
    let path = if is_gzip(path) { path.with_extension("") } else { path.to_owned() };
    let Some(ending) = extension(&path) else { return Ok(Format::Table) };
    let by_extension = Format::value_variants().iter().find(|f| f.extension() == ending);
    by_extension.copied().ok_or_else(|| {
        anyhow!(UsageError(format!(
            "no format has the extension .{ending}; choose one with --format"
        )))
    })
}

/// True for a file whose name asks for compression.
fn is_gzip(path: &Path) -> bool {
    extension(path).is_some_and(|ending| ending == "gz")
}

/// On a terminal a table fits its width; in a file or pipe nothing is truncated.
fn terminal_options(args: &Query) -> Options {
    let style = terminal_style(args.output.is_none());
    Options {
        width: style.width.filter(|_| !args.wide),
        vertical: args.vertical,
        how_to_see_all: Some("use --wide, --vertical or --output FILE"),
        color: style.color,
        // an explicit limit, a file, a pipe and a pager get all rows
        max_rows: (style.is_terminal && args.limit.is_none() && !Pager::is_wanted())
            .then_some(MAX_TERMINAL_ROWS),
        ..Options::default()
    }
}
