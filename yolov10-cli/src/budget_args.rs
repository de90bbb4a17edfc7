//! The option of `run` and `val` that limits the size of pictures.

use std::num::NonZeroU64;

use yolov10_model::picture::Budget;

/// How large pictures may be.
#[derive(clap::Args, Debug)]
pub struct BudgetArgs {
    /// Read pictures of up to this many million pixels, with the memory that takes [default: 210, with 1 GB].
    #[arg(long, value_name = "MILLIONS")]
    max_pixels: Option<NonZeroU64>,
}

impl BudgetArgs {
    /// The limits for decoding one picture.
    pub fn budget(&self) -> Budget {
        let of_pixels = |millions: NonZeroU64| Budget::of_pixels(millions.get().saturating_mul(1_000_000));
        self.max_pixels.map_or(Budget::default(), of_pixels)
    }
}
