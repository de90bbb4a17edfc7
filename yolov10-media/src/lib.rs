//! Pictures in, annotated pictures out: the two ends of a detector's work.
//!
//! ```text
//! names -> Sources -> Item, Item, ..  -> Detector -> Artist -> annotated pictures
//! ```
//!
//! A folder, searched and drawn:
//!
#![cfg_attr(feature = "draw", doc = "```no_run")]
#![cfg_attr(not(feature = "draw"), doc = "```ignore")]
//! use std::{path::Path, sync::Arc};
//! use yolov10_media::{Artist, Depth, Item, Sources, Style};
//! use yolov10_model::{Detector, Options, Weights};
//!
//! let weights = Arc::new(Weights::open(Path::new("yolov10n.safetensors"))?);
//! let mut detector = Detector::new(&weights, &Options::default())?;
//! let artist = Artist::new(Style::default(), detector.class_names());
//! for Item { about, value } in Sources::expand(["photos"], Depth::Folder).pictures() {
//!     let mut picture = value?;
//!     let found = detector.detect(&picture)?;
//!     println!("{}: {} objects", about.name, found.len());
//!     artist.draw(&mut picture, &found);
//!     picture.save(format!("{}.png", about.file_stem()))?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A picture that can't be read is an item in its place, whose `value` is an [`Error`]: a caller that goes on with the next
//! one loses nothing. Features: `draw` for the artist, `web` for http(s) addresses.

mod address;
mod cancel;
#[cfg(feature = "draw")]
mod draw;
mod error;
pub mod ffmpeg;
mod jpeg;
mod patience;
mod row;
mod sources;
#[cfg(feature = "web")]
pub mod web;

pub use address::without_credentials;
pub use cancel::Cancel;
#[cfg(feature = "draw")]
pub use draw::{Artist, FONT, Label, Style};
pub use error::Error;
pub use jpeg::encode_jpeg;
pub use patience::{Listener, Notice, Patience};
pub use row::{ErrorRow, Row, StageMilliseconds, milliseconds, seconds};
pub use sources::{About, Content, Depth, Frame, Item, List, Sources, file_key, file_name};
