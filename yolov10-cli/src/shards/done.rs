//! The receipt of a shard that is done.

use serde::{Deserialize, Serialize};

/// What was done of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The digest of the folder's manifest.
    pub fingerprint: String,
    pub shard: usize,
    pub shards: usize,
    /// Lines of the list.
    pub sources: usize,
    /// Rows: one for each picture and each frame, whether it could be searched or not.
    pub rows: usize,
    /// Rows of pictures that could not be searched.
    pub errors: usize,
    /// Objects found.
    pub objects: usize,
    /// Of the file of rows.
    pub sha256: String,
}
