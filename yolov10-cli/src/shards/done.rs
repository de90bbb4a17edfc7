//! The receipt of a finished shard.

use serde::{Deserialize, Serialize};

/// What a finished shard contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Digest of the folder's manifest.
    pub fingerprint: String,
    pub shard: usize,
    pub shards: usize,
    /// Lines of the list in this shard.
    pub sources: usize,
    /// Rows: one for each picture and each frame, whether it could be searched or not.
    pub rows: usize,
    /// Rows of pictures that could not be searched.
    pub errors: usize,
    /// Objects found.
    pub objects: usize,
    /// Digest of the file of rows.
    pub sha256: String,
}
