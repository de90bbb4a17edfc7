//! Animated GIF and WebP: one frame after another, each as it is shown.

use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;
use std::rc::Rc;
use std::time::Duration;

use gif::DecodeOptions;
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, Limits, RgbImage};

use super::budget::Budget;
use super::contain::contained;
use super::{Head, Kind, webp};
use crate::error::Error;
use crate::size::Size;

/// Bytes per pixel of a GIF's canvas: the canvas, what is shown of it, and that as RGB. A frame comes on top.
const GIF_CANVAS: f64 = 4.0 + 4.0 + 3.0;

/// A file's bytes.
type Bytes = Cow<'static, [u8]>;
/// A decoder's next frame, and how long it is shown; `None` at the end.
type Step = dyn FnMut() -> Result<Option<(RgbImage, Duration)>, Error>;

/// One picture of an animation.
#[derive(Clone, Debug)]
pub struct Frame {
    /// 8-bit RGB, the whole canvas.
    pub pixels: RgbImage,
    /// When it is shown, counted from the first frame.
    pub at: Duration,
    /// For how long it is shown.
    pub shown: Duration,
}

/// The frames of an animation; they end at the first error.
pub struct Frames {
    /// `None` after the end.
    step: Option<Box<Step>>,
    total: Option<usize>,
    at: Duration,
}

impl Frames {
    /// The frames of a GIF or WebP; `None` if it has only one, or is another kind of file.
    ///
    /// # Errors
    /// The header is broken, or a frame would exceed the budget.
    pub fn open(bytes: impl Into<Cow<'static, [u8]>>, budget: &Budget) -> Result<Option<Self>, Error> {
        let bytes = bytes.into();
        contained(|| match Kind::of(&bytes) {
            Some(Kind::Gif) => gif(bytes, budget),
            Some(Kind::WebP) => webp(bytes, budget),
            _ => Ok(None),
        })
    }

    /// How many there are, if the file is complete.
    pub fn total(&self) -> Option<usize> {
        self.total
    }

    fn new(step: Box<Step>, total: Option<usize>) -> Self {
        Self { step: Some(step), total, at: Duration::ZERO }
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step.as_mut()?;
        let next = contained(step);
        if !matches!(next, Ok(Some(_))) {
            self.step = None;
        }
        let frame = next.transpose()?.map(|(pixels, shown)| Frame { pixels, at: self.at, shown });
        self.at = self.at.saturating_add(frame.as_ref().map_or(Duration::ZERO, |frame| frame.shown));
        Some(frame)
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Frames").field("total", &self.total).field("at", &self.at).finish_non_exhaustive()
    }
}

fn gif(bytes: Bytes, budget: &Budget) -> Result<Option<Frames>, Error> {
    let (frames, is_whole) = count_gif_frames(&bytes)?;
    // A broken file with one frame still has to yield its error.
    if frames + usize::from(!is_whole) < 2 {
        return Ok(None);
    }
    let length = bytes.len();
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(Error::not_a_picture)?;
    let (width, height) = decoder.dimensions();
    let size = Size { height: height as usize, width: width as usize };
    budget.admit(size, GIF_CANVAS, length)?;
    let mut limits = Limits::no_limits();
    // The decoder counts the canvas and what is shown of it.
    limits.max_alloc = Some(budget.rest(size, 3.0, length));
    decoder.set_limits(limits).map_err(Error::not_a_picture)?;
    let mut frames_left = decoder.into_frames();
    let step = move || {
        let Some(frame) = frames_left.next().transpose().map_err(Error::not_a_picture)? else {
            return Ok(None);
        };
        let shown = Duration::from(frame.delay());
        Ok(Some((DynamicImage::from(frame.into_buffer()).into_rgb8(), shown)))
    };
    Ok(Some(Frames::new(Box::new(step), is_whole.then_some(frames))))
}

/// How many frames begin in a GIF, and whether the file has an end; nothing is decoded.
fn count_gif_frames(bytes: &[u8]) -> Result<(usize, bool), Error> {
    let mut options = DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(bytes).map_err(Error::not_a_picture)?;
    let mut frames = 0;
    loop {
        match decoder.next_frame_info() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => return Ok((frames, true)),
            Err(_) => return Ok((frames, false)),
        }
    }
}

fn webp(bytes: Bytes, budget: &Budget) -> Result<Option<Frames>, Error> {
    let bytes = Shared(Rc::new(bytes));
    let (Head { size, .. }, mut decoder) = webp::open(bytes.clone(), budget)?;
    let total = decoder.num_frames();
    if !decoder.is_animated() || total < 2 {
        return Ok(None);
    }
    let (mut frames_left, mut place, budget) = (total, webp::chunks::first_frame(bytes.as_ref()), *budget);
    let step = move || {
        if frames_left == 0 {
            return Ok(None);
        }
        frames_left -= 1;
        let (tables, next) = webp::chunks::tables_of_frame(bytes.as_ref(), place)?;
        budget.admit(size, webp::ANIMATED, bytes.as_ref().len().saturating_add(tables))?;
        place = next;
        let channels = if decoder.has_alpha() { 4 } else { 3 };
        let mut pixels = vec![0; size.height * size.width * channels];
        let shown = decoder.read_frame(&mut pixels).map_err(Error::not_a_picture)?;
        Ok(Some((webp::rgb(pixels, size, decoder.has_alpha()), Duration::from_millis(u64::from(shown)))))
    };
    Ok(Some(Frames::new(Box::new(step), Some(total as usize))))
}

/// A file that both its decoder and the search for what that will take look at.
#[derive(Clone)]
struct Shared(Rc<Bytes>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
