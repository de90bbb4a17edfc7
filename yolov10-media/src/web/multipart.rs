//! `multipart/x-mixed-replace`: pictures one after another in one answer, as network cameras send them (MJPEG).

use super::body::Response;
use super::pace::Pace;
use crate::error::Error;

/// The most bytes of the lines before a picture.
const LONGEST_HEAD: usize = 1 << 16;

/// The pictures of a stream.
pub struct Parts {
    response: Response,
    /// The delimiter between them.
    delimiter: Vec<u8>,
    /// What has come but is not used yet.
    buffer: Vec<u8>,
    /// The most bytes of a picture.
    limit: usize,
    /// Of the picture that is coming: between two of them a camera may rest.
    pace: Pace,
}

impl Parts {
    /// The pictures of `response`, if that is what it says it is.
    pub fn of(response: Response, limit: usize) -> Result<Self, Box<Response>> {
        match response.content_type.as_deref().and_then(boundary) {
            Some(boundary) => {
                let delimiter = format!("--{}", boundary.trim_start_matches('-')).into_bytes();
                Ok(Self { response, delimiter, buffer: Vec::new(), limit, pace: Pace::new() })
            }
            None => Err(Box::new(response)),
        }
    }

    /// The next picture's file; `None` at the end.
    pub fn next_part(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let delimiter = self.delimiter.clone();
        self.pace = Pace::new();
        if self.take_until(&delimiter, LONGEST_HEAD)?.is_none() {
            return Ok(None);
        }
        self.pace = Pace::new();
        // The rest of the delimiter's line, then lines up to an empty one.
        let mut length = None;
        let mut is_first = true;
        loop {
            let Some(line) = self.take_until(b"\n", LONGEST_HEAD)? else {
                return Ok(None);
            };
            let line = String::from_utf8_lossy(&line).trim().to_lowercase();
            if is_first && line.starts_with("--") {
                return Ok(None);
            }
            if line.is_empty() && !is_first {
                break;
            }
            is_first = false;
            let value = line.strip_prefix("content-length").and_then(|rest| rest.trim_start().strip_prefix(':'));
            length = value.and_then(|value| value.trim().parse::<usize>().ok()).or(length);
        }
        match length {
            Some(length) => self.take(length),
            None => {
                let part = self.find(&delimiter, self.limit)?;
                Ok(part.map(|end| self.buffer.drain(..end).collect()))
            }
        }
    }

    /// The next `length` bytes.
    fn take(&mut self, length: usize) -> Result<Option<Vec<u8>>, Error> {
        if length > self.limit {
            return Err(Error::TooLarge { limit: self.limit as u64, found: Some(length as u64) });
        }
        while self.buffer.len() < length {
            if !self.more()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer.drain(..length).collect()))
    }

    /// What comes before `end`, which is dropped.
    fn take_until(&mut self, end: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some(at) = self.find(end, limit)? else {
            return Ok(None);
        };
        let before = self.buffer.drain(..at).collect();
        self.buffer.drain(..end.len());
        Ok(Some(before))
    }

    /// Where `wanted` begins, within `limit` bytes; `None` if the stream ends before it.
    fn find(&mut self, wanted: &[u8], limit: usize) -> Result<Option<usize>, Error> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..].windows(wanted.len()).position(|window| window == wanted);
            if let Some(at) = found {
                return Ok(Some(searched + at));
            }
            // A part of it may be at the end.
            searched = self.buffer.len().saturating_sub(wanted.len() - 1);
            if searched > limit {
                let wanted = String::from_utf8_lossy(wanted).trim().to_owned();
                let reason = format!("expected a line {wanted:?} within {limit} bytes");
                return Err(Error::NotAStream { reason });
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    fn more(&mut self) -> Result<bool, Error> {
        let bytes = self.response.next_bytes(&mut self.pace)?;
        Ok(bytes.is_some_and(|bytes| {
            self.buffer.extend(bytes);
            true
        }))
    }
}

/// The boundary of the parts that a content type names.
fn boundary(content_type: &str) -> Option<&str> {
    let mut fields = content_type.split(';').map(str::trim);
    let kind = fields.next()?;
    // Some cameras say multipart/mixed.
    if !kind.to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let value = fields.find_map(|field| {
        let (name, value) = field.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value)
    });
    Some(value.map_or("", |value| value.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_read_from_the_content_type() {
        assert_eq!(boundary("multipart/x-mixed-replace; boundary=frame"), Some("frame"));
        assert_eq!(boundary("Multipart/X-Mixed-Replace;charset=x; Boundary=\"--a b\""), Some("--a b"));
        assert_eq!(boundary("multipart/x-mixed-replace"), Some(""));
        assert_eq!(boundary("multipart/mixed;boundary=x"), Some("x"));
        assert_eq!(boundary("image/jpeg"), None);
    }
}
