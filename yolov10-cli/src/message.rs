//! What the program prints: results on stdout, everything else on stderr.
//!
//! `println!` and `eprintln!` panic if nobody reads. Results that can't be written are an error; messages are not.
//! Names come from files, addresses and weights: control sequences and passwords in them never reach a terminal.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use yolov10_media::without_credentials;

/// Longest error or note, in characters. Its beginning says what failed and its end says why, so the middle is cut.
const LONGEST: usize = 1000;
const LONGEST_END: usize = 300;

/// Whether to print errors only. Global, as stderr is.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Prints only errors from now on.
pub fn keep_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Prints a line of results.
pub fn result(what: impl Display) -> Result<()> {
    text(printable(&what.to_string()))
}

/// Prints lines of results that contain no names from outside.
pub fn text(what: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{what}").context("stdout")
}

/// Whether it failed because nobody reads the results any more, as after `| head`.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints an error.
pub fn error(what: impl Display) {
    say(&format!("error: {}", one_line(&what.to_string())));
}

/// Prints something worth knowing or doing.
pub fn note(what: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        say(&format!("note: {}", one_line(&what.to_string())));
    }
}

/// Prints a line on stderr, unless only errors are wanted.
pub fn remark(what: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        say(&printable(&what.to_string()));
    }
}

/// Prints lines on stderr that contain no names from outside.
pub fn line(what: impl Display) {
    say(&what.to_string());
}

fn say(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// The text on one line of bounded length.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = printable(&words.join(" ")).into_owned();
    let count = text.chars().count();
    if count <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST - LONGEST_END).collect();
    let end: String = text.chars().skip(count - LONGEST_END).collect();
    format!("{start} .. {end}")
}

/// The text with control characters escaped as in JSON, and without passwords in addresses.
pub fn printable(text: &str) -> Cow<'_, str> {
    let text = without_credentials(text);
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_obeyed(character) {
            write!(escaped, "\\u{:04x}", u32::from(character)).expect("a string takes everything");
        } else {
            escaped.push(character);
        }
    }
    escaped.into()
}

/// Whether a terminal would act on it: control characters, and those that change the direction of text.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (text, expected) in [
            ("bus.jpg", "bus.jpg"),
            ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
            ("a\u{9b}31mb", "a\\u009b31mb"),
            ("gpj.\u{202e}exe", "gpj.\\u202eexe"),
            ("日本語 é", "日本語 é"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn an_error_is_a_line_of_bounded_length_with_both_ends() {
        let long = format!("start\n{}\r\nend", "x".repeat(100_000));
        let line = one_line(&long);
        assert!(line.starts_with("start xxx") && line.ends_with("xxx end") && !line.contains('\n'), "{line}");
        assert!(line.chars().count() < LONGEST + 10);
    }
}
