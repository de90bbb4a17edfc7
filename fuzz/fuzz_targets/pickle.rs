//! Arbitrary bytes for the pickle machine alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weights_convert::check_pickle;

fuzz_target!(|bytes: &[u8]| {
    // Errors are fine; this looks for panics, endless loops and too much memory.
    drop(check_pickle(bytes));
});
