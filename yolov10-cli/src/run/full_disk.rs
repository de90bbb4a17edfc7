//! Recognizes failures that will also stop all further writing.

use std::io::{self, ErrorKind};

/// Whether it failed because nothing more can be written: disk full, quota used up, or file size limit reached.
pub fn is_full_disk(error: &anyhow::Error) -> bool {
    let is_full = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
    };
    error.chain().filter_map(|cause| cause.downcast_ref()).any(is_full)
}
