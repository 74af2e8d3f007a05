//! Rings as SVG path data: a start point, then offsets from the previous point.

use super::simplify::{Outline, Ring, STEPS_PER_UNIT};

/// `M12 40.5l3-1 0 4z...`
pub fn data(outline: &Outline) -> String {
    let mut out = String::new();
    for ring in outline {
        write_ring(ring, &mut out);
    }
    out
}

fn write_ring(ring: &Ring, out: &mut String) {
    let Some(mut last) = ring.first().copied() else { return };
    out.push('M');
    write_number(last.0, out);
    write_separated(last.1, out);
    out.push('l');
    for (index, point) in ring.iter().enumerate().skip(1) {
        let x = point.0 - last.0;
        if index == 1 {
            write_number(x, out)
        } else {
            write_separated(x, out)
        }
        write_separated(point.1 - last.1, out);
        last = *point;
    }
    out.push('z');
}

/// A number after another one: a minus sign separates them, otherwise a space does.
fn write_separated(steps: i32, out: &mut String) {
    if steps >= 0 {
        out.push(' ');
    }
    write_number(steps, out);
}

/// Steps of the grid as units of the drawing: `-3`, `0.5`.
fn write_number(steps: i32, out: &mut String) {
    if steps < 0 {
        out.push('-');
    }
    let steps = steps.unsigned_abs();
    let (whole, rest) =
        (steps / STEPS_PER_UNIT.unsigned_abs(), steps % STEPS_PER_UNIT.unsigned_abs());
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
        let outline = vec![vec![(120, 405), (150, 395), (150, 435)], vec![(0, 0), (5, 0), (0, 5)]];
        assert_eq!(data(&outline), "M12 40.5l3-1 0 4zM0 0l0.5 0-0.5 0.5z");
    }
}
