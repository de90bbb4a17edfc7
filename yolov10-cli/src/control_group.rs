//! What the control group of this process, a container's or a service's, allows it.

use std::fs;
use std::path::Path;
use std::thread;

use bytesize::ByteSize;

/// The tightest limits of the group and of those around it; `None` where there is none, or no Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Processors: 0.5 is half the time of one.
    pub processors: Option<f64>,
    /// Bytes of main memory.
    pub memory: Option<ByteSize>,
}

impl Limits {
    /// Those of this process.
    pub fn here() -> Self {
        Self::below(Path::new("/"))
    }

    /// The quota, where it is what decides how many threads are worth having.
    pub fn deciding_quota(&self) -> Option<f64> {
        // Parts of a processor are not counted.
        let counted = thread::available_parallelism().map_or(1, usize::from);
        self.processors.filter(|quota| *quota < counted as f64 + 1.0)
    }

    /// Those that the kernel's files below `root` tell of this process.
    fn below(root: &Path) -> Self {
        let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let groups = own.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        });
        let mut limits = Self::default();
        for (controllers, group) in groups {
            let mounted = root.join("sys/fs/cgroup").join(controllers);
            // A container often sees its own group as the root, at whatever place it has in the machine's.
            for folder in Path::new(group.trim_start_matches('/')).ancestors().map(|group| mounted.join(group)) {
                limits.processors = least(limits.processors, processors(&folder));
                limits.memory = least(limits.memory, memory(&folder).map(ByteSize));
            }
        }
        limits
    }
}

fn least<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other < one { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// The quota in a group's folder, of version 2 or 1: microseconds of each period.
fn processors(folder: &Path) -> Option<f64> {
    let version_1 = || Some(format!("{} {}", text(folder, "cpu.cfs_quota_us")?, text(folder, "cpu.cfs_period_us")?));
    let both = text(folder, "cpu.max").or_else(version_1)?;
    let (quota, period) = both.split_once(' ')?;
    // Without a limit version 2 says `max`, version 1 says -1.
    let quota: f64 = quota.parse().ok().filter(|quota| *quota > 0.0)?;
    Some(quota / period.parse::<f64>().ok()?)
}

/// The bytes in a group's folder, of version 2 or 1.
fn memory(folder: &Path) -> Option<u64> {
    /// Version 1 says that there is no limit by a number of pages that no machine has.
    const NO_LIMIT: u64 = 1 << 60;
    let bytes = text(folder, "memory.max").or_else(|| text(folder, "memory.limit_in_bytes"))?;
    bytes.parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

fn text(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root folder with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        root
    }

    #[test]
    fn the_tightest_limit_of_a_group_and_those_around_it_counts() {
        let root = root(&[
            ("proc/self/cgroup", "0::/pods/pod7\n"),
            ("sys/fs/cgroup/pods/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/pods/memory.max", "268435456\n"),
            ("sys/fs/cgroup/pods/pod7/cpu.max", "50000 100000\n"),
            ("sys/fs/cgroup/pods/pod7/memory.max", "max\n"),
        ]);
        let expected = Limits { processors: Some(0.5), memory: Some(ByteSize::mib(256)) };
        assert_eq!(Limits::below(root.path()), expected);
    }

    #[test]
    fn version_1_has_a_folder_for_each_controller_and_numbers_for_no_limit() {
        let root = root(&[
            ("proc/self/cgroup", "5:memory:/docker/1f\n3:cpu,cpuacct:/docker/1f\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/docker/1f/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(Limits::below(root.path()), Limits { processors: Some(2.0), memory: None });
    }

    #[test]
    fn a_machine_that_does_not_say_has_no_limits() {
        assert_eq!(Limits::below(root(&[]).path()), Limits::default());
    }
}
