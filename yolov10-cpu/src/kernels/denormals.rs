//! Treats denormal floats as zero, on one thread, while a guard lives: each of them costs a hundred cycles.

use std::marker::PhantomData;

/// Flushes this thread's denormal results and operands to zero until dropped.
pub(crate) struct FlushDenormals {
    before: Register,
    /// The register belongs to the thread: the guard must not leave it.
    thread: PhantomData<*const ()>,
}

#[cfg(target_arch = "x86_64")]
type Register = u32;
#[cfg(not(target_arch = "x86_64"))]
type Register = u64;

/// Flush-to-zero and denormals-are-zero of MXCSR.
#[cfg(target_arch = "x86_64")]
const FLUSH: Register = 0x8040;
/// FZ of FPCR.
#[cfg(not(target_arch = "x86_64"))]
const FLUSH: Register = 1 << 24;

impl FlushDenormals {
    pub fn new() -> FlushDenormals {
        let before = read();
        write(before | FLUSH);
        FlushDenormals { before, thread: PhantomData }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        write(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
fn read() -> Register {
    let mut register = 0;
    // SAFETY: stores MXCSR into a local; SSE is part of x86-64.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut register, options(nostack)) };
    register
}

#[cfg(target_arch = "x86_64")]
fn write(register: Register) {
    // SAFETY: only the two flush bits ever differ from what the register held; no trap is unmasked.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &register, options(nostack, readonly)) };
}

#[cfg(target_arch = "aarch64")]
fn read() -> Register {
    let register;
    // SAFETY: reads a register.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) register, options(nomem, nostack)) };
    register
}

#[cfg(target_arch = "aarch64")]
fn write(register: Register) {
    // SAFETY: only the flush bit ever differs from what the register held.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) register, options(nomem, nostack)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read() -> Register {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write(_: Register) {}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn denormals_vanish_only_while_the_guard_lives() {
        let half = |value: f32| black_box(value) * black_box(0.5);
        assert!(half(f32::MIN_POSITIVE) > 0.0);
        let guard = FlushDenormals::new();
        assert_eq!(half(f32::MIN_POSITIVE), 0.0);
        drop(guard);
        assert!(half(f32::MIN_POSITIVE) > 0.0);
    }
}
