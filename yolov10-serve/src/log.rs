//! The log on stderr: a line per request, and what happens to models.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use yolov10_media::milliseconds;

use crate::settings::LogFormat;

/// Writes lines to stderr; failures to write are ignored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log(pub(crate) LogFormat);

/// An answered request.
pub(crate) struct Line<'a> {
    pub(crate) protocol: &'static str,
    pub(crate) method: &'a str,
    /// Without the query, which may hold private data.
    pub(crate) path: &'a str,
    pub(crate) status: String,
    pub(crate) took: Duration,
}

impl Log {
    pub(crate) fn request(self, line: &Line<'_>) {
        let Line { protocol, method, path, status, took } = line;
        let took = milliseconds(*took);
        match self.0 {
            LogFormat::Text => write(format_args!("{} {method} {path} {status} {took:.3} ms", now())),
            LogFormat::Json => write(json!({
                "time": now(), "event": "request", "protocol": protocol, "method": method, "path": path,
                "status": status, "ms": took,
            })),
        }
    }

    /// Logs another event: a sentence, and its details.
    pub(crate) fn event(self, event: &str, message: impl std::fmt::Display, details: &Value) {
        match self.0 {
            LogFormat::Text => write(message),
            LogFormat::Json => {
                let message = message.to_string();
                write(json!({ "time": now(), "event": event, "message": message, "details": details }));
            }
        }
    }
}

fn write(line: impl std::fmt::Display) {
    // One write, so that lines of several threads do not mix.
    io::stderr().write_all(format!("{line}\n").as_bytes()).ok();
}

/// The current time in UTC, as in RFC 3339.
fn now() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Days to dates as in "chrono-Compatible Low-Level Date Algorithms" (Howard Hinnant, 2013).
fn rfc3339(since_1970: Duration) -> String {
    const DAY: u64 = 86_400;
    let seconds = since_1970.as_secs();
    let (days, second) = ((seconds / DAY) as i64 + 719_468, seconds % DAY);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since_1970.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_769_999, "2026-11-27T08:59:59.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_secs(seconds)), text);
        }
    }
}
