//! Picture files as OpenCV would read them: upright, three channels, eight bits.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use yolov10_model::picture::decode_picture;

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = picture.into();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("memory can be written");
    bytes
}

fn decoded(bytes: &[u8]) -> RgbImage {
    decode_picture(bytes).expect("it was just encoded")
}

#[test]
fn grey_is_widened_to_three_channels() {
    let grey = GrayImage::from_fn(3, 2, |x, y| Luma([(40 * x + y) as u8]));
    let expected = RgbImage::from_fn(3, 2, |x, y| Rgb([(40 * x + y) as u8; 3]));
    assert_eq!(decoded(&png(grey)), expected);
}

#[test]
fn alpha_is_dropped_without_blending() {
    let clear = RgbaImage::from_pixel(2, 2, Rgba([200, 100, 50, 0]));
    assert_eq!(decoded(&png(clear)), RgbImage::from_pixel(2, 2, Rgb([200, 100, 50])));
}

#[test]
fn sixteen_bits_keep_the_high_byte() {
    // 0x12ff rounds to 0x13; OpenCV cuts it off to 0x12.
    let colour = ImageBuffer::from_pixel(2, 1, Rgb([0x12ff_u16, 0x3480, 0xffff]));
    let expected = RgbImage::from_pixel(2, 1, Rgb([0x12, 0x34, 0xff]));
    assert_eq!(decoded(&png(DynamicImage::ImageRgb16(colour))), expected);
    let alpha = ImageBuffer::from_pixel(2, 1, Rgba([0x12ff_u16, 0x3480, 0xffff, 0]));
    assert_eq!(decoded(&png(DynamicImage::ImageRgba16(alpha))), expected);
    let grey = ImageBuffer::from_pixel(2, 1, Luma([0x12ff_u16]));
    let expected = RgbImage::from_pixel(2, 1, Rgb([0x12; 3]));
    assert_eq!(decoded(&png(DynamicImage::ImageLuma16(grey))), expected);
}

/// A JPEG of the left half white, the right half black, with an EXIF orientation.
fn turned(orientation: u8) -> Vec<u8> {
    let picture = RgbImage::from_fn(32, 16, |x, _| Rgb(if x < 16 { [255; 3] } else { [0; 3] }));
    // TIFF, little endian; one entry: tag 0x0112, type short, count 1.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif).expect("JPEG holds EXIF");
    encoder.encode_image(&picture).expect("memory can be written");
    bytes
}

#[test]
fn exif_orientation_is_applied() {
    let bright = |picture: &RgbImage, x, y| picture.get_pixel(x, y).0[0] > 128;
    let upright = decoded(&turned(1));
    assert_eq!(upright.dimensions(), (32, 16));
    assert!(bright(&upright, 2, 8) && !bright(&upright, 30, 8));
    let upside_down = decoded(&turned(3));
    assert!(!bright(&upside_down, 2, 8) && bright(&upside_down, 30, 8));
    let clockwise = decoded(&turned(6));
    assert_eq!(clockwise.dimensions(), (16, 32));
    assert!(bright(&clockwise, 8, 2) && !bright(&clockwise, 8, 30));
}

#[test]
fn what_is_no_whole_picture_is_an_error() {
    let whole = turned(1);
    for bytes in [&b""[..], b"not a picture", &whole[..whole.len() / 2]] {
        let error = decode_picture(bytes).expect_err("there is no whole picture");
        assert!(error.to_string().starts_with("not a picture that can be read: "), "{error}");
    }
}
