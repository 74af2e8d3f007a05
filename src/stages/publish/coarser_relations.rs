//! The relations of coarser forms of views with finer numbers.

use std::collections::BTreeMap;

use super::history::History;
use super::table::{Role, Row, Table};
use crate::views::coarser::{Coarser, FLOW_BALANCE, Level, users_per_lau};
use crate::views::publication::Link;

/// Relations that no header states, by the number of the table.
#[derive(Debug, Default)]
pub struct Further {
    pub direct: Vec<(usize, Link)>,
    /// Those that follow from others. What is left of a number without known ones has to be looked at as well.
    pub implied: Vec<(usize, Link)>,
}

/// Finds the relations of coarser forms with finer ones of the same views, and with numbers of other views that are
/// contained in these. `all` are the forms at all levels, and `coarser` those that there are tables of.
pub fn relations(
    tables: &[Table],
    (all, coarser): (&[Coarser], &[&Coarser]),
    history: &History,
) -> Further {
    let mut further = Further::default();
    for form in coarser {
        further.add_finer(tables, coarser, form);
        further.add_linked(tables, (all, coarser), form, history);
        further.add_seen(tables, all, form, history);
    }
    further
}

/// The devices of areas in the periods of other forms, where nobody publishes them: these are compared with the devices
/// of all areas by way of them.
pub fn between<'a>(coarser: &'a [Coarser], forms: &[&Coarser]) -> Vec<&'a Coarser> {
    let is_named = |form: &&Coarser| {
        let mut links = forms.iter().flat_map(|other| other.view.publication.stated_links());
        links.any(|link| link.to.view.as_ref() == Some(&form.view.view))
    };
    let is_missing = |form: &&Coarser| forms.iter().all(|known| known.view.view != form.view.view);
    let devices = coarser.iter().filter(|form| form.of == users_per_lau().0);
    devices.filter(is_missing).filter(is_named).collect()
}

/// True if there is a table of a form between two others.
pub fn is_between(coarser: &[&Coarser], of: &str, finer: Level, level: Level) -> bool {
    coarser.iter().filter(|form| form.of == of).any(|form| {
        let middle = form.level();
        let is_other = middle != finer && middle != level;
        is_other && finer.is_within(middle) && middle.is_within(level)
    })
}

impl Further {
    pub fn extend(&mut self, other: Further) {
        self.direct.extend(other.direct);
        self.implied.extend(other.implied);
    }

    /// Adds the relations of a form with finer ones of its view.
    fn add_finer(&mut self, tables: &[Table], coarser: &[&Coarser], form: &Coarser) {
        let level = form.level();
        let of_view = coarser.iter().filter(|finer| finer.of == form.of);
        let of_view = of_view.map(|finer| (finer.view.view.as_str(), finer.level()));
        let finest = (form.of.as_str(), Level::FINEST);
        for (view, finer) in of_view.chain([finest]) {
            let number = tables.iter().position(|table| table.view == view);
            let Some(number) = number.filter(|_| finer != level && finer.is_within(level)) else {
                continue;
            };
            let links = form.contains(finer).into_iter().map(|link| (number, link));
            // flows are those of the trips between areas, which add up
            let is_implied = form.of == FLOW_BALANCE || is_between(coarser, &form.of, finer, level);
            match is_implied {
                true => self.implied.extend(links),
                false => self.direct.extend(links),
            }
        }
    }

    /// Adds the relations of numbers of other views that outsiders know with a form, where these are in numbers of a
    /// finer form of it.
    fn add_linked(
        &mut self,
        tables: &[Table],
        (all, coarser): (&[Coarser], &[&Coarser]),
        form: &Coarser,
        history: &History,
    ) {
        // the levels of finer forms, by their names
        let finer = all.iter().filter(|finer| {
            let is_finer = finer.view != form.view && finer.level().is_within(form.level());
            finer.of == form.of && is_finer
        });
        let mut levels: BTreeMap<&str, Level> =
            finer.map(|finer| (finer.view.view.as_str(), finer.level())).collect();
        levels.insert(&form.of, Level::FINEST);
        for (number, table) in known(tables, history) {
            let stated = || table.publication.sums.iter().chain(&table.publication.linked);
            // the form of the other view at the level has the relation itself
            let (of, _) = form_of(table, all);
            let is_implied = coarser.iter().any(|other| {
                let is_at = other.period == form.period
                    && other.areas.is_none_or(|areas| areas == form.level().areas);
                other.of == of && other.view.view != table.view && is_at
            });
            let found = if is_implied { &mut self.implied } else { &mut self.direct };
            for link in stated() {
                let level = link.to.view.as_deref().and_then(|view| levels.get(view));
                let Some(link) = level.and_then(|level| form.contains_linked(of, link, *level))
                else {
                    continue;
                };
                let is_new = !found.iter().any(|(of, known)| *of == number && *known == link);
                if is_new && stated().all(|known| *known != link) {
                    found.push((number, link));
                }
            }
        }
    }

    /// Adds the relations of devices that live, work or sleep in an area with a form that counts who is seen there.
    fn add_seen(&mut self, tables: &[Table], all: &[Coarser], form: &Coarser, history: &History) {
        for (number, table) in known(tables, history) {
            let (of, level) = form_of(table, all);
            self.direct
                .extend(form.contains_seen(of, level).into_iter().map(|link| (number, link)));
        }
    }
}

/// The view that a table is a form of, and its level.
fn form_of<'a>(table: &'a Table, all: &'a [Coarser]) -> (&'a str, Level) {
    match all.iter().find(|form| form.view.view == table.view) {
        Some(form) => (&form.of, form.level()),
        None => (&table.view, Level::FINEST),
    }
}

/// The tables with numbers that outsiders know, by their numbers.
fn known<'a>(
    tables: &'a [Table],
    history: &'a History,
) -> impl Iterator<Item = (usize, &'a Table)> {
    let is_released = |row: &Row| row.role == Role::Released;
    tables
        .iter()
        .enumerate()
        .filter(move |(_, table)| history.has(&table.view) || table.rows.iter().any(is_released))
}
