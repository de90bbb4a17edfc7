//! Sixteen floats as one value: all that the instruction sets have to agree on.

/// The sixteen channels of a pixel in registers.
///
/// A value proves that the machine has its instruction set, because only the two unsafe constructors can create one from
/// nothing. Every method is `inline(always)`, so that it ends up inside the `target_feature` function of the table
/// (`mod.rs`) and is compiled for that set.
pub(crate) trait Lanes: Copy {
    /// # Safety
    /// 16 readable floats at `source`, and a machine with the set.
    unsafe fn load(source: *const f32) -> Self;

    /// # Safety
    /// A machine with the set.
    unsafe fn splat(value: f32) -> Self;

    /// # Safety
    /// 16 writable floats at `target`.
    unsafe fn store(self, target: *mut f32);

    /// Starts loading what is at an address into the nearest cache, on machines that can. Any address will do.
    #[inline(always)]
    fn fetch_ahead(_address: *const f32) {}

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    /// `self * factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `term - self * factor`.
    fn neg_mul_add(self, factor: Self, term: Self) -> Self;
    /// To the nearest integer, for magnitudes below 2^22.
    fn round(self) -> Self;
    /// `self * 2^exponent` for integers up to 127; below -126 the result may be as if for -126.
    fn scale(self, exponent: Self) -> Self;
    fn div(self, divisor: Self) -> Self;

    /// `self * sigmoid(self)` to about 1e-4, if that is faster than [`silu`].
    #[inline(always)]
    fn coarse_silu(self) -> Self {
        silu(self)
    }

    /// The lanes as an array.
    #[inline(always)]
    fn to_array(self) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: the array has 16 floats.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }
}

/// Minimax polynomial of 2^f on [-1/2, 1/2], highest power first; about 2e-7 relative.
const EXP2: [f32; 6] = [1.339_887_4e-3, 9.618_437e-3, 5.550_327_5e-2, 2.402_264_7e-1, 6.931_472e-1, 1.0];

/// `2^x` for x up to 127; what would be a denormal is zero or about 1e-38.
#[inline(always)]
fn exp2<V: Lanes>(x: V) -> V {
    // SAFETY: `x` proves the set.
    let constant = |value| unsafe { V::splat(value) };
    let whole = x.round();
    let fraction = x.sub(whole);
    let [first, rest @ ..] = EXP2;
    let mut power = constant(first);
    for coefficient in rest {
        power = power.mul_add(fraction, constant(coefficient));
    }
    power.scale(whole)
}

/// `e^x` for x of at most 0.
#[inline(always)]
pub(crate) fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: `x` proves the set.
    exp2(x.mul(unsafe { V::splat(std::f32::consts::LOG2_E) }))
}

/// `x * sigmoid(x)`.
#[inline(always)]
pub(crate) fn silu<V: Lanes>(x: V) -> V {
    // SAFETY: `x` proves the set.
    let [minus_log2e, highest, one] = unsafe { [V::splat(-std::f32::consts::LOG2_E), V::splat(126.0), V::splat(1.0)] };
    let exponential = exp2(x.mul(minus_log2e).min(highest));
    x.div(exponential.add(one))
}
