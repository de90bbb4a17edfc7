//! The microkernel: a few pixels of a row times one or two blocks of 16 output channels, kept in registers.
//!
//! A convolution is a list of taps; each tap is an offset into the input and some channels there. One kernel
//! serves 1x1, 3x3, planar images, the products of Winograd's transform and both products of attention.

use super::lanes::{Lanes, silu};

/// The arguments of one call. Distances count floats.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// The first pixel.
    pub input: *const f32,
    /// Distance of each tap from a pixel.
    pub taps: *const usize,
    pub tap_count: usize,
    /// Whether to fetch the taps of the next pixels to the right, as many again, while these are computed: for an input in a
    /// distant cache, which 1x1 convolutions of large maps would have to wait for.
    pub fetch_ahead: bool,
    /// Channels of a tap, which lie side by side.
    pub depth: usize,
    /// `[tap][channel]` rows of output channels.
    pub weights: *const f32,
    /// From one of these rows to the next: at least 16 for each block.
    pub weight_stride: usize,
    pub start: Start,
    /// First pixel of block 0; the pixels lie side by side.
    pub output: *mut f32,
    pub output_stride: usize,
    pub finish: Finish,
}

/// Where the sums start.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    /// 16 floats for each block.
    Bias(*const f32),
    /// From the present contents of the output.
    Output,
}

/// Whether sums become `x * sigmoid(x)`, and how precisely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silu {
    None,
    /// To about 2e-7.
    Fine,
    /// To about 1e-4: for products in bf16, which round to 2e-3.
    Coarse,
}

/// What happens to the finished sums.
#[derive(Clone, Copy)]
pub(crate) struct Finish {
    pub silu: Silu,
    /// Added after the activation: first pixel of block 0, and the distance between blocks. May be null.
    pub residual: *const f32,
    pub residual_stride: usize,
}

impl Finish {
    pub const NOTHING: Finish = Finish { silu: Silu::None, residual: std::ptr::null(), residual_stride: 0 };

    /// The same for the blocks from `block` on.
    pub fn block(&self, block: usize) -> Finish {
        // Without a residual its stride is 0, and null stays null.
        Finish { residual: self.residual.wrapping_add(block * self.residual_stride), ..*self }
    }

    fn is_nothing(&self) -> bool {
        self.silu == Silu::None && self.residual.is_null()
    }

    /// # Safety
    /// `residual`, if any, has 16 floats at `offset`.
    #[inline(always)]
    pub(super) unsafe fn apply<V: Lanes>(&self, sum: V, offset: usize) -> V {
        let activated = match self.silu {
            Silu::None => sum,
            Silu::Fine => silu(sum),
            Silu::Coarse => sum.coarse_silu(),
        };
        if self.residual.is_null() {
            return activated;
        }
        // SAFETY: the caller's promise.
        activated.add(unsafe { V::load(self.residual.add(offset)) })
    }
}

/// What is multiplied: floats, or pairs of bf16 in their place.
pub(super) trait Factors<V> {
    /// How many floats the 16 channels of a pixel take up.
    const BLOCK: usize;

    /// `sum + value * weights`.
    fn add_product(sum: V, value: V, weights: V) -> V;

    /// Reads 16 channels as `store` wrote them.
    ///
    /// # Safety
    /// They are there, and the machine has `V`'s set.
    unsafe fn load(source: *const f32) -> V;

    /// Writes 16 channels as they will be multiplied.
    ///
    /// # Safety
    /// `target` has room for them.
    unsafe fn store(channels: V, target: *mut f32);
}

pub(super) struct Floats;

impl<V: Lanes> Factors<V> for Floats {
    const BLOCK: usize = 16;

    #[inline(always)]
    fn add_product(sum: V, value: V, weights: V) -> V {
        value.mul_add(weights, sum)
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(source) }
    }

    #[inline(always)]
    unsafe fn store(channels: V, target: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { channels.store(target) }
    }
}

pub(crate) type TileKernel = unsafe fn(&Tile);

/// Microkernels for 1, 2, 3.. pixels.
pub(crate) struct Tiles {
    /// One block of output channels.
    pub single: &'static [TileKernel],
    /// Two blocks; empty if there are too few registers.
    pub double: &'static [TileKernel],
}

impl Tiles {
    /// The kernels of `blocks` (1 or 2) blocks.
    pub fn of(&self, blocks: usize) -> &'static [TileKernel] {
        if blocks == 2 { self.double } else { self.single }
    }
}

// A macro, because every accumulator must be a separate variable: with an array of ten or more, LLVM keeps the loop rolled
// and the sums in memory, at a third of the speed. Pixels beyond `PIXELS` compile to nothing.
macro_rules! define_tile {
    ($(($pixel:literal $low:ident $high:ident))*) => {
        /// Computes `PIXELS` pixels that lie `STEP` floats apart in the input, times `BLOCKS` (1 or 2) blocks.
        ///
        /// # Safety
        /// All that `tile` points to is there, and the machine has `V`'s instruction set.
        #[inline(always)]
        pub(super) unsafe fn tile<
            V: Lanes,
            F: Factors<V>,
            const PIXELS: usize,
            const BLOCKS: usize,
            const STEP: usize,
        >(
            tile: &Tile,
        ) {
            // SAFETY: the caller's promise covers every load, store and splat.
            unsafe {
                let zero = V::splat(0.0);
                $(let (mut $low, mut $high) = (zero, zero);)*
                match tile.start {
                    Start::Bias(bias) => {
                        let low = V::load(bias);
                        let high = if BLOCKS == 2 { V::load(bias.add(16)) } else { low };
                        $(if PIXELS > $pixel { ($low, $high) = (low, high); })*
                    }
                    Start::Output => {
                        $(if PIXELS > $pixel {
                            $low = V::load(tile.output.add($pixel * 16));
                            if BLOCKS == 2 { $high = V::load(tile.output.add(tile.output_stride + $pixel * 16)); }
                        })*
                    }
                }
                let mut weights = tile.weights;
                for tap in 0..tile.tap_count {
                    let mut input = tile.input.add(*tile.taps.add(tap));
                    if tile.fetch_ahead {
                        for pixel in PIXELS..2 * PIXELS {
                            V::fetch_ahead(input.wrapping_add(pixel * STEP));
                        }
                    }
                    for _ in 0..tile.depth {
                        let low = V::load(weights);
                        let high = if BLOCKS == 2 { V::load(weights.add(16)) } else { low };
                        $(if PIXELS > $pixel {
                            let value = V::splat(*input.add($pixel * STEP));
                            $low = F::add_product($low, value, low);
                            if BLOCKS == 2 { $high = F::add_product($high, value, high); }
                        })*
                        input = input.add(1);
                        weights = weights.add(tile.weight_stride);
                    }
                }
                $(if PIXELS > $pixel {
                    $low.store(tile.output.add($pixel * 16));
                    if BLOCKS == 2 { $high.store(tile.output.add(tile.output_stride + $pixel * 16)); }
                })*
                if tile.finish.is_nothing() {
                    return;
                }
                // In a rolled loop: unrolled, it would be ten times as long as the loop above.
                for pixel in 0..PIXELS {
                    for block in 0..BLOCKS {
                        let output = tile.output.add(block * tile.output_stride + pixel * 16);
                        let residual = block * tile.finish.residual_stride + pixel * 16;
                        tile.finish.apply(V::load(output), residual).store(output);
                    }
                }
            }
        }
    };
}

define_tile! {
    (0 a0 b0) (1 a1 b1) (2 a2 b2) (3 a3 b3) (4 a4 b4) (5 a5 b5) (6 a6 b6) (7 a7 b7) (8 a8 b8) (9 a9 b9)
    (10 a10 b10) (11 a11 b11) (12 a12 b12) (13 a13 b13) (14 a14 b14) (15 a15 b15) (16 a16 b16) (17 a17 b17)
    (18 a18 b18) (19 a19 b19)
}
