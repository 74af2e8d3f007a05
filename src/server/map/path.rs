//! Rings as SVG path data: a start point, then steps relative to the point before.

use super::outline::{Ring, STEPS, Unit};

/// `M12 40.5l3-1 0 4z...`
pub fn data(unit: &Unit) -> String {
    let mut out = String::new();
    for ring in unit {
        draw(ring, &mut out);
    }
    out
}

fn draw(ring: &Ring, out: &mut String) {
    let Some(mut last) = ring.first().copied() else { return };
    out.push('M');
    number(last.0, out);
    pair(last.1, out);
    out.push('l');
    for (index, point) in ring.iter().enumerate().skip(1) {
        let x = point.0 - last.0;
        if index == 1 {
            number(x, out)
        } else {
            pair(x, out)
        }
        pair(point.1 - last.1, out);
        last = *point;
    }
    out.push('z');
}

/// A number behind another: a sign keeps them apart, else a blank does.
fn pair(steps: i32, out: &mut String) {
    if steps >= 0 {
        out.push(' ');
    }
    number(steps, out);
}

/// Steps of the grid as units of the drawing: `-3`, `0.5`.
fn number(steps: i32, out: &mut String) {
    if steps < 0 {
        out.push('-');
    }
    let steps = steps.unsigned_abs();
    let (whole, rest) = (steps / STEPS.unsigned_abs(), steps % STEPS.unsigned_abs());
    out.push_str(&whole.to_string());
    if rest > 0 {
        out.push('.');
        out.push_str(&rest.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_become_short_paths() {
        let unit = vec![vec![(120, 405), (150, 395), (150, 435)], vec![(0, 0), (5, 0), (0, 5)]];
        assert_eq!(data(&unit), "M12 40.5l3-1 0 4zM0 0l0.5 0-0.5 0.5z");
    }
}
