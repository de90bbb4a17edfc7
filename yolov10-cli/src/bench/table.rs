//! The rows of `bench` for a person.

use std::io::{self, Write};
use std::path::Path;

use super::Row;

pub fn write_head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<28} {:<7} {:>7} {:>9} | {:>8} {:>8} {:>8} {:>8} | {:>5} {:>8} {:>5} | {:>8} {:>7} {:>7} | {:>7} {:>7}",
        "weights",
        "device",
        "threads",
        "input",
        "min ms",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "pre",
        "infer",
        "post",
        "from jpg",
        "img/s",
        "GFLOP/s",
        "run MB",
        "left MB",
    )
}

/// Stages are medians. Memory is what came on top of what the process had before the weights were loaded.
pub fn write_row(out: &mut impl Write, row: &Row) -> io::Result<()> {
    let ms = &row.ms;
    let threads = row
        .threads
        .map_or("auto".to_owned(), |threads| threads.to_string());
    let name = Path::new(&row.weights)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let more = |now: Option<u64>| {
        let difference = now
            .zip(row.memory.before_load)
            .map(|(now, before)| now as f64 - before as f64);
        difference.map_or("-".to_owned(), |bytes| format!("{:.1}", bytes / 1e6))
    };
    writeln!(
        out,
        "{name:<28} {:<7} {threads:>7} {:>9} | {:>8.2} {:>8.2} {:>8.2} {:>8.2} | {:>5.2} {:>8.2} {:>5.2} | {:>8.2} {:>7.1} {:>7.1} | {:>7} {:>7}",
        row.device,
        row.input.to_string(),
        ms.detect.min,
        ms.detect.p50,
        ms.detect.p90,
        ms.detect.p99,
        ms.preprocess.p50,
        ms.inference.p50,
        ms.postprocess.p50,
        ms.end_to_end.p50,
        row.images_per_second,
        row.gflop_per_second,
        more(row.memory.running),
        more(row.memory.after_drop),
    )
}
