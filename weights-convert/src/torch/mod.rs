//! What PyTorch wrote: the zip, the pickle in it, and the tensors and facts that the pickle describes.
//! A pickle is data here: classes are names, calls are records, nothing is imported or executed.

mod archive;
mod checkpoint;
mod machine;
mod module_tree;
mod opcode;
mod pickle;
mod rebuild;

pub(crate) use archive::Archive;
pub(crate) use checkpoint::Checkpoint;
pub(crate) use pickle::Pickle;
