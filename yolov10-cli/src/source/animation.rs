//! Animated GIF and WebP: their frames as whole pictures.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, ImageFormat, ImageReader, RgbImage};

/// Frames in order, each with the time it is shown.
pub type Frames = Box<dyn Iterator<Item = Result<(RgbImage, Duration)>>>;

/// The frames of a file; `None` if it has no more than one.
pub fn open(path: &Path) -> Result<Option<Frames>> {
    let reader = || Ok::<_, std::io::Error>(BufReader::new(File::open(path)?));
    let mut frames = match ImageReader::new(reader()?).with_guessed_format()?.format() {
        Some(ImageFormat::Gif) => GifDecoder::new(reader()?)?.into_frames(),
        Some(ImageFormat::WebP) => WebPDecoder::new(reader()?)?.into_frames(),
        _ => return Ok(None),
    };
    // Broken stills are left to the picture decoder: its messages are better.
    let (Some(Ok(first)), Some(second)) = (frames.next(), frames.next()) else {
        return Ok(None);
    };
    let frames = [Ok(first), second].into_iter().chain(frames);
    Ok(Some(Box::new(frames.map(|frame| {
        let frame = frame?;
        let duration = Duration::from(frame.delay());
        Ok((
            DynamicImage::from(frame.into_buffer()).into_rgb8(),
            duration,
        ))
    }))))
}
