//! The rows of `bench` for a person, 100 characters wide. `--json` has the rest.

use std::path::Path;

use super::measure::Row;

/// Longest name of a weight file in the table, in characters.
const NAME_WIDTH: usize = 10;

/// The names of the columns; [`row`] explains them.
pub fn head() -> String {
    columns(["weights", "engine", "n", "imgsz", "input", "p50 ms", "p99 ms", "infer", "+decode", "img/s", "MB"])
}

/// The weights' name without folder and extension, cut if it is too long.
pub fn weights_name(row: &Row) -> String {
    let name = Path::new(&row.weights).file_stem().unwrap_or_default().to_string_lossy();
    name.trim_start_matches("built-in ").chars().take(NAME_WIDTH).collect()
}

/// Device and kernels: `cpu/2 avx512 f32`, `cuda:0 tf32`.
pub fn engine(row: &Row) -> String {
    let threads = row.threads.map_or(String::new(), |threads| format!("/{threads}"));
    let isa = row.kernels.isa.as_ref().map_or(String::new(), |isa| format!(" {isa}"));
    let exact = if row.kernels.exact { "!" } else { "" };
    format!("{}{threads}{isa} {}{exact}", row.device, row.kernels.dtype)
}

/// Times are per picture: preprocess, inference and postprocess together, then the median of inference, then the
/// median including the decoding of the picture. Memory is what the process gained since before it loaded the
/// weights: while it runs, and after the detector is dropped.
pub fn row(row: &Row) -> String {
    let ms = &row.ms;
    let more = |now: Option<u64>| match now.zip(row.memory.before_load) {
        Some((now, before)) => format!("{:.0}", (now as f64 - before as f64) / 1e6),
        None => "-".to_owned(),
    };
    columns([
        &weights_name(row),
        &engine(row),
        &row.batch.to_string(),
        &row.imgsz.to_string(),
        &row.input.to_string(),
        &format!("{:.2}", ms.detect.p50),
        &format!("{:.2}", ms.detect.p99),
        &format!("{:.2}", ms.inference.p50),
        &format!("{:.2}", ms.end_to_end.p50),
        &format!("{:.1}", row.images_per_second),
        &format!("{}>{}", more(row.memory.running), more(row.memory.after_drop)),
    ])
}

fn columns([weights, engine, batch, imgsz, input, p50, p99, inference, decoded, rate, memory]: [&str; 11]) -> String {
    format!(
        "{weights:<NAME_WIDTH$} {engine:<19} {batch:>3} {imgsz:>9} {input:>9} {p50:>7} {p99:>7} {inference:>7} \
         {decoded:>7} {rate:>6} {memory:>6}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_a_hundred_columns() {
        assert!(head().chars().count() <= 100, "{}", head());
    }
}
