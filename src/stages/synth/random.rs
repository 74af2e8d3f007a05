//! Pseudo-random numbers that depend only on the seed: streams by purpose, and smooth noise over the
//! map.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// An independent random stream for each purpose and number (a day, a file), so that one part of the
/// data does not change if another part draws more or fewer numbers.
pub fn stream(seed: u64, purpose: &str, numbers: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(purpose);
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// A random stream like that of [`stream`], for the many that are begun for each device and day.
pub fn quick_stream(seed: u64, purpose: u64, a: u64, b: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(mix(mix(seed, purpose, 0x5eed), a, b))
}

/// Approximately normal with mean 0 and standard deviation 1, within ±3.5 (Irwin-Hall with four
/// terms). It avoids logarithms, whose last bit differs between systems.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let sum: f64 = (0..4).map(|_| rng.random::<f64>()).sum();
    (sum - 2.0) * 3f64.sqrt()
}

/// True with the given probability.
pub fn chance(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// A random item; `None` if there are none.
pub fn pick<T: Copy>(rng: &mut ChaCha8Rng, items: &[T]) -> Option<T> {
    if items.is_empty() { None } else { Some(items[rng.random_range(0..items.len())]) }
}

/// Hashes three numbers to one (the finalizer of SplitMix64).
pub fn mix(a: u64, b: u64, c: u64) -> u64 {
    let mut x = a
        .wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(c.wrapping_mul(0xc2b2_ae3d_27d4_eb4f))
        .wrapping_add(0x1656_67b1_9e37_79f9);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        x = (x ^ (x >> shift)).wrapping_mul(factor);
    }
    x ^ (x >> 31)
}

/// A hash as a number from 0 to below 1.
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// A hash as a number in -1 to 1.
pub fn signed_unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Smooth noise over the plane in -1 to 1, with detail at `octaves` halved wavelengths.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    pub seed: u64,
    /// Longest wavelength, metres.
    pub wavelength_m: f64,
    pub octaves: u32,
}

impl Noise {
    pub fn at(&self, x_m: f64, y_m: f64) -> f64 {
        let (mut sum, mut weight, mut weights, mut scale) =
            (0.0, 1.0, 0.0, 1.0 / self.wavelength_m);
        for octave in 0..self.octaves {
            sum += weight * smooth(mix(self.seed, octave.into(), 7), x_m * scale, y_m * scale);
            weights += weight;
            weight *= 0.5;
            scale *= 2.0;
        }
        sum / weights
    }
}

fn smooth(seed: u64, x: f64, y: f64) -> f64 {
    let (x0, y0) = (x.floor(), y.floor());
    let corner =
        |i: i64, j: i64| signed_unit(mix(seed, (x0 as i64 + i) as u64, (y0 as i64 + j) as u64));
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (u, v) = (ease(x - x0), ease(y - y0));
    let low = corner(0, 0) * (1.0 - u) + corner(1, 0) * u;
    let high = corner(0, 1) * (1.0 - u) + corner(1, 1) * u;
    low * (1.0 - v) + high * v
}
