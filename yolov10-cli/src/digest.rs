//! SHA-256, which identifies files.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Bytes read at a time.
const PIECE: usize = 1 << 16;

/// The digest of all that is read, in hexadecimal.
pub fn sha256(reader: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut bytes = vec![0; PIECE];
    loop {
        match reader.read(&mut bytes) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(length) => hash.update(&bytes[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Two digits per byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected value: `printf abc | sha256sum`.
    #[test]
    fn a_digest_is_sha256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&mut &b"abc"[..]).expect("memory can be read"), expected);
    }
}
