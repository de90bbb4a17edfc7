//! Text in pictures: a subset of DejaVu Sans with Latin, Greek and Cyrillic, or the caller's font.
//!
//! Characters that the font lacks show as boxes. Letters are set side by side with kerning; there is no shaping.

use ab_glyph::{Font, FontArc, GlyphId, InvalidFont, PxScale, ScaleFont, point};
use image::{Pixel, Rgb, RgbImage};

/// The built-in font file.
pub const FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// Writes into pictures.
#[derive(Clone)]
pub struct Lettering(FontArc);

impl Lettering {
    /// In the built-in font.
    pub fn new() -> Self {
        Self(FontArc::try_from_slice(FONT).expect("the built-in font is sound"))
    }

    /// In the font of a TrueType or OpenType file, the first one of a collection.
    pub fn of(file: Vec<u8>) -> Result<Self, InvalidFont> {
        Ok(Self(FontArc::try_from_vec(file)?))
    }

    /// The first character that the font lacks.
    pub fn missing(&self, text: &str) -> Option<char> {
        text.chars().find(|character| self.0.glyph_id(*character) == GlyphId(0))
    }

    /// The width of a line of text, in pixels, with letters of this height.
    pub fn width(&self, text: &str, height: f32) -> f32 {
        let font = self.0.as_scaled(PxScale::from(height));
        self.glyphs(text, height).last().map_or(0.0, |(glyph, x)| x + font.h_advance(glyph))
    }

    /// From the top of the highest letter to the bottom of the lowest, in pixels.
    pub fn height(&self, height: f32) -> f32 {
        self.0.as_scaled(PxScale::from(height)).height()
    }

    /// Writes a line whose left top corner is at `[x, y]`.
    pub fn write(&self, picture: &mut RgbImage, text: &str, height: f32, [x, y]: [i64; 2], ink: Rgb<u8>) {
        let scale = PxScale::from(height);
        let ascent = self.0.as_scaled(scale).ascent();
        for (glyph, offset) in self.glyphs(text, height) {
            let glyph = glyph.with_scale_and_position(scale, point(x as f32 + offset, y as f32 + ascent));
            let Some(outline) = self.0.outline_glyph(glyph) else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, coverage| {
                let (x, y) = (corner.x as i64 + i64::from(column), corner.y as i64 + i64::from(row));
                let inside = u32::try_from(x).ok().zip(u32::try_from(y).ok());
                if let Some(pixel) = inside.and_then(|(x, y)| picture.get_pixel_mut_checked(x, y)) {
                    let mix = |ink: u8, paper: u8| {
                        (f32::from(paper) + (f32::from(ink) - f32::from(paper)) * coverage.min(1.0)).round() as u8
                    };
                    *pixel = ink.map2(pixel, mix);
                }
            });
        }
    }

    /// The letters of a line, each with its distance from the left.
    fn glyphs(&self, text: &str, height: f32) -> impl Iterator<Item = (GlyphId, f32)> {
        let font = self.0.as_scaled(PxScale::from(height));
        let ids = text.chars().map(move |character| font.glyph_id(character));
        let mut end = 0.0;
        let mut before = None;
        ids.map(move |glyph| {
            let start = end + before.map_or(0.0, |before| font.kern(before, glyph));
            end = start + font.h_advance(glyph);
            before = Some(glyph);
            (glyph, start)
        })
    }
}
