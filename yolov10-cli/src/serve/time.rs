//! Parses durations as people write them.

use std::time::Duration;

const TIMES: [(&str, f64); 5] = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0)];

/// Parses `5m`, `60s`, `500ms`, or a number of seconds.
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
    fn times_have_units_and_seconds_without() {
        for (text, millis) in [("5m", 300_000), ("60s", 60_000), ("500ms", 500), ("2", 2_000), ("0.5h", 1_800_000)] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "m", "-5s", "5 minutes", "1d"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
