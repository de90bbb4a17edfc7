//! What the program says: results on stdout, everything else on stderr.
//!
//! `println!` and `eprintln!` panic when nobody listens. Results that can't be said are an error; a stderr that
//! nobody reads is none.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};

/// A line of results.
pub fn result(what: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{what}").context("stdout")
}

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
