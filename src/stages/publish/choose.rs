//! Which views a release has, and which others are needed to decide about their numbers.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};

use crate::config::SnapshotDate;
use crate::errors::UsageError;
use crate::views::coarser::{Form, Level, form_of};
use crate::views::publication::{Basis, Column, Publication, Relation};
use crate::views::{Registry, View, classify};

/// A view that is classified.
#[derive(Debug, Clone, Copy)]
pub struct Classified<'a> {
    pub view: &'a View,
    pub publication: &'a Publication,
}

/// The views of a release.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// All classified views.
    pub classified: Vec<Classified<'a>>,
    /// SQL names of those that are released, or of their coarser forms.
    pub released: BTreeSet<String>,
    /// SQL names of those of which a release at this level has another form or none.
    pub finer: BTreeSet<String>,
    /// SQL names of further views whose counts are judged, since numbers that are released are computed from them.
    pub judged: BTreeSet<String>,
    /// Remarks on views that are left out.
    pub notes: Vec<String>,
}

/// Chooses the named views, or without a name all that are classified, in the form that they have at a level.
///
/// # Errors
/// [`UsageError`] for an unknown view, and for one that cannot be published, with what to write in its header; for one
/// whose numbers at the level are not known.
pub fn choose<'a>(registry: &'a Registry, names: &[String], level: Level) -> Result<Chosen<'a>> {
    let classified: Vec<Classified> = registry
        .views()
        .iter()
        .filter(|view| !is_moving(view))
        .filter_map(|view| {
            let publication = classify(view, registry).ok()?;
            Some(Classified { view, publication })
        })
        .collect();
    let mut notes = Vec::new();
    let mut released = BTreeSet::new();
    if names.is_empty() {
        for view in registry.views().iter().filter(|view| is_moving(view)) {
            notes.push(format!("{} is left out: {}", view.name, why_not_moving()));
        }
        for Classified { view, .. } in &classified {
            match form_of(view, level, registry) {
                Form::Itself => drop(released.insert(view.view.clone())),
                Form::Coarser(coarser) => drop(released.insert(coarser.view.view)),
                Form::Missing(reason) => {
                    notes.push(format!("{} is left out: {reason}", view.name));
                }
            }
        }
    }
    for name in names {
        let view = named(registry, name)?;
        match form_of(view, level, registry) {
            Form::Itself => drop(released.insert(view.view.clone())),
            Form::Coarser(coarser) => drop(released.insert(coarser.view.view)),
            Form::Missing(reason) => {
                return Err(anyhow!(UsageError(format!(
                    "{name} cannot be published with the areas {} and the period {}: {reason}; leave it out, or choose \
                     others with --areas and --period",
                    level.areas.name(),
                    level.period.name()
                ))));
            }
        }
    }
    let is_finer = |view: &View| form_of(view, level, registry) != Form::Itself;
    let finer = classified.iter().map(|c| c.view).filter(|view| is_finer(view));
    let finer = finer.map(|view| view.view.clone()).collect();
    let mut judged = BTreeSet::new();
    let of_forms: Vec<Publication> = classified
        .iter()
        .filter_map(|c| match form_of(c.view, level, registry) {
            Form::Coarser(form) if released.contains(&form.view.view) => {
                Some(form.view.publication)
            }
            _ => None,
        })
        .collect();
    let of_views = classified.iter().filter(|c| released.contains(&c.view.view));
    for publication in of_views.map(|c| c.publication).chain(&of_forms) {
        let of_measures = publication.counts.iter().flatten().flat_map(|measure| {
            let of: &[Column] = match &measure.basis {
                Basis::From(columns) => columns,
                Basis::Over(column) => std::slice::from_ref(column),
                Basis::Devices | Basis::OverUsers => &[],
            };
            of
        });
        // counts that are the same as released ones, or sums of them: who adds these up has them
        let counts = |column: &String| {
            let measures = publication.counts.iter().flatten();
            measures.filter(|m| m.column == *column).any(|m| m.basis == Basis::Devices)
        };
        let sums = publication
            .sums
            .iter()
            .filter(|link| link.relation == Relation::Equal && link.counts.iter().all(counts));
        let columns = of_measures
            .chain(publication.needs.iter().map(|need| &need.of))
            .chain(sums.map(|link| &link.to));
        let views = columns.filter_map(|column| column.view.clone());
        judged.extend(views.filter(|other| !released.contains(other)));
    }
    Ok(Chosen { classified, released, finer, judged, notes })
}

fn named<'a>(registry: &'a Registry, name: &str) -> Result<&'a View> {
    let view = registry.find(name)?;
    if is_moving(view) {
        return Err(anyhow!(UsageError(format!(
            "{name} cannot be published: {}",
            why_not_moving()
        ))));
    }
    classify(view, registry).map_err(|error| {
        anyhow!(UsageError(format!(
            "{} cannot be published: {error} (docs/publication.md; `mobility check --publication` explains all \
             views)",
            view.name
        )))
    })?;
    Ok(view)
}

/// True for a view of the newest date, whichever that is.
fn is_moving(view: &View) -> bool {
    view.snapshot == Some(SnapshotDate::Newest)
}

fn why_not_moving() -> &'static str {
    "its rows are of another date after each load, so that releases of it cannot be compared; publish the view with \
     all dates"
}
