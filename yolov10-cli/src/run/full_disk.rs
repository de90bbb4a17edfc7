//! The failure that all further writing shares.

use std::io::{self, ErrorKind};

/// Whether something failed because no more can be written: no disk, no quota, no larger file.
pub fn is_full_disk(error: &anyhow::Error) -> bool {
    let is_full = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
    };
    error.chain().filter_map(|cause| cause.downcast_ref()).any(is_full)
}
