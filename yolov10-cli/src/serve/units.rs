//! Bytes and times as a person writes them.

use std::time::Duration;

const BYTES: [(&str, u64); 11] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("", 1),
];

const TIMES: [(&str, f64); 5] = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0)];

/// `2GB` of 1,000,000,000 bytes, `512MiB`, or bytes alone.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected bytes like 500MB, 2GB or 1GiB, found {text:?}");
    let (number, unit) = split(text);
    let (_, bytes) = BYTES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let product = number * *bytes as f64;
    // Beyond it an f64 does not count bytes.
    (product < (1_u64 << 53) as f64).then_some(product as u64).ok_or_else(wrong)
}

/// `5m`, `60s`, `500ms`, or seconds alone.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time like 500ms, 60s, 5m or 1h, found {text:?}");
    let (number, unit) = split(text);
    let (_, seconds) = TIMES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_of_a_thousand_or_of_1024() {
        for (text, bytes) in [("0", 0), ("2GB", 2_000_000_000), ("1.5 MB", 1_500_000), ("1GiB", 1 << 30), ("64kB", 64_000)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "GB", "-1", "2 giga", "1e9", "99999999TB", "1.2.3MB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_units_and_seconds_without() {
        for (text, millis) in [("5m", 300_000), ("60s", 60_000), ("500ms", 500), ("2", 2_000), ("0.5h", 1_800_000)] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "m", "-5s", "5 minutes", "1d"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
