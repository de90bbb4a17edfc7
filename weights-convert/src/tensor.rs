//! A tensor of the source: a strided view of stored bytes, read as f64 on demand.
//!
//! f64 holds every f16, bf16 and f32 exactly, so folding rounds once, when the result is written.

use half::{bf16, f16};

use crate::{
    error::{Error, printable},
    limits::{self, MAX_AXES, MAX_AXIS},
};

/// How elements are stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Element {
    F16,
    BF16,
    F32,
    F64,
    /// Counters and flags; by name, for messages.
    Other(String),
}

impl Element {
    /// Safetensors' name of a type that weights come in; none of other types.
    pub(crate) fn of_weights(&self) -> Option<&'static str> {
        match self {
            Self::F16 => Some("F16"),
            Self::BF16 => Some("BF16"),
            Self::F32 => Some("F32"),
            Self::F64 => Some("F64"),
            Self::Other(_) => None,
        }
    }
}

/// A view of a storage; strides and offset in elements.
#[derive(Debug)]
pub(crate) struct Tensor<'a> {
    pub(crate) element: Element,
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
    storage: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// A view with axes few and short enough for the arithmetic that follows.
    pub(crate) fn strided(
        element: Element,
        storage: &'a [u8],
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<Self, Error> {
        limits::check("axes of a tensor", shape.len() as u64, MAX_AXES)?;
        for axis in &shape {
            limits::check("length of a tensor's axis", *axis as u64, MAX_AXIS)?;
        }
        Ok(Self { element, shape, strides, offset, storage })
    }

    /// A tensor whose elements lie in order, as safetensors stores them.
    pub(crate) fn contiguous(element: Element, storage: &'a [u8], shape: Vec<usize>) -> Result<Self, Error> {
        let mut strides = vec![1_usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        Self::strided(element, storage, 0, shape, strides)
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order; `name` is for messages.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f64>, Error> {
        match &self.element {
            Element::F16 => self.read(name, |bytes| f16::from_le_bytes(bytes).to_f64()),
            Element::BF16 => self.read(name, |bytes| bf16::from_le_bytes(bytes).to_f64()),
            Element::F32 => self.read(name, |bytes| f64::from(f32::from_le_bytes(bytes))),
            Element::F64 => self.read(name, f64::from_le_bytes),
            Element::Other(found) => Err(Error::Dtype { tensor: name.to_owned(), found: printable(found) }),
        }
    }

    fn read<const N: usize>(&self, name: &str, decode: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>, Error> {
        let (elements, _) = self.storage.as_chunks::<N>();
        self.check_view(name, elements.len())?;
        if self.shape.contains(&0) {
            return Ok(Vec::new());
        }
        // One pass per axis, each turning every start into the starts along that axis.
        let positions = self.shape.iter().zip(&self.strides).fold(vec![self.offset], |starts, (length, stride)| {
            starts.iter().flat_map(|start| (0..*length).map(move |i| start + i * stride)).collect()
        });
        Ok(positions.into_iter().map(|position| decode(elements[position])).collect())
    }

    /// Checks that the view stays inside its storage and does not repeat elements: weights never do, and a stride of zero
    /// would turn one stored number into any amount of memory.
    fn check_view(&self, name: &str, elements: usize) -> Result<(), Error> {
        let outside = |reach: u64| Error::View { tensor: name.to_owned(), reach, elements: elements as u64 };
        let count = self.shape.iter().fold(1_usize, |count, length| count.saturating_mul(*length));
        if count > elements {
            return Err(outside(count as u64));
        }
        let reach = self.shape.iter().zip(&self.strides).fold(self.offset, |reach, (length, stride)| {
            reach.saturating_add(length.saturating_sub(1).saturating_mul(*stride))
        });
        if count > 0 && reach >= elements { Err(outside(reach as u64)) } else { Ok(()) }
    }
}
