//! Numbers as C's `%g` prints them, which the reference's label files and tables use.

/// `number` with at most `digits` significant digits, without trailing zeros, with an exponent if that is shorter.
pub fn general(number: f64, digits: usize) -> String {
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    let last = digits as i32 - 1;
    if (-4..=last).contains(&exponent) {
        let decimals = usize::try_from(last - exponent).expect("the exponent is at most the last digit's");
        trimmed(&format!("{number:.decimals$}"))
    } else {
        format!("{}e{exponent:+03}", trimmed(mantissa))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: `'%g' % numpy.float32(x)` of Python 3.11.
    #[test]
    fn six_digits_are_those_of_the_references_label_files() {
        for (number, text) in [
            (0.0_f32, "0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (0.123_456_79, "0.123457"),
            (0.000_123_456, "0.000123456"),
            (0.000_012_345_6, "1.23456e-05"),
            (0.999_999_9, "1"),
            (123_456.7, "123457"),
            (1_234_567.0, "1.23457e+06"),
        ] {
            assert_eq!(general(number.into(), 6), text);
        }
    }

    /// Expected values: `'%.3g' % x` of Python 3.11.
    #[test]
    fn three_digits_are_those_of_the_references_tables() {
        for (figure, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.9996, "1"),
            (0.5, "0.5"),
            (0.635_443, "0.635"),
            (0.024_340_7, "0.0243"),
            (0.000_446_4, "0.000446"),
            (0.000_044_64, "4.46e-05"),
        ] {
            assert_eq!(general(figure, 3), text);
        }
    }
}
