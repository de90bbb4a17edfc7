//! Lists of sources: one per line, or a column of a table.

use crate::error::Error;

/// The headings that a column with the sources of a table may have.
const HEADS: [&str; 4] = ["image", "path", "file", "source"];
/// What some editors write before the first letter of UTF-8,
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// and before that of UTF-16, in either order of bytes.
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
/// The longest name: no system has longer paths, and no server longer addresses.
const LONGEST_NAME: usize = 1 << 15;

/// The longest row of a table.
const LONGEST_ROW: usize = 1 << 20;

/// The text of a list.
pub fn text(bytes: Vec<u8>) -> Result<String, Error> {
    if UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(Error::not_a_list("it is in UTF-16, expected UTF-8"));
    }
    let bytes = bytes.strip_prefix(UTF8_MARK).map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|error| Error::not_a_list(error.utf8_error()))
}

/// One source per line; empty lines and those that start with # are skipped.
pub fn lines(text: &str) -> Result<Vec<String>, Error> {
    let is_source = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#');
    let lines = text.lines().map(str::trim).zip(1..).map(|(line, number)| (number, line));
    lines.filter(is_source).map(|(number, line)| named(line, number)).collect()
}

/// The column of a CSV table with such a heading, or the first one if none has it.
pub fn column(text: &str) -> Result<Vec<String>, Error> {
    for (line, number) in text.lines().zip(1..) {
        admit(line, number, LONGEST_ROW)?;
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let is_head = |cell: &str| HEADS.contains(&cell.trim().to_lowercase().as_str());
    let (mut head, mut names) = (None, Vec::new());
    for (row, number) in reader.records().zip(1..) {
        let row = row.map_err(Error::not_a_list)?;
        if number == 1 {
            head = row.iter().position(is_head);
        }
        let is_head = number == 1 && head.is_some();
        let cell = row.get(head.unwrap_or(0)).map(str::trim).filter(|cell| !cell.is_empty() && !is_head);
        names.extend(cell.map(|cell| named(cell, number)).transpose()?);
    }
    Ok(names)
}

fn named(name: &str, line: usize) -> Result<String, Error> {
    admit(name, line, LONGEST_NAME)?;
    Ok(name.to_owned())
}

/// Refuses text that is too long to be meant.
fn admit(text: &str, line: usize, expected: usize) -> Result<(), Error> {
    let length = text.len();
    if length > expected {
        return Err(Error::not_a_list(format!("line {line} has {length} bytes, expected at most {expected}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_nothing_are_passed_over() {
        assert_eq!(lines("# two\n\n a.jpg \r\nb c.jpg").expect("a list"), ["a.jpg", "b c.jpg"]);
    }

    #[test]
    fn the_column_of_a_table_is_found_by_its_head() {
        let column = |text| column(text).expect("a table");
        assert_eq!(column("label,Image\n1,a.jpg\n0,\"b, c.jpg\"\n"), ["a.jpg", "b, c.jpg"]);
        assert_eq!(column("a.jpg,1\nb.jpg\n"), ["a.jpg", "b.jpg"]);
        assert!(column("image,label\n").is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name_and_utf16_is_named() {
        let read = |bytes: &[u8]| text(bytes.to_vec());
        assert_eq!(lines(&read(b"\xef\xbb\xbfa.jpg\r\n").expect("UTF-8")).expect("a list"), ["a.jpg"]);
        let error = read(b"\xff\xfea\0.\0").expect_err("UTF-16");
        assert_eq!(error.to_string(), "not a list of sources: it is in UTF-16, expected UTF-8");
        assert!(read(b"caf\xe9.jpg").is_err());
    }

    #[test]
    fn a_line_that_can_be_no_name_is_refused_by_its_number() {
        let long = format!("a.jpg\n{}\n", "x".repeat(LONGEST_NAME + 1));
        let error = lines(&long).expect_err("a long line");
        assert_eq!(error.to_string(), "not a list of sources: line 2 has 32769 bytes, expected at most 32768");
        let error = column(&"a,".repeat(LONGEST_ROW)).expect_err("a long row");
        assert_eq!(error.to_string(), "not a list of sources: line 1 has 2097152 bytes, expected at most 1048576");
    }
}
