//! Picture files to pixels and back. Pixels are `[H, W, 3]` bytes without gaps: what comes in is read where it lies, what
//! goes out is a `bytearray` with its height and width.

use std::io::Cursor;
use std::path::PathBuf;

use image::{ImageFormat, RgbImage};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use yolo10_burn::media::encode_jpeg;
use yolo10_burn::picture::{self, Budget, Picture};
use yolo10_burn::{Error, Order, Pixels, Size};

use crate::errors;

/// Red, green, blue.
const RGB: usize = 3;

/// Bytes of pixels, their height and width.
pub type Array<'py> = (Bound<'py, PyByteArray>, usize, usize);
/// A decoded picture in RGB, and what is wrong with it.
type Decoded<'py> = (Array<'py>, Option<String>);

/// Pixels in a caller's memory, which stays where it is so long as this lives.
pub struct Lent {
    buffer: PyBuffer<u8>,
    size: Size,
}

impl<'py> FromPyObject<'_, 'py> for Lent {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let buffer = PyBuffer::get(&object)?;
        match *buffer.shape() {
            [height, width, RGB] if buffer.is_c_contiguous() => Ok(Self { size: Size { height, width }, buffer }),
            ref shape => {
                Err(PyValueError::new_err(format!("pixels: expected (H, W, 3) without gaps, found {shape:?}")))
            }
        }
    }
}

impl Lent {
    /// The pixels, in this order.
    #[allow(unsafe_code, reason = "views a caller's memory as bytes")]
    pub fn pixels(&self, order: Order) -> Pixels<'_> {
        let bytes = self.buffer.as_slice_ptr().expect("there are no gaps");
        // SAFETY: the buffer holds on to as many bytes for as long as `self` lives. That nobody writes to them meanwhile is
        // the caller's promise, as to every extension that lets the interpreter go while it reads.
        let bytes = unsafe { bytes.as_ref() };
        Pixels::new(bytes, self.size, order).expect("as many as the shape says")
    }

    /// A copy of pixels in RGB.
    pub fn picture(&self) -> PyResult<RgbImage> {
        let side = |side: usize| u32::try_from(side).ok();
        let size = side(self.size.width).zip(side(self.size.height));
        let bytes = self.pixels(Order::Rgb).rgb().into_owned();
        let picture = size.and_then(|(width, height)| RgbImage::from_raw(width, height, bytes));
        picture.ok_or_else(|| PyValueError::new_err(format!("pixels: too many, {}", self.size)))
    }
}

/// Reads a picture file.
#[pyfunction]
pub fn open(py: Python<'_>, path: PathBuf) -> PyResult<Decoded<'_>> {
    let name = path.display().to_string();
    decoded(py, &name, py.detach(|| picture::open(&path, &Budget::default())))
}

/// Decodes a picture file's bytes.
#[pyfunction]
pub fn decode<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Decoded<'py>> {
    decoded(py, "bytes", py.detach(|| picture::decode(bytes, &Budget::default())))
}

/// A picture file of RGB pixels, in the format of a file name's extension.
#[pyfunction]
pub fn encode<'py>(py: Python<'py>, pixels: Lent, extension: &str) -> PyResult<Bound<'py, PyBytes>> {
    let wrong = |error: &str| PyValueError::new_err(format!("{extension}: {error}"));
    let format = ImageFormat::from_extension(extension).ok_or_else(|| wrong("not a picture format"))?;
    let picture = pixels.picture()?;
    let bytes = py.detach(|| match format {
        ImageFormat::Jpeg => encode_jpeg(&picture).map_err(|error| error.to_string()),
        format => {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).map_err(|error| error.to_string())?;
            Ok(bytes.into_inner())
        }
    });
    Ok(PyBytes::new(py, &bytes.map_err(|error| wrong(&error))?))
}

/// What Python gets of a picture.
pub fn array<'py>(py: Python<'py>, picture: &RgbImage) -> Array<'py> {
    let Size { height, width } = Size::of(picture);
    (PyByteArray::new(py, picture), height, width)
}

fn decoded<'py>(py: Python<'py>, name: &str, picture: Result<Picture, Error>) -> PyResult<Decoded<'py>> {
    let Picture { pixels, damage } = picture.map_err(|error| match error {
        error @ Error::Unreadable { .. } => errors::of_model(error),
        error => errors::of_media(name, error.into()),
    })?;
    Ok((array(py, &pixels), damage))
}
