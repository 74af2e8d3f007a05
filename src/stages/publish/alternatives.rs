//! What would be withheld with coarser areas and periods.

use anyhow::Result;

use super::coarser_tables::{has_whole, lau_ids};
use super::dating::Scope;
use super::decide::{Decision, decide, find_nuts};
use super::report::Figures;
use super::{Request, Settings, read};
use crate::config::{Areas, Publish, ReleasePeriod};
use crate::progress::Progress;
use crate::runtime::cancellation;
use crate::views::coarser::{Coarser, Level, is_area};
use crate::views::{Registry, Unit};
use crate::warehouse::Warehouse;

/// Most alternatives that are computed.
const MOST: usize = 5;

/// What a release would withhold of the numbers about areas.
#[derive(Debug)]
pub struct Alternative {
    pub areas: Areas,
    pub period: ReleasePeriod,
    /// The number of views with areas, and the sum of their figures; or why there is no such release.
    pub figures: Result<(usize, Figures), String>,
}

impl Alternative {
    /// The figures of what was decided.
    pub fn of(settings: &Settings, decision: &Decision) -> Self {
        let Publish { areas, period, .. } = settings.publish;
        let is_about_areas =
            |key: &String| is_area(key) || areas != Areas::Lau && key.ends_with(areas.name());
        let by_view = decision.gate_report.by_view();
        let (mut views, mut sum) = (0, Figures::default());
        for view in &decision.views {
            if view.table.keys.columns.iter().any(is_about_areas)
                && let Some(figures) = by_view.get(view.table.view.as_str())
            {
                views += 1;
                sum.add(*figures);
            }
        }
        Alternative { areas, period, figures: Ok((views, sum)) }
    }

    /// The share of the value that is lost, where there is any.
    pub fn lost_share(&self) -> Option<f64> {
        let (_, figures) = self.figures.as_ref().ok()?;
        (figures.cells > 0).then(|| figures.lost_share())
    }
}

/// Decides with coarser areas and periods than those of the settings, as far as there are some, those that differ
/// least first.
///
/// # Errors
/// A warehouse or a file of NUTS codes that cannot be read; the end of the program.
pub fn alternatives(
    warehouse: &dyn Warehouse,
    (registry, coarser): (&Registry, &[Coarser]),
    settings: &Settings,
    request: &Request,
    progress: &Progress,
) -> Result<Vec<Alternative>> {
    let levels = levels(warehouse, registry, settings, request)?;
    let mut found = Vec::new();
    let bar = progress.spinner("publish", "");
    for (number, level) in levels.iter().enumerate() {
        let Level { areas, period } = *level;
        bar.message(&format!(
            "alternative {} of {}: areas {}, period {}",
            number + 1,
            levels.len(),
            areas.name(),
            period.name()
        ));
        let publish = Publish { areas, period, ..settings.publish.clone() };
        let settings = Settings { publish, ..settings.clone() };
        let silent = Progress::silent();
        let spinner = silent.spinner("publish", "");
        let decided = decide(warehouse, (registry, coarser), &settings, request, &spinner);
        cancellation::check()?;
        found.push(match decided {
            Ok(decision) => Alternative::of(&settings, &decision),
            Err(error) => Alternative { areas, period, figures: Err(format!("{error:#}")) },
        });
    }
    bar.finish();
    Ok(found)
}

/// The levels that are possible: with fewer areas, and with periods that the dates hold as a whole.
fn levels(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    settings: &Settings,
    request: &Request,
) -> Result<Vec<Level>> {
    let asked = settings.level();
    let mut areas = vec![asked.areas];
    // boundary files may not be there any more
    if let Some(nuts) = find_nuts(warehouse, settings).or_else(|error| match settings.nuts {
        Some(_) => Err(error),
        None => Ok(None),
    })? {
        let count = |areas| match areas {
            Areas::Lau => lau_ids(warehouse).map(|ids| ids.len()),
            areas => Ok(nuts.count(areas)),
        };
        let mut fewest = count(asked.areas)?;
        for larger in Areas::ALL.into_iter().filter(|larger| *larger > asked.areas) {
            let number = count(larger)?;
            if number < fewest {
                areas.push(larger);
                fewest = number;
            }
        }
    }
    let scope = Scope::new(read::dates(warehouse, registry)?, request.range, Unit::Month);
    let periods: Vec<ReleasePeriod> = ReleasePeriod::ALL
        .into_iter()
        .filter(|period| *period >= asked.period)
        .filter(|period| *period == asked.period || has_whole(&scope, *period))
        .collect();
    let mut levels: Vec<(usize, Level)> = Vec::new();
    for (farther, areas) in areas.into_iter().enumerate() {
        for (longer, period) in periods.iter().enumerate() {
            levels.push((farther + longer, Level { areas, period: *period }));
        }
    }
    levels.sort_by_key(|(steps, level)| (*steps, *level));
    Ok(levels.into_iter().map(|(_, level)| level).filter(|l| *l != asked).take(MOST).collect())
}
