//! Decodes pictures on a bounded number of threads.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use yolov10_model::picture::{Budget as DecodeBudget, decode_into, upright_size};
use yolov10_model::{Error, Size};

use crate::buffers::{Buffer, NoBuffer};
use crate::picture::{Form, Picture};
use crate::problem::{Kind, Problem};

/// Bytes of a pixel.
const RGB: u64 = 3;

/// Runs work that keeps a processor busy, a limited number at a time.
#[derive(Debug)]
pub(crate) struct Pool(Arc<Semaphore>);

impl Pool {
    pub(crate) fn new(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads)))
    }

    /// Does `work` on one of the threads. If the caller goes away while waiting for a thread, nothing is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(Problem::internal)?;
        // The thread is taken until the work is done, even if the caller has gone away by then.
        let work = move || {
            let _permit = permit;
            work()
        };
        spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::internal("decoding panicked")))
    }
}

/// The limits for pictures.
#[derive(Clone)]
pub(crate) struct Bounds {
    /// Most pixels of a picture.
    pub(crate) pixels: u64,
    pub(crate) take: Take,
}

/// Takes a buffer for so many bytes; idle models may be unloaded for it.
pub(crate) type Take = Arc<dyn Fn(usize) -> Result<Buffer, NoBuffer> + Send + Sync>;

impl Bounds {
    /// A buffer for a picture of this size, if it is not too large.
    fn admit(&self, Size { height, width }: Size) -> Result<Buffer, Problem> {
        let pixels = (width as u64).saturating_mul(height as u64);
        if pixels == 0 {
            return Err(Problem::invalid(format_args!("a picture of {height}x{width} has no pixels")));
        }
        if pixels > self.pixels {
            let expected = self.pixels;
            let message = format!("expected a picture of at most {expected} pixels, found {width}x{height}");
            return Err(Problem::new(Kind::TooLarge, message));
        }
        let bytes = usize::try_from(pixels.saturating_mul(RGB)).unwrap_or(usize::MAX);
        (self.take)(bytes).map_err(Problem::unavailable)
    }

    /// Decodes a picture file. The header is read first, as a small file may expand to gigabytes.
    pub(crate) fn decode(&self, bytes: &Bytes) -> Result<Picture, Problem> {
        let whatever = DecodeBudget { pixels: u64::MAX, bytes: u64::MAX };
        let size = upright_size(bytes, &whatever).map_err(refused)?;
        let mut pixels = self.admit(size)?;
        let mut damage = None;
        pixels.refill(|room| {
            let decoded = decode_into(bytes, &DecodeBudget::of_pixels(self.pixels), room).map_err(refused)?;
            damage = decoded.damage;
            Ok::<_, Problem>(decoded.pixels.into_raw())
        })?;
        Picture::new(pixels, size, Form::Whole, damage)
    }

    /// A picture of raw pixels: rows of RGB.
    pub(crate) fn pixels(&self, height: u32, width: u32, rgb: &[u8]) -> Result<Picture, Problem> {
        let size = Size { height: height as usize, width: width as usize };
        let mut pixels = self.admit(size)?;
        pixels.push(rgb).map_err(Problem::unavailable)?;
        Picture::new(pixels, size, Form::Whole, None)
    }

    /// A picture from a network's input: planes of red, green and blue in 0..1, letterboxed by the client.
    pub(crate) fn planes(&self, height: u32, width: u32, plane: impl Fn(usize) -> f32) -> Result<Picture, Problem> {
        const LEVELS: f32 = 255.0;
        // Rounding in interpolation may overshoot.
        const SLACK: f32 = 1e-3;
        let size = Size { height: height as usize, width: width as usize };
        let mut pixels = self.admit(size)?;
        let plane_length = size.width * size.height;
        pixels.refill(|mut rgb| {
            rgb.resize(3 * plane_length, 0);
            for channel in 0..3 {
                for pixel in 0..plane_length {
                    let value = plane(channel * plane_length + pixel);
                    if !(-SLACK..=1.0 + SLACK).contains(&value) {
                        return Err(Problem::invalid(format_args!("images: expected values of 0 to 1, found {value}")));
                    }
                    rgb[3 * pixel + channel] = (value * LEVELS).round() as u8;
                }
            }
            Ok(rgb)
        })?;
        Picture::new(pixels, size, Form::Letterboxed, None)
    }
}

fn refused(error: Error) -> Problem {
    let kind = match error {
        Error::PictureTooLarge { .. } | Error::FileTooLarge { .. } => Kind::TooLarge,
        _ => Kind::Invalid,
    };
    Problem::new(kind, error)
}
