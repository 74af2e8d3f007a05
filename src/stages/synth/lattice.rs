//! The hexagonal lattice under the map, in EPSG:3035.
//!
//! Three hexagons meet at every corner, so a border between hexagons with different labels never
//! touches itself: each of its corners has exactly one predecessor and one successor, and tracing is
//! unambiguous.

/// West, south, east and north edge of the map in metres of EPSG:3035: Estonia and Latvia.
pub const BOX_M: [f64; 4] = [5_030_000.0, 3_780_000.0, 5_450_000.0, 4_190_000.0];

/// Position of a corner in half widths (x) and quarter heights (y) of a hexagon.
pub type Corner = (i32, i32);

/// Corners of a hexagon relative to its centre, counter-clockwise.
const CORNERS: [Corner; 6] = [(1, -1), (1, 1), (0, 2), (-1, 1), (-1, -1), (0, -2)];

/// Centre of the hexagon beyond side `i`, which runs from corner `i` to the next.
const ACROSS: [Corner; 6] = [(2, 0), (1, 3), (-1, 3), (-2, 0), (-1, -3), (1, -3)];

/// Rows of pointy-top hexagons; odd rows are shifted east by half a hexagon.
#[derive(Debug, Clone, Copy)]
pub struct Lattice {
    cols: i32,
    rows: i32,
    /// Length of a hexagon's side, metres.
    pub side_m: f64,
}

impl Lattice {
    /// A lattice of about `hexagons` hexagons that covers the box.
    pub fn new(hexagons: u64) -> Self {
        let (width, height) = (BOX_M[2] - BOX_M[0], BOX_M[3] - BOX_M[1]);
        let side_m = (width * height / (hexagons as f64 * 1.5 * 3f64.sqrt())).sqrt();
        Lattice {
            cols: (width / (3f64.sqrt() * side_m)).floor().max(1.0) as i32,
            rows: (height / (1.5 * side_m)).floor().max(1.0) as i32,
            side_m,
        }
    }

    pub fn len(&self) -> usize {
        self.cols as usize * self.rows as usize
    }

    fn centre(&self, hexagon: u32) -> Corner {
        let (row, col) = (hexagon as i32 / self.cols, hexagon as i32 % self.cols);
        (2 * col + (row & 1), 3 * row)
    }

    fn with_centre(&self, (x, y): Corner) -> Option<u32> {
        let row = y.div_euclid(3);
        let col = (x - (row & 1)).div_euclid(2);
        let inside = (0..self.rows).contains(&row) && (0..self.cols).contains(&col);
        inside.then(|| (row * self.cols + col) as u32)
    }

    /// Position of a corner or centre, metres.
    pub fn position_m(&self, (x, y): Corner) -> [f64; 2] {
        let half_width = 3f64.sqrt() / 2.0 * self.side_m;
        [BOX_M[0] + f64::from(x + 1) * half_width, BOX_M[1] + f64::from(y + 2) * self.side_m / 2.0]
    }

    /// Centre of a hexagon, metres.
    pub fn centre_m(&self, hexagon: u32) -> [f64; 2] {
        self.position_m(self.centre(hexagon))
    }

    /// A hexagon near a position, not necessarily the one that contains it; `None` outside the box.
    pub fn near(&self, [x, y]: [f64; 2]) -> Option<u32> {
        let row = ((y - BOX_M[1]) / (1.5 * self.side_m) - 2.0 / 3.0).round();
        let shift = row.rem_euclid(2.0) / 2.0;
        let col = ((x - BOX_M[0]) / (3f64.sqrt() * self.side_m) - 0.5 - shift).round();
        let inside =
            row >= 0.0 && row < f64::from(self.rows) && col >= 0.0 && col < f64::from(self.cols);
        inside.then(|| row as u32 * self.cols as u32 + col as u32)
    }

    /// The six sides: start and end corner with the hexagon on the left, and the hexagon beyond.
    pub fn sides(&self, hexagon: u32) -> [(Corner, Corner, Option<u32>); 6] {
        let (x, y) = self.centre(hexagon);
        let at = |(dx, dy): Corner| (x + dx, y + dy);
        std::array::from_fn(|i| {
            (at(CORNERS[i]), at(CORNERS[(i + 1) % 6]), self.with_centre(at(ACROSS[i])))
        })
    }

    /// The hexagons up to `radius` steps away, including the hexagon itself; `None` if the disc
    /// crosses the edge of the map.
    pub fn disc(&self, hexagon: u32, radius: i32) -> Option<Vec<u32>> {
        let (x, y) = self.centre(hexagon);
        let mut disc = Vec::new();
        for dy in -radius..=radius {
            // each row away from the centre has one hexagon less
            let span = 2 * radius - dy.abs();
            for step in 0..=span {
                disc.push(self.with_centre((x - span + 2 * step, y + 3 * dy))?);
            }
        }
        Some(disc)
    }
}
