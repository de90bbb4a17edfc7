//! Sources of many frames: animated GIF and WebP, decoded here, and whatever ffmpeg reads.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, ImageFormat, ImageReader, RgbImage};

use crate::error::Error;

/// Frames that are read one after another.
pub struct Animation {
    /// Each with the time it is shown.
    pub frames: Box<dyn Iterator<Item = Result<(RgbImage, Duration), Error>>>,
    /// How many there will be, where that is known.
    pub total: Option<usize>,
}

/// The frames of a GIF or WebP file; `None` if it has no more than one, or is broken from the start: that is left to
/// the picture decoder, whose messages are better.
pub fn open(path: &Path) -> Result<Option<Animation>, Error> {
    let reader = || Ok::<_, std::io::Error>(BufReader::new(File::open(path)?));
    let frames = match ImageReader::new(reader()?).with_guessed_format()?.format() {
        Some(ImageFormat::Gif) => GifDecoder::new(reader()?).map(AnimationDecoder::into_frames),
        Some(ImageFormat::WebP) => WebPDecoder::new(reader()?).map(AnimationDecoder::into_frames),
        _ => return Ok(None),
    };
    let Ok(mut frames) = frames else {
        return Ok(None);
    };
    let (Some(Ok(first)), Some(second)) = (frames.next(), frames.next()) else {
        return Ok(None);
    };
    let frames = [Ok(first), second].into_iter().chain(frames).map(|frame| {
        let frame = frame.map_err(Error::Frame)?;
        let shown = Duration::from(frame.delay());
        Ok((DynamicImage::from(frame.into_buffer()).into_rgb8(), shown))
    });
    Ok(Some(Animation { frames: Box::new(frames), total: None }))
}
