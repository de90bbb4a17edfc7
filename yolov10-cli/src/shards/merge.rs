//! `merge`: joins the rows of all shards of a folder in one file, in the order of the list.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use weights_convert::WholeFile;

use super::done::Done;
use super::folder::ShardFolder;
use super::split::Shard;
use crate::message;
use crate::outcome::Outcome;

/// Most shards that an error lists; it counts the rest.
const LISTED: usize = 10;

/// Check the parts that `run --shard` has left in a folder, and join their rows in the order of the list.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder that was given as run --out.
    folder: PathBuf,
    /// The file to write [default: merged.jsonl in the folder].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Joins the shards in `args.folder`.
pub fn merge(args: &Args) -> Result<Outcome> {
    let folder = ShardFolder::existing(&args.folder)?;
    let of = folder.shards()?;
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for index in 0..of.get() {
        let shard = Shard { index, of };
        match folder.done(shard)? {
            Some(done) => all.push((shard, done)),
            None => missing.push(index),
        }
    }
    if !missing.is_empty() {
        bail!("{}: {} of {of} shards are not done: {}", args.folder.display(), missing.len(), listed(&missing));
    }
    let path = args.output.clone().unwrap_or_else(|| args.folder.join("merged.jsonl"));
    let mut file = WholeFile::create(&path)?;
    for (shard, _) in &all {
        let rows = folder.rows(*shard);
        let mut rows = BufReader::new(File::open(&rows).with_context(|| rows.display().to_string())?);
        io::copy(&mut rows, &mut file).with_context(|| path.display().to_string())?;
    }
    file.keep()?;
    folder.clear()?;
    let sum = |count: fn(&Done) -> usize| all.iter().map(|(_, done)| count(done)).sum::<usize>();
    message::result(format_args!(
        "{} shards of {} sources: {} rows, {} errors, {} objects, saved to {}",
        of,
        sum(|done| done.sources),
        sum(|done| done.rows),
        sum(|done| done.errors),
        sum(|done| done.objects),
        path.display()
    ))?;
    Ok(Outcome::Done)
}

/// Formats numbers as `3, 7, 8 and 20 more`.
fn listed(numbers: &[usize]) -> String {
    let (listed, rest) = numbers.split_at(numbers.len().min(LISTED));
    let listed: Vec<String> = listed.iter().map(usize::to_string).collect();
    let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    listed.join(", ") + &rest
}
