//! Numbers of cells or relations, most of which are zero.

/// It is emptied in the time that its numbers take which are not zero, so that it can be used again and again.
#[derive(Default)]
pub(super) struct Sparse {
    numbers: Vec<f64>,
    is_used: Vec<bool>,
    used: Vec<usize>,
}

impl Sparse {
    pub fn new(length: usize) -> Self {
        Sparse { numbers: vec![0.0; length], is_used: vec![false; length], used: Vec::new() }
    }

    pub fn get(&self, place: usize) -> f64 {
        self.numbers[place]
    }

    pub fn add(&mut self, place: usize, by: f64) {
        if !self.is_used[place] {
            self.is_used[place] = true;
            self.used.push(place);
        }
        self.numbers[place] += by;
    }

    /// The places that were added to, each once.
    pub fn used(&self) -> &[usize] {
        &self.used
    }

    pub fn clear(&mut self) {
        for place in self.used.drain(..) {
            self.numbers[place] = 0.0;
            self.is_used[place] = false;
        }
    }
}
