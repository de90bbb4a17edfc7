//! Lists of sources: a line each, or a column of a table.

/// A column with one of these heads names the sources of a table.
const HEADS: [&str; 4] = ["image", "path", "file", "source"];

/// One source a line; empty lines and those that start with # are passed over.
pub fn lines(text: &str) -> Vec<String> {
    let is_source = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().map(str::trim).filter(is_source).map(str::to_owned).collect()
}

/// The column of a CSV table that has a source's head; the first one of a table without such a head.
pub fn column(text: &str) -> Result<Vec<String>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    let is_head = |cell: &str| HEADS.contains(&cell.trim().to_lowercase().as_str());
    let head = rows.first().and_then(|row| row.iter().position(is_head));
    let cells = rows.iter().skip(usize::from(head.is_some())).filter_map(|row| row.get(head.unwrap_or(0)));
    Ok(cells.map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_nothing_are_passed_over() {
        assert_eq!(lines("# two\n\n a.jpg \r\nb c.jpg"), ["a.jpg", "b c.jpg"]);
    }

    #[test]
    fn the_column_of_a_table_is_found_by_its_head() {
        let column = |text| column(text).expect("a table");
        assert_eq!(column("label,Image\n1,a.jpg\n0,\"b, c.jpg\"\n"), ["a.jpg", "b, c.jpg"]);
        assert_eq!(column("a.jpg,1\nb.jpg\n"), ["a.jpg", "b.jpg"]);
        assert!(column("image,label\n").is_empty());
    }
}
