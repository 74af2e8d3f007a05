//! `mobility init`: looks at input files and writes the configuration that they seem to need.

mod boundaries;
mod events;
mod names;
mod settings;
mod zones;

use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::Value;

use super::config_file;
use crate::cell_plan;
use crate::cli::{Global, Init};
use crate::config::{Config, Data, without_secrets};
use crate::domain::numbers::counted;
use crate::errors::UsageError;
use crate::formats::table;
use crate::storage::atomic::write_file;
use settings::{Guess, Look, Setting, column};

/// Writes the file and prints what was guessed.
///
/// # Errors
/// [`UsageError`] for a configuration file that exists; inputs that cannot be read.
pub fn run(args: &Init, global: &Global) -> Result<()> {
    let file = config_file(global);
    if file.exists() && !args.force {
        bail!(UsageError(format!(
            "{} exists already; --force replaces it, and --config names another file",
            file.display()
        )));
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let defaults = Data::default();
    let (events, events_setting) = paths("data.events", &args.events, &defaults.events, folder)?;
    let (cells, cells_setting) = paths("data.cells", &args.cells, &defaults.cells, folder)?;
    let (lau, lau_setting) = paths("data.lau", &args.lau, &defaults.lau, folder)?;
    let data = Data { events, cells, lau, ..defaults };
    let mut config = Config { data, ..Config::default() };

    let (mut looks, mut settings) = (Vec::new(), vec![events_setting, cells_setting, lau_setting]);
    let form = events::look(&mut config, &mut looks, &mut settings)?;
    look_at_cell_plan(&mut config, &mut looks, &mut settings)?;
    let country = boundaries::look(&mut config, &mut looks, &mut settings)?;
    settings.push(events::zone(form, country.as_deref()));

    write_file(&file, settings::file(&settings).as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    let lines = looks.iter().map(Look::sentence).chain([String::new()]);
    let lines: Vec<String> = lines.chain(settings.iter().map(Setting::sentence)).collect();
    let open = settings.iter().filter(|setting| matches!(setting.guess, Guess::Open(_))).count();
    let next = match open {
        0 => "`mobility check` compares it with the data".to_owned(),
        n => {
            format!("{} left to you: edit it, then run `mobility check`", counted(n as u64, "key"))
        }
    };
    let text = format!("{}\n\n{} is written; {next}\n", lines.join("\n"), file.display());
    super::print(&without_secrets(&text))
}

/// Paths as this process reads them, and the setting with the paths as the file names them.
fn paths(
    key: &'static str,
    given: &[String],
    default: &[String],
    folder: &Path,
) -> Result<(Vec<String>, Setting)> {
    let here = folder.as_os_str().is_empty();
    let (read, written, why) = match given {
        [] => {
            let read = default.iter().map(|path| folder.join(path).to_string_lossy().into_owned());
            (read.collect(), default.to_vec(), "the default")
        }
        given => {
            let absolute = |path: &String| match here || path.contains("://") {
                true => Ok(path.clone()),
                // the file may lie elsewhere, and paths in it are relative to its folder
                false => Ok(std::path::absolute(path)?.to_string_lossy().into_owned()),
            };
            (given.to_vec(), given.iter().map(absolute).collect::<Result<_>>()?, "as given")
        }
    };
    let value = match written.as_slice() {
        [one] => Value::from(one.as_str()),
        several => Value::from(several.to_vec()),
    };
    Ok((read, Setting::plain(key, value, why)))
}

fn look_at_cell_plan(
    config: &mut Config,
    looks: &mut Vec<Look>,
    settings: &mut Vec<Setting>,
) -> Result<()> {
    let files = cell_plan::files(&config.data.cells)?.files;
    let Some(first) = files.first() else { return Ok(()) };
    let schema = table::schema(first).with_context(|| format!("cell plan {}", first.location))?;
    let present: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let columns = events::described(&schema, first);
    looks.push(Look { subject: "cell plan", files: files.len(), columns });
    for (role, found) in names::CELL_PLAN.iter().zip(names::assign(&names::CELL_PLAN, &present)) {
        let is_optional = role.key.starts_with("columns.valid_");
        if role.key == "columns.plan_cell_id" && found.as_ref() == Some(&config.columns.cell_id) {
            continue;
        }
        settings.push(column(role, found, &present, is_optional, &mut config.columns));
    }
    Ok(())
}
