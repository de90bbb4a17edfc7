//! What PyTorch wrote: the zip, the pickle in it, and the tensors and texts that the pickle describes. A pickle is data here:
//! classes are names, calls are records, nothing is imported or executed.

mod archive;
mod checkpoint;
mod holder;
mod machine;
mod module_tree;
mod opcode;
mod origin;
mod pickle;
mod reader;
mod rebuild;
mod stack;

pub(crate) use archive::Archive;
pub(crate) use checkpoint::Checkpoint;
pub(crate) use machine::unpickle;
