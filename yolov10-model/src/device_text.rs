//! The messages of cubecl when a device fails: many lines, one of which says what happened.

/// After this, cubecl prints the source of a kernel.
const SOURCE: &str = "[Source]";
/// Starts of cubecl's lines that say where a failure happened and what it led to, but not what it was. If there are several
/// failures, the later ones follow from the first.
const FRAMES: [&str; 24] = [
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
    "An error caused the compilation to fail",
    "An unsupported instruction caused the compilation to fail",
    "A validation error caused the compilation to fail",
    "[Compilation Error]",
    // How many of the skipped launches are not listed.
    "(",
];

/// One of them that may have the cause in its own line.
const POISONED: &str = "The device is poisoned: ";

/// The line of `text` that says what went wrong.
pub(crate) fn first_cause(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).take_while(|line| !line.starts_with(SOURCE));
    let cause = lines.find_map(|line| {
        let is_frame = line.is_empty() || FRAMES.iter().any(|frame| line.starts_with(frame));
        line.strip_prefix(POISONED).or((!is_frame).then_some(line))
    });
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
        let refused = "(229 older skip record(s) were dropped; the walk may stop before the root)\nCaused by:\n  \
            A launch error happened\nCaused by:\n  An error caused the compilation to fail\nCaused by:\n  \
            [Compilation Error] \n    x.cu(3): error: expected a type\n[Source]\n  void kernel()";
        let lost = "Caused by:\n  An IO error happened\nCaused by:\n  The device is poisoned: memcpy_htod_async failed with status 719";
        assert_eq!(first_cause(lost), "memcpy_htod_async failed with status 719");
        assert_eq!(first_cause(refused), "x.cu(3): error: expected a type");
        assert_eq!(first_cause("no answer\nat all"), "no answer");
        assert_eq!(first_cause(""), "");
    }
}
