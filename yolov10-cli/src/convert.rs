//! `convert`: a checkpoint in any form becomes the safetensors file that loads fastest.

use anyhow::Result;
pub use weights_convert::command::Arguments as Args;

use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::{message, release};

/// Converts the given file; a name like `n` means the file that [`release::find`] finds.
pub fn convert(args: &Args) -> Result<Outcome> {
    let found = release::find(&args.input)?;
    // Not before: while a download is awaited, a signal simply ends the program. From here on there are files that only
    // their owner removes.
    let interrupt = Interrupt::catch()?;
    message::result(args.run(found.as_deref())?)?;
    Ok(interrupt.signal().map_or(Outcome::Done, |signal| Outcome::Interrupted { signal }))
}
