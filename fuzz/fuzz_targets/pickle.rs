//! Any bytes into the pickle machine alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weights_convert::check_pickle;

fuzz_target!(|bytes: &[u8]| {
    // Errors are answers; panics, endless loops and memory are what is looked for.
    drop(check_pickle(bytes));
});
