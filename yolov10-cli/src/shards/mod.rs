//! A list that many runs search together, each a part of it, wherever and whenever they run.
//!
//! ```text
//! manifest.json            what decides the rows: list, weights, options, program
//! part-I-of-N.jsonl        the rows of shard I
//! part-I-of-N.json         how many there are, and the digest of the file above: written last, so the shard is done
//! labels/                  with --save-txt
//! merged.jsonl             by `merge`: all rows, in the order of the list
//! ```
//!
//! Nothing here depends on a clock, a host or the number of tries, so that a shard that is searched twice gives the same
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
