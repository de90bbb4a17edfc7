//! The memory of this process as the operating system counts it.

/// Bytes resident now; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    field("VmRSS:")
}

/// The most that was ever resident, in bytes; `None` where the system does not tell.
pub fn peak_resident_bytes() -> Option<u64> {
    field("VmHWM:")
}

/// A line of Linux' `/proc/self/status`, which counts in units of 1024 bytes.
fn field(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
