//! Picture files and animations of every format, through the decoders' front: sizes, stills and frames.

use std::io::Cursor;

use fastrand::Rng;
use image::codecs::gif::GifEncoder;
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use tiff::encoder::{Compression, TiffEncoder, colortype};
use yolov10_model::picture::{Budget, Frames, decode, upright_size};

use crate::damage::{damage, once_in};
use crate::lossless;
use crate::target::Target;

/// What a picture may take here: small, so that what does not keep to it shows.
const BUDGET: Budget = Budget { pixels: 1 << 20, bytes: 16 << 20 };
/// What is not a picture's: tables of decoders, errors, the harness itself.
const BESIDE: usize = 4 << 20;
/// Frames of an animation that are looked at.
const MOST_FRAMES: usize = 20;
/// Words of the formats that are text.
const TOKENS: [&str; 14] = [
    "IHDR", "PLTE", "tRNS", "IDAT", "IEND", "eXIf", "acTL", "fcTL", "VP8X", "VP8L", "ALPH", "ANMF", "Exif\0\0",
    "GIF89a",
];

/// The file is held twice: as it came, and for its frames.
fn budget(length: usize) -> usize {
    BUDGET.bytes as usize + BESIDE + 2 * length
}

pub fn target() -> Target {
    Target {
        budget,
        make: Box::new(make),
        read: Box::new(|bytes| {
            // Whatever the size's answer is, it must be one; a still says the same.
            let size = upright_size(&bytes, &BUDGET);
            let picture = decode(&bytes, &BUDGET);
            if let (Ok(size), Ok(picture)) = (&size, &picture) {
                let found = (picture.pixels.height() as usize, picture.pixels.width() as usize);
                assert_eq!((size.height, size.width), found, "the head and the picture differ");
            }
            let is_read = picture.is_ok();
            drop(picture);
            let frames = Frames::open(bytes, &BUDGET).ok().flatten();
            let outcomes: Vec<bool> =
                frames.into_iter().flatten().take(MOST_FRAMES).map(|frame| frame.is_ok()).collect();
            let errors = outcomes.iter().filter(|is_ok| !**is_ok).count();
            assert!(errors == 0 || errors == 1 && outcomes.last() == Some(&false), "it goes on after an error");
            is_read
        }),
    }
}

fn make(rng: &mut Rng) -> Vec<u8> {
    let format = rng.usize(..7);
    let mut bytes = match format {
        0 => png(rng),
        1 | 2 => jpeg(rng),
        3 => gif(rng),
        4 => webp(rng),
        5 => tiff(rng),
        _ => encoded(&DynamicImage::ImageRgb8(rgb(rng)), ImageFormat::Bmp),
    };
    if once_in(rng, 4) {
        resize(rng, &mut bytes);
    }
    damage(rng, &mut bytes, &TOKENS);
    // A wrong sum of a chunk ends the reading of a PNG before anything else does.
    if format == 0 && !once_in(rng, 4) {
        mend_sums(&mut bytes);
    }
    bytes
}

fn sides(rng: &mut Rng) -> [u32; 2] {
    let side = |rng: &mut Rng| [1, 7, 8, 16, 33, 64][rng.usize(..6)];
    [side(rng), side(rng)]
}

/// Something between one colour and noise.
fn samples(rng: &mut Rng, count: usize) -> Vec<u8> {
    let noise = [1, 4, 64, 255][rng.usize(..4)];
    let slope = rng.usize(..8);
    (0..count).map(|at| (at * slope) as u8 ^ rng.u8(..=noise)).collect()
}

fn rgb(rng: &mut Rng) -> RgbImage {
    let [width, height] = sides(rng);
    let samples = samples(rng, 3 * (width * height) as usize);
    RgbImage::from_raw(width, height, samples).expect("as many as there are")
}

fn rgba(rng: &mut Rng, [width, height]: [u32; 2]) -> RgbaImage {
    let samples = samples(rng, 4 * (width * height) as usize);
    RgbaImage::from_raw(width, height, samples).expect("as many as there are")
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("memory takes it");
    bytes.into_inner()
}

fn png(rng: &mut Rng) -> Vec<u8> {
    let picture = DynamicImage::ImageRgb8(rgb(rng));
    let picture = match rng.usize(..6) {
        0 => picture.to_luma8().into(),
        1 => picture.to_luma_alpha8().into(),
        2 => picture.to_rgba8().into(),
        3 => picture.to_rgb16().into(),
        4 => picture.to_rgba16().into(),
        _ => picture,
    };
    let mut bytes = encoded(&picture, ImageFormat::Png);
    match rng.usize(..8) {
        // With a palette, at any depth: what the samples are is another matter.
        0 | 1 => {
            (bytes[24], bytes[25]) = ([1, 2, 4, 8][rng.usize(..4)], 3);
            let colours = rng.usize(..=256);
            let palette = samples(rng, 3 * colours);
            insert_chunk(&mut bytes, b"PLTE", &palette);
            if once_in(rng, 2) {
                let alpha = samples(rng, colours);
                insert_chunk(&mut bytes, b"tRNS", &alpha);
            }
        }
        2 => bytes[28] = 1,
        3 => insert_chunk(&mut bytes, b"eXIf", &exif(rng)),
        _ => (),
    }
    mend_sums(&mut bytes);
    bytes
}

/// Before the last chunks, where it belongs.
fn insert_chunk(png: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    let chunk = [&(content.len() as u32).to_be_bytes()[..], name, content, &[0; 4]].concat();
    let at = png.windows(4).position(|window| window == b"IDAT").map_or(png.len(), |at| at - 4);
    png.splice(at..at, chunk);
}

/// Gives every chunk of a PNG the sum that it should have.
fn mend_sums(png: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let end = at.saturating_add(8).saturating_add(length);
        let Some(content) = png.get(at + 4..end) else { return };
        let sum = sum(content).to_be_bytes();
        let Some(place) = png.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
}

/// CRC-32 as PNG has it.
fn sum(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

/// An orientation, in either order of bytes.
fn exif(rng: &mut Rng) -> Vec<u8> {
    let orientation = rng.u8(..10);
    if rng.bool() {
        [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation, 0, 0, 0, 0, 0, 0, 0][..]].concat()
    } else {
        [b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", &[0, orientation, 0, 0, 0, 0, 0, 0][..]].concat()
    }
}

fn jpeg(rng: &mut Rng) -> Vec<u8> {
    let format = [PixelFormat::Rgb, PixelFormat::Rgb, PixelFormat::Grayscale, PixelFormat::Cmyk][rng.usize(..4)];
    let channels = format.bytes_per_pixel();
    let [width, height] = sides(rng).map(|side| side as usize);
    let samples = samples(rng, width * height * channels);
    let exif = exif(rng);
    let sampling = [Subsampling::S420, Subsampling::S444, Subsampling::S422, Subsampling::S440, Subsampling::S411];
    let mut encoder = Encoder::new(&samples, width, height, format).quality(rng.u8(1..=100));
    if channels == 3 {
        encoder = encoder.subsampling(sampling[rng.usize(..sampling.len())]);
    }
    encoder = match rng.usize(..6) {
        0 => encoder.progressive(true),
        1 => encoder.arithmetic(true),
        2 => encoder.restart_blocks(rng.u16(1..9)),
        3 => encoder.lossless(true),
        4 => encoder.optimize_huffman(true),
        _ => encoder,
    };
    if once_in(rng, 3) {
        encoder = encoder.exif_data(&exif);
    }
    // Not every one of these goes with every other.
    encoder.encode().unwrap_or_else(|_| b"\xff\xd8\xff\xd9".to_vec())
}

fn gif(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    let canvas = sides(rng);
    for _ in 0..rng.usize(1..5) {
        let size = if once_in(rng, 4) { sides(rng) } else { canvas };
        let [left, top] = [rng.u32(..4), rng.u32(..4)];
        let delay = image::Delay::from_numer_denom_ms(rng.u32(..1000), 1);
        let frame = image::Frame::from_parts(rgba(rng, size), left, top, delay);
        encoder.encode_frame(frame).expect("memory takes it");
    }
    drop(encoder);
    bytes
}

/// A still, or an animation of stills.
fn webp(rng: &mut Rng) -> Vec<u8> {
    let canvas = sides(rng);
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let chunk = |name: &[u8], content: &[u8]| {
        let padding = vec![0; content.len() % 2];
        [name, &(content.len() as u32).to_le_bytes(), content, &padding].concat()
    };
    let file = |content: &[u8]| [b"RIFF", &(content.len() as u32 + 4).to_le_bytes()[..], b"WEBP", content].concat();
    let still = |rng: &mut Rng, size| match once_in(rng, 4) {
        true => file(&chunk(b"VP8L", &lossless::stream(rng, size))),
        false => encoded(&DynamicImage::ImageRgba8(rgba(rng, size)), ImageFormat::WebP),
    };
    if rng.bool() {
        return still(rng, canvas);
    }
    let flags = [0x02, 0x12, 0x1a, 0x00][rng.usize(..4)];
    let size = [three(canvas[0] - 1), three(canvas[1] - 1)].concat();
    let mut content = chunk(b"VP8X", &[&[flags, 0, 0, 0][..], &size].concat());
    content.extend(chunk(b"ANIM", &[0; 6]));
    for _ in 0..rng.usize(1..5) {
        let picture = still(rng, canvas);
        let place = [three(rng.u32(..2)), three(0), size.clone(), three(rng.u32(..1000))].concat();
        content.extend(chunk(b"ANMF", &[&place[..], &[rng.u8(..4)], &picture[12..]].concat()));
    }
    if once_in(rng, 3) {
        content.extend(chunk(b"EXIF", &exif(rng)));
    }
    file(&content)
}

/// A TIFF of one strip or tile that the encoder does not write: a JPEG, or a tile that is larger than its picture.
fn tiff_of_a_piece(rng: &mut Rng) -> Vec<u8> {
    const LONG: u16 = 4;
    let [width, height] = sides(rng);
    let (piece, compression) = match rng.bool() {
        true => (jpeg(rng), 7),
        false => (samples(rng, 3 * (width * height) as usize), 1),
    };
    let [photometric, channels] = [[1, 1], [2, 3], [5, 4], [6, 3]][rng.usize(..4)];
    let mut entries =
        vec![(256, width), (257, height), (258, 8), (259, compression), (262, photometric), (277, channels)];
    let length = piece.len() as u32;
    // Where the piece lies is known once all entries are.
    if rng.bool() {
        let tile = |rng: &mut Rng| [16, 64, 1 << 12, 1 << 20, u32::MAX][rng.usize(..5)];
        entries.extend([(322, tile(rng)), (323, tile(rng)), (324, 0), (325, length)]);
    } else {
        entries.extend([(273, 0), (278, height), (279, length)]);
    }
    entries.sort();
    let place = 8 + 2 + 12 * entries.len() as u32 + 4;
    let mut file = [&b"II*\0\x08\0\0\0"[..], &(entries.len() as u16).to_le_bytes()].concat();
    for (tag, value) in entries {
        let value = if tag == 273 || tag == 324 { place } else { value };
        file.extend([u16::to_le_bytes(tag), LONG.to_le_bytes()].concat());
        file.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file.extend(piece);
    file
}

fn tiff(rng: &mut Rng) -> Vec<u8> {
    if once_in(rng, 4) {
        return tiff_of_a_piece(rng);
    }
    let [width, height] = sides(rng);
    let pixels = (width * height) as usize;
    let bytes = samples(rng, 4 * pixels);
    let wide: Vec<u16> = bytes.iter().map(|level| u16::from(*level) * 257).collect();
    let float: Vec<f32> = bytes.iter().map(|level| f32::from(*level)).collect();
    let compression =
        [Compression::Uncompressed, Compression::Lzw, Compression::Deflate(Default::default()), Compression::Packbits]
            [rng.usize(..4)];
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).expect("memory takes it").with_compression(compression);
    match rng.usize(..7) {
        0 => encoder.write_image::<colortype::Gray8>(width, height, &bytes[..pixels]),
        1 => encoder.write_image::<colortype::RGB8>(width, height, &bytes[..3 * pixels]),
        2 => encoder.write_image::<colortype::RGBA8>(width, height, &bytes),
        3 => encoder.write_image::<colortype::CMYK8>(width, height, &bytes),
        4 => encoder.write_image::<colortype::RGB16>(width, height, &wide[..3 * pixels]),
        5 => encoder.write_image::<colortype::Gray32Float>(width, height, &float[..pixels]),
        _ => encoder.write_image::<colortype::RGB32Float>(width, height, &float[..3 * pixels]),
    }
    .expect("memory takes it");
    file.into_inner()
}

/// Another size in the head, mostly a much larger one.
fn resize(rng: &mut Rng, bytes: &mut [u8]) {
    let side = [0, 1, 100, 1024, 16383, 20000, 65535, 1 << 20, 0x7fff_ffff, u32::MAX][rng.usize(..10)];
    let places: &[(usize, bool)] = match bytes {
        [0x89, ..] => &[(16, true), (20, true)],
        [b'G', ..] => &[(6, false), (8, false)],
        [b'B', ..] => &[(18, false), (22, false)],
        [b'R', ..] => &[(21, false), (24, false), (27, false)],
        _ => &[],
    };
    if let Some((at, is_big_endian)) = (!places.is_empty()).then(|| places[rng.usize(..places.len())]) {
        let width = if bytes[0] == b'G' { 2 } else { 4 };
        let number = if is_big_endian { side.to_be_bytes() } else { side.to_le_bytes() };
        if let Some(place) = bytes.get_mut(at..at + width) {
            place.copy_from_slice(&number[..width]);
        }
        return;
    }
    // A JPEG's frame, whichever kind it is.
    let frame = bytes.windows(2).position(|pair| pair[0] == 0xff && (0xc0..=0xc3).contains(&pair[1]));
    if let Some(place) = frame.and_then(|at| bytes.get_mut(at + 5 + 2 * rng.usize(..2)..)).filter(|rest| rest.len() > 2)
    {
        place[..2].copy_from_slice(&(side as u16).to_be_bytes());
    }
}
