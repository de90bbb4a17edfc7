//! Resizes pictures of 8-bit RGB, row by row, to the planes of floats that a network takes.

use crate::error::Error;
use crate::isa::Isa;
pub use crate::kernels::{Column, Row};
use crate::kernels::{Kernels, RGB};
use crate::options::Precision;

/// Resizes rows with the kernels of one instruction set. The results have the same bits with all of them: those of OpenCV's
/// `resize(INTER_LINEAR)`, divided by 255.
#[derive(Clone, Copy)]
pub struct Resizer(&'static Kernels);

impl Resizer {
    /// Uses this instruction set.
    ///
    /// # Errors
    /// The machine lacks it.
    pub fn new(isa: Isa) -> Result<Resizer, Error> {
        Kernels::of(isa, Precision::F32).map(Resizer)
    }

    /// Writes a row of as many pixels as there are columns into planes of red, green and blue, 0 to 1.
    ///
    /// # Panics
    /// A plane has fewer pixels than there are columns, a row has no pixels, or a column lies beyond it.
    pub fn row(self, row: &Row<'_>, columns: &[Column], mut planes: [&mut [f32]; RGB]) {
        self.0.resize_row(row, columns, &mut planes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEVELS: [u8; 12] = [10, 20, 30, 110, 120, 130, 210, 220, 230, 255, 0, 99];

    fn resize(isa: Isa, row: &Row<'_>, columns: &[Column]) -> [Vec<f32>; RGB] {
        let mut planes = [const { Vec::new() }; RGB];
        planes.iter_mut().for_each(|plane| plane.resize(columns.len(), -1.0));
        Resizer::new(isa).unwrap().row(row, columns, planes.each_mut().map(Vec::as_mut_slice));
        planes
    }

    #[test]
    fn a_row_at_its_own_size_is_the_same_levels_over_255() {
        let row = Row { between: [&LEVELS, &[7; 12]], weights: [2048, 0] };
        let columns = [0, 1, 2, 3].map(|left| Column { left, weights: [2048, 0] });
        for isa in Isa::available() {
            for (channel, plane) in resize(isa, &row, &columns).into_iter().enumerate() {
                let expected: Vec<f32> = (0..4).map(|x| f32::from(LEVELS[3 * x + channel]) / 255.0).collect();
                assert_eq!(plane, expected, "{isa}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_set_gives_the_bits_of_the_formula(
            pixels in 1usize..40,
            seed: u64,
            columns in prop::collection::vec((any::<u32>(), 0i16..=2048), 0..200),
            weight in 0i16..=2048,
        ) {
            let level = |index: usize, row: u64| (seed.rotate_left(index as u32 % 64) ^ (index as u64 * 37 + row * 101)) as u8;
            let rows = [0, 1].map(|row| (0..pixels * RGB).map(|index| level(index, row)).collect::<Vec<u8>>());
            let last = pixels as u32 - 1;
            let columns: Vec<Column> = columns
                .into_iter()
                .map(|(left, weight)| Column { left: left % pixels as u32, weights: [2048 - weight, weight] })
                .map(|column| if column.left == last { Column { weights: [2048, 0], ..column } } else { column })
                .collect();
            let row = Row { between: [&rows[0], &rows[1]], weights: [2048 - weight, weight] };
            let expected = [0, 1, 2].map(|channel| {
                let across = |levels: &[u8], column: &Column| {
                    let at = |pixel: u32| i32::from(levels[pixel.min(last) as usize * RGB + channel]);
                    let [left, right] = column.weights.map(i32::from);
                    at(column.left) * left + at(column.left + 1) * right
                };
                let down = |column: &Column| {
                    let [upper, lower] = [0, 1].map(|row| {
                        (i32::from([2048 - weight, weight][row]) * (across(&rows[row], column) >> 4)) >> 16
                    });
                    ((upper + lower + 2) >> 2) as u8
                };
                columns.iter().map(|column| f32::from(down(column)) / 255.0).collect::<Vec<f32>>()
            });
            for isa in Isa::available() {
                prop_assert_eq!(resize(isa, &row, &columns), expected.clone(), "{}", isa);
            }
        }
    }
}
