//! A list that many runs search together, each a part of it, on any machine and at any time.
//!
//! ```text
//! manifest.json            everything that decides the rows: list, weights, options, program
//! part-I-of-N.jsonl        the rows of shard I
//! part-I-of-N.json         their number, and the digest of the file above; written last, so the shard is done
//! labels/                  with --save-txt
//! merged.jsonl             written by `merge`: all rows, in the order of the list
//! ```
//!
//! Nothing here depends on the time, the host or the number of tries: a shard that is searched twice gives the same
//! bytes, and two runs of one shard may finish in any order.

mod done;
mod fingerprint;
mod folder;
mod merge;
mod part;
mod split;

pub use done::Done;
pub use fingerprint::Fingerprint;
pub use folder::ShardFolder;
pub use merge::{Args as MergeArgs, merge};
pub use part::Part;
pub use split::Shard;
