//! A colour for every class, and a colour to write on it.
//!
//! Hues advance by the golden angle, so that neighbouring classes are far apart; lightness changes with them.
//! Colours are mixed in OKLab (Björn Ottosson, 2020), where equal steps look equal.

use std::f32::consts::TAU;

use image::Rgb;

/// The part of a turn that best spreads any number of points on a circle.
const GOLDEN_ANGLE: f32 = 0.381_966;
/// The hue of class 0: orange.
const FIRST_HUE: f32 = 0.13;
const LIGHTNESS: [f32; 3] = [0.72, 0.56, 0.84];
const CHROMA: f32 = 0.16;
/// Rec. 709.
const LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// Where black and white have the same contrast by WCAG 2: sqrt(1.05 * 0.05) - 0.05.
const MIDDLE_LUMINANCE: f32 = 0.179;

pub fn class_color(class: usize) -> Rgb<u8> {
    // Reduced first, because a large class number times the angle would lose its fraction.
    let turn = (class % 1000) as f32 * GOLDEN_ANGLE + FIRST_HUE;
    let (sine, cosine) = (turn * TAU).sin_cos();
    let lightness = LIGHTNESS[class % LIGHTNESS.len()];
    Rgb(from_oklab(lightness, CHROMA * cosine, CHROMA * sine))
}

/// Black or white, whichever is easier to read on `color`.
pub fn ink_on(color: Rgb<u8>) -> Rgb<u8> {
    let linear = |level: u8| (f32::from(level) / 255.0).powf(2.2);
    let luminance: f32 = color.0.iter().zip(LUMINANCE).map(|(level, share)| linear(*level) * share).sum();
    Rgb(if luminance > MIDDLE_LUMINANCE { [0; 3] } else { [255; 3] })
}

fn from_oklab(lightness: f32, a: f32, b: f32) -> [u8; 3] {
    let long = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_4 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
    .map(|linear| (linear.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Squared distance of levels below which two colours are hard to tell apart.
    const ALIKE: i32 = 30 * 30;

    #[test]
    fn neighbouring_classes_look_different() {
        for first in 0..80 {
            for second in first + 1..first + 8 {
                let [one, other] = [first, second].map(|class| class_color(class).0);
                let distance: i32 = one.iter().zip(other).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum();
                assert!(distance > ALIKE, "{first}: {one:?}, {second}: {other:?}");
            }
        }
    }

    #[test]
    fn ink_is_black_on_light_and_white_on_dark() {
        assert_eq!(ink_on(Rgb([255, 255, 0])), Rgb([0; 3]));
        assert_eq!(ink_on(Rgb([0, 0, 160])), Rgb([255; 3]));
    }
}
