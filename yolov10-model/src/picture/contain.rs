//! Turns a decoder's panic into an error of the picture that it was decoding.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::error::Error;

thread_local! {
    /// Whether this thread is in a decoder.
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Does a decoder's `work`; a panic becomes an error, and is not printed.
///
/// Panics are printed by the process's only panic hook, before they can be caught. So the hook is wrapped, once, by one
/// that is silent on threads that are decoding and does as before on all others.
pub fn contained<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !DECODING.get() {
                loud(info);
            }
        }));
    });
    let outer = DECODING.replace(true);
    // Nothing of a decoder is used after it has failed.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    DECODING.set(outer);
    result.unwrap_or_else(|_| Err(Error::not_a_picture("its decoder broke down over it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_thread_goes_on() {
        let broken = contained::<()>(|| panic!("index out of bounds"));
        assert!(matches!(broken, Err(Error::NotAPicture(_))), "{broken:?}");
        assert!(!DECODING.get());
        assert_eq!(contained(|| Ok(7)).expect("nothing is wrong"), 7);
    }
}
