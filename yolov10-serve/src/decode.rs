//! Decodes pictures on a bounded number of threads.

use std::sync::Arc;

use bytes::Bytes;
use image::RgbImage;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use yolov10_model::Error;
use yolov10_model::picture::{Budget as DecodeBudget, decode, upright_size};

use crate::budget::{Full, Share};
use crate::picture::{Form, Picture};
use crate::problem::{Kind, Problem};

/// Bytes of a pixel.
const RGB: u64 = 3;

/// Runs work that keeps a processor busy, a limited number at a time.
#[derive(Debug)]
pub(crate) struct Pool(Semaphore);

impl Pool {
    pub(crate) fn new(threads: usize) -> Self {
        Self(Semaphore::new(threads))
    }

    /// Does `work` on one of the threads. If the caller goes away while waiting for a thread, nothing is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _permit = self.0.acquire().await.map_err(Problem::internal)?;
        spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::internal("decoding panicked")))
    }
}

/// The limits for pictures.
#[derive(Clone)]
pub(crate) struct Bounds {
    /// Most pixels of a picture.
    pub(crate) pixels: u64,
    /// Takes bytes from the budget.
    pub(crate) claim: Claim,
}

/// Takes a number of bytes from the budget; idle models may be unloaded for them.
pub(crate) type Claim = Arc<dyn Fn(u64) -> Result<Share, Full> + Send + Sync>;

impl Bounds {
    /// Takes the share of the budget for a picture of this size, if it is not too large.
    pub(crate) fn admit(&self, width: u64, height: u64) -> Result<Share, Problem> {
        let pixels = width.saturating_mul(height);
        if pixels == 0 {
            return Err(Problem::invalid(format_args!("a picture of {height}x{width} has no pixels")));
        }
        if pixels > self.pixels {
            let expected = self.pixels;
            let message = format!("expected a picture of at most {expected} pixels, found {width}x{height}");
            return Err(Problem::new(Kind::TooLarge, message));
        }
        (self.claim)(pixels * RGB).map_err(Problem::unavailable)
    }

    /// Decodes a picture file. The header is read first, as a small file may expand to gigabytes.
    pub(crate) fn decode(&self, bytes: &Bytes) -> Result<Picture, Problem> {
        let whatever = DecodeBudget { pixels: u64::MAX, bytes: u64::MAX };
        let size = upright_size(bytes, &whatever).map_err(refused)?;
        let share = self.admit(size.width as u64, size.height as u64)?;
        let decoded = decode(bytes, &DecodeBudget::of_pixels(self.pixels)).map_err(refused)?;
        Ok(Picture { image: decoded.pixels, form: Form::Whole, damage: decoded.damage, share })
    }

    /// A picture of raw pixels: rows of RGB.
    pub(crate) fn pixels(&self, height: u32, width: u32, rgb: &[u8]) -> Result<Picture, Problem> {
        let share = self.admit(width.into(), height.into())?;
        let image = RgbImage::from_raw(width, height, rgb.to_vec())
            .ok_or_else(|| Problem::invalid(format_args!("{} bytes are no picture of {height}x{width}", rgb.len())))?;
        Ok(Picture { image, form: Form::Whole, damage: None, share })
    }

    /// A picture from a network's input: planes of red, green and blue in 0..1, letterboxed by the client.
    pub(crate) fn planes(&self, height: u32, width: u32, plane: impl Fn(usize) -> f32) -> Result<Picture, Problem> {
        const LEVELS: f32 = 255.0;
        // Rounding in interpolation may overshoot.
        const SLACK: f32 = 1e-3;
        let share = self.admit(width.into(), height.into())?;
        let size = width as usize * height as usize;
        let mut rgb = vec![0; 3 * size];
        for channel in 0..3 {
            for pixel in 0..size {
                let value = plane(channel * size + pixel);
                if !(-SLACK..=1.0 + SLACK).contains(&value) {
                    return Err(Problem::invalid(format_args!("images: expected values of 0 to 1, found {value}")));
                }
                rgb[3 * pixel + channel] = (value * LEVELS).round() as u8;
            }
        }
        let image = RgbImage::from_raw(width, height, rgb).expect("there are three levels a pixel");
        Ok(Picture { image, form: Form::Letterboxed, damage: None, share })
    }
}

fn refused(error: Error) -> Problem {
    let kind = match error {
        Error::PictureTooLarge { .. } | Error::FileTooLarge { .. } => Kind::TooLarge,
        _ => Kind::Invalid,
    };
    Problem::new(kind, error)
}
