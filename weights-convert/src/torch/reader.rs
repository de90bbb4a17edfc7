//! A cursor over the pickle's bytes. Lengths are checked against what is left before anything is read; texts are slices of
//! the file.

/// Why an opcode failed; the machine adds which opcode, and where.
pub(super) type Reason = String;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The next `length` bytes, if there are that many.
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], Reason> {
        let rest = &self.bytes[self.position..];
        if length > rest.len() as u64 {
            return Err(format!("truncated: needs {length} bytes, {} left", rest.len()));
        }
        self.position += length as usize;
        Ok(&rest[..length as usize])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.try_into().expect("take returns as many bytes as asked for"))
    }

    /// An unsigned little-endian integer of `width` bytes, 8 at most.
    pub(super) fn unsigned(&mut self, width: usize) -> Result<u64, Reason> {
        let mut extended = [0; size_of::<u64>()];
        extended[..width].copy_from_slice(self.take(width as u64)?);
        Ok(u64::from_le_bytes(extended))
    }

    /// A little-endian two's complement integer, preceded by its length; `None` beyond 64 bits.
    pub(super) fn long(&mut self, width: usize) -> Result<Option<i64>, Reason> {
        let length = self.unsigned(width)?;
        let bytes = self.take(length)?;
        let is_negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut extended = [if is_negative { 0xff } else { 0 }; size_of::<i64>()];
        let Some(low) = extended.get_mut(..bytes.len()) else {
            return Ok(None);
        };
        low.copy_from_slice(bytes);
        Ok(Some(i64::from_le_bytes(extended)))
    }

    /// Bytes, preceded by their number.
    pub(super) fn bytes(&mut self, width: usize) -> Result<&'a [u8], Reason> {
        let length = self.unsigned(width)?;
        self.take(length)
    }

    /// Text, preceded by its number of bytes.
    pub(super) fn text(&mut self, width: usize) -> Result<&'a str, Reason> {
        utf8(self.bytes(width)?)
    }

    /// Text up to the next line feed.
    pub(super) fn line(&mut self) -> Result<&'a str, Reason> {
        let rest = &self.bytes[self.position..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let length = end.ok_or("truncated: a name without end")?;
        self.position += length + 1;
        utf8(&rest[..length])
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))
}
