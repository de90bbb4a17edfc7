//! The rows of `bench` for a person.

use std::path::Path;

use super::measure::Row;

/// Letters of a weight file's name at most: the table should fit a terminal.
const NAME_WIDTH: usize = 24;

/// What the columns are; [`row`] says what they mean.
pub fn head() -> String {
    format!(
        "{:<NAME_WIDTH$} {:<6} {:>7} {:>5} {:>9} {:>7} {:>7} {:>7} {:>5} {:>7} {:>5} {:>7} {:>6} {:>7} {:>5} {:>5}",
        "weights",
        "device",
        "threads",
        "batch",
        "input",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "pre",
        "infer",
        "post",
        "+decode",
        "img/s",
        "GFLOP/s",
        "MB",
        "after",
    )
}

/// The weights' name without its folder, cut where it is too long.
pub fn weights_name(row: &Row) -> String {
    let name = Path::new(&row.weights).file_name().unwrap_or_default();
    name.to_string_lossy().chars().take(NAME_WIDTH).collect()
}

/// Times are per picture, of preprocess, inference and postprocess together, then the medians of each, then the median with the
/// decoding of the picture. Memory is what came on top of what the process had before it loaded the weights: while
/// it runs, and after the detector is dropped.
pub fn row(row: &Row) -> String {
    let ms = &row.ms;
    let threads = row.threads.map_or("auto".to_owned(), |threads| threads.to_string());
    let name = weights_name(row);
    let more = |now: Option<u64>| match now.zip(row.memory.before_load) {
        Some((now, before)) => format!("{:.0}", (now as f64 - before as f64) / 1e6),
        None => "-".to_owned(),
    };
    format!(
        "{name:<NAME_WIDTH$} {:<6} {threads:>7} {:>5} {:>9} {:>7.2} {:>7.2} {:>7.2} {:>5.2} {:>7.2} {:>5.2} {:>7.2} {:>6.1} {:>7.1} {:>5} {:>5}",
        row.device,
        row.batch,
        row.input.to_string(),
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
