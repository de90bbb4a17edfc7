//! How many threads are worth having: one per physical core that this process may use.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::thread;

/// Physical cores within the process's affinity and its control group's quota; at least 1.
pub fn physical() -> NonZeroUsize {
    let allowed = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    match linux_cores().and_then(NonZeroUsize::new) {
        Some(cores) => cores.min(allowed),
        None => allowed,
    }
}

/// Sibling threads share a core and its multipliers, so they count once.
fn linux_cores() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let siblings =
        |cpu: usize| fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")).ok();
    let cores: Option<BTreeSet<String>> = parse_list(list.trim())?.into_iter().map(siblings).collect();
    Some(cores?.len())
}

/// A list of processors as the kernel writes it: `0-3,8`.
fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_lists_are_read() {
        assert_eq!(parse_list("0-3,8,10-11"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse_list("5"), Some(vec![5]));
        assert_eq!(parse_list("all"), None);
    }

    #[test]
    fn cores_are_no_more_than_threads() {
        assert!(physical() <= thread::available_parallelism().unwrap());
    }
}
