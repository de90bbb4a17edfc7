//! Lines for a person on stderr.
//!
//! A stderr that nobody reads is no reason to fail: `eprintln!` would panic there.

use std::fmt::Display;
use std::io::{self, Write};

/// Something failed.
pub fn error(what: impl Display) {
    line(format_args!("error: {what}"));
}

/// Something that one may want to know or do.
pub fn note(what: impl Display) {
    line(format_args!("note: {what}"));
}

/// A line as it is.
pub fn line(what: impl Display) {
    writeln!(io::stderr(), "{what}").ok();
}
