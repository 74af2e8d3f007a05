//! A view as it is at a level.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use super::{BY_DATE, DATE, HOUR, Level, Source, is_area, source_by_period};
use crate::config::{Areas, ReleasePeriod};
use crate::views::header::{Chart, OrderBy};
use crate::views::publication::{
    self, Basis, Column, Condition, Contribution, KeyPair, KeyValue, Keys, Link, Measure, Need,
    Publication, Relation, RowValue,
};
use crate::views::registry::Registry;
use crate::views::view::View;

/// The ending of a name.
fn ending(level: Level, separator: char) -> String {
    let mut text = String::new();
    if level.areas != Areas::Lau {
        text.extend([separator]);
        text.push_str(level.areas.name());
    }
    if level.period != ReleasePeriod::Day {
        text.extend([separator]);
        text.push_str(level.period.name());
    }
    text
}

/// A view as it is at a level: names, keys, numbers and relations.
pub fn view_of_level(view: &View, level: Level, source: Source, registry: &Registry) -> View {
    let is_kept = |name: &str| level.has_key(name);
    let is_known = |measure: &&Measure| match source {
        Source::Users(_) => true,
        Source::Counted(_) | Source::Disjoint => measure.basis == Basis::Devices,
    };
    let counts = view.publication.counts.iter().flatten();
    let counts: Vec<Measure> = counts.filter(is_known).cloned().collect();
    let keys = view.publication.keys.as_ref().map(|keys| Keys {
        columns: keys.columns.iter().filter(|k| is_kept(k)).map(|k| level.key(k)).collect(),
        rows: keys.rows,
    });
    let is_key = |name: &str| {
        view.publication.keys.as_ref().is_some_and(|keys| keys.columns.iter().any(|k| k == name))
    };
    let columns = view.columns.as_ref().map(|schema| {
        let fields = schema.fields().iter().filter(|field| {
            let name = field.name();
            is_kept(name) && (is_key(name) || counts.iter().any(|m| m.column == *name))
        });
        let field = |field: &Arc<Field>| match is_key(field.name()) {
            true => Field::new(level.key(field.name()), field.data_type().clone(), true),
            false => Field::new(field.name(), field.data_type().clone(), true),
        };
        Arc::new(Schema::new(fields.map(field).collect::<Vec<_>>()))
    });
    let links = |links: &[Link]| -> Vec<Link> {
        let levels = match keys_of(view).any(is_area) {
            true => vec![level],
            // of totals there are those of all areas
            false => Areas::ALL.map(|areas| Level { areas, ..level }).to_vec(),
        };
        let mut found = Vec::new();
        for link in links.iter().flat_map(|link| levels.iter().map(move |level| (link, *level))) {
            found.extend(translated(link.0, link.1, registry).filter(|link| !found.contains(link)));
        }
        found
    };
    let order: Vec<OrderBy> = view
        .order
        .iter()
        .filter(|order| is_kept(&order.column))
        .map(|order| OrderBy { column: level.key(&order.column), ..order.clone() })
        .collect();
    let largest = largest(view, &counts, source, &order);
    let place = match level.areas {
        Areas::Lau => String::new(),
        areas => format!(", {} areas", areas.title()),
    };
    let period = match level.period {
        ReleasePeriod::Day => String::new(),
        period => format!(", by {}", period.name()),
    };
    View {
        name: format!("{}{}", view.name, ending(level, '-')),
        view: format!("{}{}", view.view, ending(level, '_')),
        aliases: Vec::new(),
        title: format!("{}{place}{period}", view.title),
        description: format!("{} {}", view.description, description(view, level)),
        order,
        chart: Chart::default(),
        growth: view.growth.filter(|_| level.period == ReleasePeriod::Day),
        period: view.period.clone().filter(|_| level.period == ReleasePeriod::Day),
        publication: Publication {
            counts: Some(counts),
            keys,
            totals: links(&view.publication.totals),
            sums: links(&view.publication.sums),
            linked: links(&view.publication.linked),
            follows: links(&view.publication.follows),
            needs: Vec::new(),
            largest,
        },
        columns,
        sql: String::new(),
        ..view.clone()
    }
}

fn keys_of(view: &View) -> impl Iterator<Item = &str> {
    view.publication.keys.iter().flat_map(|keys| &keys.columns).map(String::as_str)
}

/// How much a device adds to each sum of a coarser form, whose rows `order` tells apart: what is known of a class is
/// known of it in each form, and the rest is counted anew.
fn largest(
    view: &View,
    counts: &[Measure],
    source: Source,
    order: &[OrderBy],
) -> Vec<Contribution> {
    let Source::Users(rows) = source else { return Vec::new() };
    let is_limit = |known: &&Contribution| matches!(known.from, publication::Source::Limit { .. });
    let mut largest: Vec<Contribution> =
        view.publication.largest.iter().filter(is_limit).cloned().collect();
    let sums = counts.iter().filter(|measure| measure.basis.is_sum());
    for Measure { column, .. } in sums.filter(|measure| rows.expression(&measure.column).is_none())
    {
        let by = order.iter().map(|order| &order.column);
        largest.push(Contribution {
            column: column.clone(),
            from: publication::Source::Rows(publication::UserRows {
                relation: view.view.clone(),
                column: None,
                by: by.map(|key| (key.clone(), RowValue::Column(key.clone()))).collect(),
                condition: None,
            }),
        });
    }
    largest
}

/// What the header of a view says that is at a level as it is, with its relations to the forms that other views have at
/// the level.
pub fn with_forms_of_level(view: &View, level: Level, registry: &Registry) -> Publication {
    let mut publication = view.publication.clone();
    for links in [&mut publication.sums, &mut publication.linked] {
        for link in links.clone() {
            let translated = translated(&link, level, registry);
            links.extend(translated.filter(|translated| *translated != link));
        }
    }
    publication
}

fn description(view: &View, level: Level) -> String {
    let mut text = Vec::new();
    if level.areas != Areas::Lau {
        text.push(format!(
            "In place of LAUs there are {} areas, in which each device counts once.",
            level.areas.title()
        ));
    }
    if level.period != ReleasePeriod::Day {
        let name = level.period.name();
        text.push(format!(
            "In place of dates there are {name}s, named by their first date, in which each device counts once."
        ));
    }
    if keys_of(view).any(|key| key == HOUR && !level.has_key(key)) {
        text.push("The hour is left out.".to_owned());
    }
    text.join(" ")
}

/// A relation of a view, between its coarser form and that of the other view. `None` if there is no such number.
fn translated(link: &Link, level: Level, registry: &Registry) -> Option<Link> {
    let own = |value: &KeyValue| match value {
        KeyValue::Column(column) | KeyValue::Period(_, column) if !level.has_key(column) => None,
        KeyValue::Column(column) => Some(KeyValue::Column(level.key(column))),
        KeyValue::Period(period, column)
            if level.period == ReleasePeriod::Day || column != DATE =>
        {
            Some(KeyValue::Period(*period, column.clone()))
        }
        KeyValue::Text(text) => Some(KeyValue::Text(text.clone())),
        _ => None,
    };
    let condition = match &link.condition {
        Some(condition) => Some(Condition {
            column: level.key(&condition.column),
            is_negated: condition.is_negated,
            equals: own(&condition.equals)?,
        }),
        None => None,
    };
    let each = link.each.iter().map(|key| level.key(key)).collect();
    let target = link.to.view.as_deref();
    if level.period != ReleasePeriod::Day && target.is_some_and(|name| BY_DATE.contains(&name)) {
        // the devices of a date are among those of its week
        let period = level.period.name();
        let ours = KeyValue::Column(period.to_owned());
        let view = Some(format!("users_per_{period}"));
        return Some(Link {
            relation: Relation::In,
            to: Column { view, column: "user_count".to_owned() },
            by: vec![KeyPair { ours, theirs: period.to_owned() }],
            each: Vec::new(),
            condition,
            ..link.clone()
        });
    }
    // a column of another view, and the keys of its row, in the form of that view
    let of_level = |to: &Column, by: &[KeyPair]| -> Option<(Column, Vec<KeyPair>)> {
        let (view, keys) = match to.view.as_deref() {
            None => (None, level),
            Some(name) => {
                let (name, keys) = form_of_target(registry.by_sql_name(name)?, level, registry)?;
                (Some(name), keys)
            }
        };
        let pair = |pair: &KeyPair| {
            let theirs = keys.has_key(&pair.theirs).then(|| keys.key(&pair.theirs))?;
            Some(KeyPair { ours: own(&pair.ours)?, theirs })
        };
        let by = by.iter().map(pair).collect::<Option<_>>()?;
        Some((Column { view, column: to.column.clone() }, by))
    };
    let (to, by) = of_level(&link.to, &link.by)?;
    let beside = match &link.beside {
        Some(need) => {
            let (of, by) = of_level(&need.of, &need.by)?;
            Some(Need { of, by })
        }
        None => None,
    };
    Some(Link { to, by, each, beside, condition, ..link.clone() })
}

/// The SQL name of the other view of a relation at a level, and the level of its keys.
fn form_of_target(view: &View, level: Level, registry: &Registry) -> Option<(String, Level)> {
    // no further than to the name: relations may be circular
    let name = |level: Level| format!("{}{}", view.view, ending(level, '_'));
    let has = |wanted: &dyn Fn(&str) -> bool| {
        let keys = view.publication.keys.iter().flat_map(|keys| &keys.columns);
        keys.into_iter().any(|key| wanted(key))
    };
    let areas = if has(&is_area) { level.areas } else { Areas::Lau };
    let period = if has(&|key| key == DATE) { level.period } else { ReleasePeriod::Day };
    let of_view = Level { areas, period };
    if of_view == Level::FINEST {
        let is_short = has(&|key| ["night", "hour"].contains(&key));
        return (!is_short || level.period == ReleasePeriod::Day)
            .then(|| (view.view.clone(), of_view));
    }
    let is_known = source_by_period(&view.view, period).is_some();
    (is_known && !registry.replaces_builtin(view)).then(|| (name(of_view), of_view))
}
