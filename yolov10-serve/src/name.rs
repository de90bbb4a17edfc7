//! Names of models and sources, which are never paths.

use crate::problem::Problem;

/// Longest name, in characters.
const LONGEST: usize = 128;

/// Whether a name is valid.
pub fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=LONGEST).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('.')
}

/// Checks a name; the problem says what is wrong with it.
pub(crate) fn check(name: &str) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().take(LONGEST).collect();
    Err(Problem::invalid(format_args!(
        "name {shown:?}: expected 1 to {LONGEST} letters, digits, dots, dashes and underscores, no dot at the start"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_no_name() {
        for name in ["n", "yolov10n", "plates-2.1", "A_b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "../n", "a/b", "a\\b", ".hidden", "a b", "ü", "a\0", &"n".repeat(129)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
