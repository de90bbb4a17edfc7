//! Picture files as OpenCV would read them: upright, three channels, eight bits.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::ExtraSamples;
use yolov10_model::picture::{Budget, Frames, decode, decode_into, decode_picture, upright_size};
use yolov10_model::{Error, Size};

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
        assert!(matches!(error, Error::NotAPicture(_)), "{error}");
    }
}

#[test]
fn the_size_is_known_from_the_head_as_it_will_be() {
    for orientation in 1..=8 {
        let bytes = turned(orientation);
        let picture = decoded(&bytes);
        let size = upright_size(&bytes, &Budget::default()).expect("it was just encoded");
        assert_eq!(size, Size { height: picture.height() as usize, width: picture.width() as usize });
    }
}

/// The heads of pictures of 60000x60000 pixels, with nothing after them.
fn heads_of_giants() -> Vec<Vec<u8>> {
    let side = 60000_u16;
    let (low, high) = (side.to_le_bytes(), side.to_be_bytes());
    let [wide_low, wide_high] = [u32::from(side).to_le_bytes(), u32::from(side).to_be_bytes()];
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &wide_high[..], &wide_high, b"\x08\x02\0\0\0\0\0\0\0"].concat();
    let gif = [b"GIF89a", &low[..], &low, b"\x80\0\0\0\0\0\xff\xff\xff"].concat();
    let frame = [b",\0\0\0\0", &low[..], &low, b"\0\x02\x02\x44\x01\0"].concat();
    let still = [&gif[..], &frame, b";"].concat();
    let moving = [&gif[..], &frame, &frame, b";"].concat();
    let bmp = [&b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"[..], &wide_low, &wide_low, b"\x01\0\x18\0", &[0; 24]];
    let jpeg =
        [b"\xff\xd8\xff\xc0\0\x0b\x08", &high[..], &high, b"\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9"];
    let quantization = [&b"\xff\xdb\0\x43\0"[..], &[1; 64]].concat();
    let mut jpeg = jpeg.concat();
    jpeg.splice(2..2, quantization);
    let webp =
        [b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f", &(16382_u32 | 16382 << 14).to_le_bytes()[..], &[0; 6]].concat();
    vec![png, still, moving, bmp.concat(), jpeg, webp]
}

#[test]
fn a_picture_beyond_the_budget_is_refused_by_its_head() {
    for head in heads_of_giants() {
        for error in [
            decode(&head, &Budget::default()).expect_err("too large"),
            upright_size(&head, &Budget::default()).expect_err("too large"),
        ] {
            assert!(matches!(error, Error::PictureTooLarge { .. }), "{error}: {head:?}");
        }
        let frames = Frames::open(head.clone(), &Budget::default());
        assert!(matches!(frames, Ok(None) | Err(Error::PictureTooLarge { .. })), "{frames:?}");
    }
}

#[test]
fn the_bytes_of_a_budget_count_the_file_and_its_decoder() {
    let bytes = png(RgbImage::new(100, 100));
    let needed = 3 * 100 * 100 + bytes.len() as u64;
    let within = |bytes_allowed| decode(&bytes, &Budget { pixels: 10_000, bytes: bytes_allowed });
    // The decoder's rows come on top of what the head tells.
    assert!(within(needed + 100_000).is_ok());
    let error = within(needed - 1).expect_err("a byte short");
    assert!(matches!(error, Error::PictureTooLarge { needed: found, .. } if found == needed), "{error}");
    let wide = png(DynamicImage::ImageRgba16(ImageBuffer::new(100, 100)));
    let error = decode(&wide, &Budget { pixels: 10_000, bytes: 100_000 }).expect_err("16 bits take more");
    assert!(matches!(error, Error::PictureTooLarge { needed: 110_000.., .. }), "{error}");
}

/// A JPEG with restart markers between its rows of blocks, of which each looks different.
fn with_restarts() -> (RgbImage, Vec<u8>) {
    let picture = RgbImage::from_fn(64, 128, |x, y| Rgb([(y * 2) as u8, (x * y) as u8, ((x + y) * 7) as u8]));
    let encoder = Encoder::new(&picture, 64, 128, PixelFormat::Rgb).quality(90).subsampling(Subsampling::S420);
    let bytes = encoder.restart_rows(1).encode().expect("a small picture");
    (decoded(&bytes), bytes)
}

fn restart_markers(bytes: &[u8]) -> Vec<usize> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && (0xd0..=0xd7).contains(&pair[1]);
    bytes.windows(2).enumerate().filter(|(_, pair)| is_marker(pair)).map(|(at, _)| at).collect()
}

#[test]
fn a_jpeg_that_lost_a_piece_is_read_around_it_and_says_so() {
    let (whole, bytes) = with_restarts();
    let markers = restart_markers(&bytes);
    assert_eq!(markers.len(), 7, "eight rows of blocks");
    // The third row of blocks is lost, with the marker before it.
    let cut = [&bytes[..markers[1]], &bytes[markers[2]..]].concat();
    let picture = decode(&cut, &Budget::default()).expect("OpenCV reads it");
    assert!(picture.damage.as_ref().is_some_and(|damage| damage.contains("of 32 blocks")), "{:?}", picture.damage);
    let rows = |picture: &RgbImage, from: u32, to: u32| {
        picture.rows().skip(from as usize).take((to - from) as usize).flatten().copied().collect::<Vec<_>>()
    };
    // Colour is blurred over the edge of a row by one line.
    assert_eq!(rows(&picture.pixels, 0, 31), rows(&whole, 0, 31));
    assert_eq!(rows(&picture.pixels, 49, 128), rows(&whole, 49, 128));
    assert_ne!(rows(&picture.pixels, 32, 48), rows(&whole, 32, 48));
    assert_eq!(decode(&bytes, &Budget::default()).expect("it is whole").damage, None);
    let error = decode(&bytes[..markers[5]], &Budget::default()).expect_err("it has no end");
    assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("cut off")), "{error}");
}

#[test]
fn a_picture_in_the_memory_of_another_shows_nothing_of_that_and_a_jpeg_takes_no_other() {
    let picture = RgbImage::from_fn(97, 61, |x, y| Rgb([(x * 5) as u8, (y * 3) as u8, ((x + y) * 7) as u8]));
    let grey: Vec<u8> = picture.pixels().map(|pixel| pixel.0[0]).collect();
    let jpeg = |subsampling, progressive| {
        let encoder = Encoder::new(&picture, 97, 61, PixelFormat::Rgb).subsampling(subsampling);
        encoder.progressive(progressive).encode().expect("a small picture")
    };
    let inks: Vec<u8> = picture.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2], 200]).collect();
    let files = [
        (jpeg(Subsampling::S420, false), true),
        (jpeg(Subsampling::S422, false), true),
        (jpeg(Subsampling::S444, false), true),
        (jpeg(Subsampling::S420, true), true),
        (Encoder::new(&grey, 97, 61, PixelFormat::Grayscale).encode().expect("a small picture"), true),
        (Encoder::new(&inks, 97, 61, PixelFormat::Cmyk).encode().expect("a small picture"), false),
        (turned(6), false),
        (png(picture.clone()), false),
    ];
    for (index, (file, is_reused)) in files.into_iter().enumerate() {
        let expected = decode(&file, &Budget::default()).expect("it was just encoded").pixels;
        let used = vec![0xaa; 3 * 97 * 61 + 5];
        let place = used.as_ptr();
        let found = decode_into(&file, &Budget::default(), used).expect("it was just encoded").pixels;
        assert!(found == expected, "file {index} differs");
        assert!(found.as_ptr() == place || !is_reused, "file {index}");
        let small = decode_into(&file, &Budget::default(), vec![0xaa; 10]).expect("it was just encoded").pixels;
        assert!(small == expected, "file {index} differs without room");
    }
    let (_, bytes) = with_restarts();
    let markers = restart_markers(&bytes);
    let cut = [&bytes[..markers[1]], &bytes[markers[2]..]].concat();
    let expected = decode(&cut, &Budget::default()).expect("OpenCV reads it").pixels;
    let found = decode_into(&cut, &Budget::default(), vec![0xaa; 64 * 128 * 3]).expect("OpenCV reads it").pixels;
    assert!(found == expected, "a damaged file differs");
}

#[test]
fn a_jpeg_of_too_many_scans_is_refused() {
    let picture = RgbImage::new(16, 16);
    let encoder = Encoder::new(&picture, 16, 16, PixelFormat::Rgb).progressive(true);
    let mut bytes = encoder.encode().expect("a small picture");
    let scan = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).expect("a scan");
    let last = bytes[scan..bytes.len() - 2].to_vec();
    let end = bytes.len() - 2;
    bytes.splice(end..end, last.repeat(100));
    let error = decode(&bytes, &Budget::default()).expect_err("110 scans");
    assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("scan")), "{error:?}");
}

fn tiff<C: colortype::ColorType>(size: [u32; 2], samples: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).expect("memory can be written");
    encoder.write_image::<C>(size[0], size[1], samples).expect("memory can be written");
    bytes.into_inner()
}

#[test]
fn a_tiffs_floats_are_levels_or_shares_of_white() {
    let levels = tiff::<colortype::RGB32Float>([2, 1], &[0.0, 100.4, 254.6, 255.0, 1.0, 2.0]);
    assert_eq!(decoded(&levels).as_raw()[..], [0, 100, 255, 255, 1, 2]);
    let shares = tiff::<colortype::Gray32Float>([3, 1], &[0.0, 0.5, 1.0]);
    assert_eq!(decoded(&shares).as_raw()[..], [0, 0, 0, 128, 128, 128, 255, 255, 255]);
    let doubles = tiff::<colortype::Gray64Float>([2, 1], &[17.0, 255.0]);
    assert_eq!(decoded(&doubles).as_raw()[..], [17, 17, 17, 255, 255, 255]);
}

#[test]
fn a_tiff_whose_numbers_are_no_levels_is_refused_by_name() {
    for (bytes, name) in [
        (tiff::<colortype::Gray32Float>([2, 1], &[-9999.0, 2550.0]), "values from -9999 to 2550"),
        (tiff::<colortype::Gray32Float>([2, 1], &[f32::NAN, 1.0]), "NaN"),
        (tiff::<colortype::RGB32>([1, 1], &[0, 1, u32::MAX]), "32-bit whole numbers"),
        (tiff::<colortype::GrayI16>([1, 1], &[-1]), "16-bit signed numbers"),
    ] {
        let error = decode_picture(&bytes).expect_err(name);
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains(name), "{cause}");
    }
}

#[test]
fn a_tiffs_sixteen_bits_are_rounded_and_big_ones_are_read() {
    // libtiff's rounding, which OpenCV has: (0x12ff + 128) / 257 = 19, (0x007f + 128) / 257 = 0.
    assert_eq!(decoded(&tiff::<colortype::Gray16>([2, 1], &[0x12ff, 0x007f])).as_raw()[..], [19, 19, 19, 0, 0, 0]);
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new_big(&mut bytes).expect("memory can be written");
    encoder.write_image::<colortype::RGB8>(1, 1, &[1, 2, 3]).expect("memory can be written");
    assert_eq!(decoded(&bytes.into_inner()).as_raw()[..], [1, 2, 3]);
}

/// A GIF of three frames, 0.1 s each.
fn moving() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    let delay = image::Delay::from_numer_denom_ms(100, 1);
    let frame = |level| {
        let picture = RgbaImage::from_fn(40, 30, |x, _| Rgba([level, (6 * x) as u8, 0, 255]));
        image::Frame::from_parts(picture, 0, 0, delay)
    };
    encoder.encode_frames([0, 100, 200].map(frame)).expect("memory can be written");
    drop(encoder);
    bytes
}

#[test]
fn an_animation_has_times_and_ends_at_its_first_error() {
    let bytes = moving();
    let frames = Frames::open(bytes.clone(), &Budget::default()).expect("it is whole").expect("it moves");
    assert_eq!(frames.total(), Some(3));
    let times: Vec<u128> = frames.map(|frame| frame.expect("a frame").at.as_millis()).collect();
    assert_eq!(times, [0, 100, 200]);
    for length in 0..bytes.len() {
        let Ok(Some(frames)) = Frames::open(bytes[..length].to_vec(), &Budget::default()) else {
            continue;
        };
        let outcomes: Vec<bool> = frames.take(9).map(|frame| frame.is_ok()).collect();
        let errors = outcomes.iter().filter(|is_ok| !**is_ok).count();
        assert!(outcomes.len() <= 4 && errors <= 1, "{length} of {} bytes: {outcomes:?}", bytes.len());
        assert!(outcomes[..outcomes.len().saturating_sub(1)].iter().all(|is_ok| *is_ok), "{length}: {outcomes:?}");
    }
    assert!(Frames::open(png(GrayImage::new(2, 2)), &Budget::default()).expect("a picture").is_none());
}

/// A TIFF of one piece with these entries, tags in ascending order; the piece lies behind them.
fn tiff_of(piece: &[u8], entries: &[(u16, u32)]) -> Vec<u8> {
    const LONG: u16 = 4;
    let place = 8 + 2 + 12 * entries.len() as u32 + 4;
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        let value = match tag {
            // Where the piece lies, and how long it is: of strips and of tiles.
            273 | 324 => place,
            279 | 325 => piece.len() as u32,
            _ => *value,
        };
        file.extend([tag.to_le_bytes(), LONG.to_le_bytes()].concat());
        file.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file.extend(piece);
    file
}

#[test]
fn what_a_tiff_hides_in_its_pieces_counts() {
    // Grey, 16x16, in JPEG; then the same in one tile.
    let strips = [(256, 16), (257, 16), (258, 8), (259, 7), (262, 1), (273, 0), (277, 1), (278, 16), (279, 0)];
    let tiles =
        [(256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (277, 1), (322, 16), (323, 16), (324, 0), (325, 0)];
    let jpeg = |progressive| {
        let encoder = Encoder::new(&[99; 256], 16, 16, PixelFormat::Grayscale).progressive(progressive);
        encoder.encode().expect("a JPEG")
    };
    let grey = RgbImage::from_pixel(16, 16, Rgb([99; 3]));
    assert_eq!(decoded(&tiff_of(&jpeg(false), &strips)), grey);
    assert_eq!(decoded(&tiff_of(&[99; 256], &tiles)), grey);
    // A JPEG that is far larger than its strip.
    for progressive in [false, true] {
        let mut giant = jpeg(progressive);
        let frame =
            giant.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0 | 0xc2)).expect("a frame");
        giant[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
        let error = decode_picture(&tiff_of(&giant, &strips)).expect_err("it says so");
        let reason = format!("{:?}", std::error::Error::source(&error));
        assert!(reason.contains("a JPEG of 16384x16384 in a TIFF's piece of 16x16"), "{error}: {reason}");
    }
    // A tile that is far larger than its picture.
    let mut wide = tiles;
    (wide[6].1, wide[7].1) = (1 << 20, 1 << 20);
    let error = decode_picture(&tiff_of(&[99; 256], &wide)).expect_err("it says so");
    assert!(matches!(error, Error::PictureTooLarge { .. }), "{error}");
}

#[test]
fn a_jpeg_in_a_tiff_is_the_same_picture_as_alone() {
    let picture = RgbImage::from_fn(50, 37, |x, y| Rgb([(x * 5) as u8, (y * 6) as u8, ((x * y) % 251) as u8]));
    // Each sampling rounds in its own way, and so does the decoder that the tiff crate has.
    for subsampling in [Subsampling::S444, Subsampling::S422, Subsampling::S420] {
        let encoder = Encoder::new(&picture, 50, 37, PixelFormat::Rgb).quality(80).subsampling(subsampling);
        let jpeg = encoder.encode().expect("a small picture");
        let entries = [(256, 50), (257, 37), (258, 8), (259, 7), (262, 6), (273, 0), (277, 3), (278, 37), (279, 0)];
        assert_eq!(decoded(&tiff_of(&jpeg, &entries)), decoded(&jpeg), "{subsampling:?}");
        let mut of_tiles = entries.to_vec();
        of_tiles.retain(|(tag, _)| !matches!(tag, 273 | 278 | 279));
        of_tiles.extend([(322, 64), (323, 48), (324, 0), (325, 0)]);
        assert_eq!(decoded(&tiff_of(&jpeg, &of_tiles)), decoded(&jpeg), "{subsampling:?}");
    }
}

#[test]
fn a_tiffs_alpha_is_blended_where_libtiff_blends_it() {
    let tiff = |alpha| {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).expect("memory takes it");
        let mut image = encoder.new_image::<colortype::RGB8>(2, 2).expect("memory takes it");
        image.extra_samples(&[alpha]).expect("nothing is written yet");
        image.write_data(&[200, 100, 50, 128].repeat(4)).expect("memory takes it");
        decoded(&file.into_inner())
    };
    // OpenCV 5.0.0: alpha that is in the colours already, and alpha that is not.
    assert_eq!(tiff(ExtraSamples::AssociatedAlpha), RgbImage::from_pixel(2, 2, Rgb([200, 100, 50])));
    assert_eq!(tiff(ExtraSamples::UnassociatedAlpha), RgbImage::from_pixel(2, 2, Rgb([100, 50, 25])));
}
