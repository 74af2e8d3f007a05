//! A choropleth map of LAUs as SVG.

use std::collections::HashMap;
use std::fmt::Write;

use super::style::{
    FONT, HATCHED, HATCHED_BORDER, HATCHING, NO_SHADE, SHADES, escaped, label, number,
};
use super::withheld::NONE_OR_WITHHELD;
use crate::output::lau_outlines::{Drawing, LauOutline};

pub const HEAD: f64 = 64.0;
pub const FOOT: f64 = 96.0;
pub const SIDE: f64 = 24.0;
/// Width of an entry of the legend.
const KEY: f64 = 132.0;

/// An SVG document of `values` by `lau_id`, as they are or per square kilometre. Of a release, LAUs without a
/// number are hatched, and `withheld` says what that means.
pub fn svg(
    title: &str,
    column: &str,
    values: &[(String, f64)],
    drawing: &Drawing,
    per_km2: bool,
    withheld: Option<&str>,
) -> String {
    let laus = &drawing.laus;
    let size = (f64::from(drawing.width), f64::from(drawing.height));
    let found: HashMap<&str, f64> = values.iter().map(|(id, v)| (id.as_str(), *v)).collect();
    let of = |lau: &LauOutline| {
        let none = if withheld.is_some() { f64::NAN } else { 0.0 };
        let value = found.get(lau.lau_id.as_str()).copied().unwrap_or(none);
        match per_km2 {
            _ if value.is_nan() => value,
            true if lau.area_km2 > 0.0 => value / lau.area_km2,
            true => 0.0,
            false => value,
        }
    };
    let text = if per_km2 { density } else { number };
    // densities have classes in thousandths, because most are small
    let scale = if per_km2 { 1_000.0 } else { 1.0 };
    let mut bounds = class_bounds(laus.iter().map(|lau| of(lau) * scale));
    bounds.iter_mut().for_each(|bound| *bound /= scale);
    let quantity = label(column) + if per_km2 { " per km²" } else { "" };
    let mut out = head(title, size.0, size.1);
    out.push_str(if withheld.is_some() { HATCHING } else { "" });
    // writing into a string cannot fail
    for lau in laus {
        let value = of(lau);
        let _ = writeln!(
            out,
            "<path{} fill=\"{}\" d=\"{}\"><title>{}: {}</title></path>",
            if value.is_nan() { HATCHED_BORDER } else { "" },
            shade(value, &bounds),
            escaped(&lau.path),
            escaped(lau.lau_name.as_deref().unwrap_or(&lau.lau_id)),
            withheld.filter(|_| value.is_nan()).map_or_else(|| text(value), str::to_owned)
        );
    }
    let legend = legend_of(&quantity, &bounds, per_km2, withheld, HEAD + size.1);
    let _ = write!(out, "</g>\n{legend}</svg>\n");
    out
}

/// The beginning of a document around a drawing of that size, with its title, up to the group of the drawing.
pub fn head(title: &str, width: f64, height: f64) -> String {
    let (width, height) = (width + 2.0 * SIDE, height + HEAD + FOOT);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"{FONT}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{SIDE}\" y=\"40\" font-size=\"24\" fill=\"#16202c\">{}</text>\n\
         <g transform=\"translate({SIDE} {HEAD})\" stroke=\"#ffffff\" stroke-width=\"0.7\" \
         fill-rule=\"evenodd\">\n",
        escaped(title)
    )
}

/// The legend of the classes below a drawing that ends at `bottom`; `withheld` is what hatching means.
pub fn legend_of(
    quantity: &str,
    bounds: &[f64],
    per_km2: bool,
    withheld: Option<&str>,
    bottom: f64,
) -> String {
    let y = bottom + 34.0;
    let quantity = escaped(quantity);
    let mut out = format!(
        "<text x=\"{SIDE}\" y=\"{y}\" font-size=\"15\" fill=\"#16202c\">{quantity}</text>\n"
    );
    // where rows are left out, no number is 0
    let without_zero = usize::from(withheld == Some(NONE_OR_WITHHELD));
    let keys = legend(bounds, per_km2).into_iter().skip(without_zero);
    let withheld = withheld.map(|text| (HATCHED, text.to_owned()));
    for (i, (colour, text)) in keys.chain(withheld).enumerate() {
        let x = SIDE + KEY * i as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{}\" width=\"22\" height=\"14\" rx=\"3\" fill=\"{colour}\"{}/>\
             <text x=\"{}\" y=\"{}\" font-size=\"14\" fill=\"#5b6878\">{text}</text>",
            y + 16.0,
            if colour == HATCHED { HATCHED_BORDER } else { "" },
            x + 30.0,
            y + 28.0
        );
    }
    out
}

/// Lower bounds of at most six classes at round numbers, which contain about the same number of positive
/// values each. Up to six distinct values get a class each.
pub fn class_bounds(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.filter(|v| *v > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= 6 {
        return distinct;
    }
    let mut bounds = vec![round(*first).min(*first)];
    for i in 1..6 {
        let bound = round(sorted[i * sorted.len() / 6]);
        if bounds.last().is_some_and(|b| bound > *b) && bound <= *last {
            bounds.push(bound);
        }
    }
    bounds
}

/// Rounds to two significant digits.
fn round(value: f64) -> f64 {
    if value < 20.0 {
        return value.round().max(1.0);
    }
    let unit = 10_f64.powf(value.log10().floor() - 1.0);
    (value / unit).round() * unit
}

pub fn shade(value: f64, bounds: &[f64]) -> &'static str {
    if value.is_nan() {
        return HATCHED;
    }
    if value <= 0.0 {
        return NO_SHADE;
    }
    let class = bounds.iter().rposition(|b| value >= *b).unwrap_or(0);
    spread(class, bounds.len())
}

/// The shade of a class among `n`, from lightest to darkest.
fn spread(class: usize, n: usize) -> &'static str {
    if n < 2 {
        return SHADES[4];
    }
    SHADES[(class * (SHADES.len() - 1) + (n - 1) / 2) / (n - 1)]
}

/// A number of users per square kilometre.
fn density(value: f64) -> String {
    if value > 0.0 && value < 10.0 { format!("{value:.2}") } else { number(value) }
}

fn legend(bounds: &[f64], per_km2: bool) -> Vec<(&'static str, String)> {
    let mut keys = vec![(NO_SHADE, "0".to_owned())];
    for (i, bound) in bounds.iter().enumerate() {
        let text = match bounds.get(i + 1) {
            None if per_km2 => format!("{} or more", density(*bound)),
            Some(next) if per_km2 => format!("{} to {}", density(*bound), density(*next)),
            None => format!("{} or more", number(*bound)),
            Some(next) if next - bound == 1.0 => number(*bound),
            Some(next) => format!("{}–{}", number(*bound), number(next - 1.0)),
        };
        keys.push((spread(i, bounds.len()), text));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_shades_by_value_and_escapes_names() {
        let lau = |lau_id: &str, name: &str, path: &str| LauOutline {
            lau_id: lau_id.into(),
            lau_name: Some(name.into()),
            country_code: None,
            area_km2: 2.5,
            centre: (0.0, 0.0),
            path: path.into(),
        };
        let laus = vec![lau("A", "<b>", "M0 0h1v1z"), lau("B", "b", "M1 0h1v1z")];
        let drawing = Drawing { width: 2, height: 1, laus };
        let svg = svg("T & t", "user_count", &[("A".into(), 5.0)], &drawing, false, None);
        assert!(svg.contains("T &amp; t") && svg.contains("<title>&lt;b&gt;: 5</title>"), "{svg}");
        assert!(svg.contains(&format!("fill=\"{NO_SHADE}\" d=\"M1 0h1v1z\"")), "{svg}");
        let svg = super::svg("T", "user_count", &[("A".into(), 5.0)], &drawing, true, None);
        assert!(svg.contains(": 2.00</title>") && svg.contains("Users per km²"), "{svg}");
    }

    #[test]
    fn withheld_numbers_are_hatched_and_the_legend_says_so() {
        let lau = |lau_id: &str, path: &str| LauOutline {
            lau_id: lau_id.into(),
            lau_name: None,
            country_code: None,
            area_km2: 1.0,
            centre: (0.0, 0.0),
            path: path.into(),
        };
        let laus = vec![lau("A", "M0 0h1v1z"), lau("B", "M1 0h1v1z"), lau("C", "M2 0h1v1z")];
        let drawing = Drawing { width: 3, height: 1, laus };
        let values = [("A".into(), 16.0), ("B".into(), f64::NAN)];
        for per_km2 in [false, true] {
            let svg = svg("T", "devices", &values, &drawing, per_km2, Some("Withheld"));
            for hatched in ["M1 0h1v1z\"><title>B: Withheld", "M2 0h1v1z\"><title>C: Withheld"] {
                assert!(svg.contains(&format!("fill=\"{HATCHED}\" d=\"{hatched}")), "{svg}");
            }
            assert!(svg.contains("<pattern id=\"withheld\"") && !svg.contains("NaN"), "{svg}");
            assert!(svg.contains(">Withheld</text>"), "{svg}");
        }
        assert!(!super::svg("T", "n", &values[..1], &drawing, false, None).contains("withheld"));
    }

    #[test]
    fn classes_have_ascending_round_bounds() {
        assert_eq!(class_bounds([1.0, 2.0, 2.0, 4.0].into_iter()), [1.0, 2.0, 4.0]);
        let many: Vec<f64> = (1..=600).map(f64::from).collect();
        assert_eq!(class_bounds(many.into_iter()), [1.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!(class_bounds([0.0].into_iter()), [0.0; 0]);
        let shades: Vec<_> = (0..6).map(|i| spread(i, 6)).collect();
        let distinct: std::collections::HashSet<_> = shades.iter().collect();
        assert_eq!(distinct.len(), 6, "{shades:?}");
    }
}
