//! The messages of cubecl when a device fails: many lines, one of which says what happened.

/// After this, cubecl prints the source of a kernel.
const SOURCE: &str = "[Source]";
/// Starts of cubecl's lines that say where a failure happened and what it led to, but not what it was. If there are several
/// failures, the later ones follow from the first.
const FRAMES: [&str; 20] = [
    "Several failures at once",
    "The bytes were never written",
    "The work was skipped",
    "The work writing this buffer",
    "skipped",
    "Caused by:",
    "Asked at:",
    "Backtrace",
    "No backtrace available",
    "A launch error happened",
    "A compilation error happened",
    "A validation error happened",
    "An IO error happened",
    "An error happened during",
    "An execution error happened",
    "An out-of-memory error happened",
    "An unknown error happened during",
    "The device was poisoned during",
    "The device is poisoned",
    "[Compilation Error]",
];

/// The line of `text` that says what went wrong.
pub(crate) fn first_cause(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).take_while(|line| !line.starts_with(SOURCE));
    let cause = lines.find(|line| !line.is_empty() && !FRAMES.iter().any(|frame| line.starts_with(frame)));
    cause.or(text.lines().next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_chain_of_failures_the_first_cause_is_said() {
        let text = "Several failures at once\nCaused by:\n  The bytes were never written (failure #3)\n  skipped `ElemwiseFuse`
Caused by:\n  The device was poisoned during launch\nCaused by:\n  cuLaunchKernel failed with status 700\nAsked at:\n   0: main
The bytes were never written (failure #4)\nCaused by:\n  cuLaunchKernel failed with status 1";
        assert_eq!(first_cause(text), "cuLaunchKernel failed with status 700");
        assert_eq!(first_cause("no answer\nat all"), "no answer");
        assert_eq!(first_cause(""), "");
    }
}
