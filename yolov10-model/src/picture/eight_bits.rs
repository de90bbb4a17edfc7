//! The samples of a file as three channels of eight bits.

use image::{DynamicImage, RgbImage};

/// OpenCV keeps the high byte of 16 bits; rounding would give another picture.
fn high_byte(level: u16) -> u8 {
    (level >> 8) as u8
}

/// Grey widened, alpha dropped without blending, the high byte of 16 bits kept.
pub fn to_rgb8(picture: DynamicImage) -> RgbImage {
    match picture {
        DynamicImage::ImageRgb16(wide) => {
            RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb(wide.get_pixel(x, y).0.map(high_byte)))
        }
        DynamicImage::ImageRgba16(wide) => RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
            let [red, green, blue, _] = wide.get_pixel(x, y).0.map(high_byte);
            image::Rgb([red, green, blue])
        }),
        DynamicImage::ImageLuma16(wide) => {
            RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb([high_byte(wide.get_pixel(x, y).0[0]); 3]))
        }
        DynamicImage::ImageLumaA16(wide) => {
            RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb([high_byte(wide.get_pixel(x, y).0[0]); 3]))
        }
        eight_bits => eight_bits.into_rgb8(),
    }
}

/// Four channels, of which the last one is dropped.
pub fn without_alpha(rgba: &[u8]) -> Vec<u8> {
    rgba.as_chunks().0.iter().flat_map(|[red, green, blue, _]: &[u8; 4]| [*red, *green, *blue]).collect()
}
