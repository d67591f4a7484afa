//! Tables that read well as text and are markdown.

use std::fmt::{self, Display, Formatter};

/// A table, displayed as markdown with columns that line up. The first column is a label.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these titles and no rows yet.
    pub(crate) fn new(titles: impl IntoIterator<Item: Into<String>>) -> Self {
        let mut table = Self::default();
        table.push(titles);
        table
    }

    /// Appends a row, of as many cells as there are titles.
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item: Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell: &String| cell.chars().count());
            widths.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (place, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                if column == 0 {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if place == 0 {
                rule(f, &widths)?;
            }
        }
        Ok(())
    }
}

fn rule(f: &mut Formatter<'_>, widths: &[usize]) -> fmt::Result {
    for (column, width) in widths.iter().enumerate() {
        let dashes = "-".repeat(width - 1);
        if column == 0 {
            write!(f, "| {dashes}- ")?;
        } else {
            write!(f, "| {dashes}: ")?;
        }
    }
    writeln!(f, "|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["library", "Mops/s"]);
        table.push(["quick_cache", "9.36"]);
        table.push(["moka", "11.49"]);
        let lines = [
            "| library     | Mops/s |",
            "| ----------- | -----: |",
            "| quick_cache |   9.36 |",
            "| moka        |  11.49 |",
        ];
        assert_eq!(table.to_string(), lines.join("\n") + "\n");
    }
}
