//! What a measurement ends in: tables and charts, shown and kept in files.

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::chart::Chart;
use crate::machine;

/// The text and the charts of one measurement.
#[derive(Debug)]
pub(crate) struct Report {
    /// The name of its files.
    name: &'static str,
    text: String,
    charts: Vec<(&'static str, Chart)>,
}

impl Report {
    /// With a title and nothing else yet.
    pub(crate) fn new(name: &'static str, title: &str) -> Self {
        Self {
            name,
            text: format!("# {title}\n"),
            charts: Vec::new(),
        }
    }

    /// Appends a paragraph or a table.
    pub(crate) fn push(&mut self, block: impl Display) {
        self.text.push('\n');
        self.text.push_str(block.to_string().trim_end());
        self.text.push('\n');
    }

    /// Appends a chart, which becomes a file of that name.
    pub(crate) fn chart(&mut self, name: &'static str, chart: Chart) {
        self.charts.push((name, chart));
    }

    /// Writes the text to stdout.
    ///
    /// # Errors
    ///
    /// If stdout is closed.
    pub(crate) fn print(&self) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", self.text)
    }

    /// Writes the text and the charts to a folder, which it makes if need be.
    ///
    /// # Errors
    ///
    /// If the folder can't be written to.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let failed = |error| format!("the folder of results {}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        let images = self.charts.iter().map(|(name, chart)| {
            let title = chart.title();
            format!("\n![{title}]({name}.svg)\n")
        });
        let images: String = images.collect();
        let text = format!("{}{images}\n{}\n", self.text, machine::description());
        fs::write(folder.join(format!("{}.md", self.name)), text).map_err(failed)?;
        for (name, chart) in &self.charts {
            fs::write(folder.join(format!("{name}.svg")), chart.svg()).map_err(failed)?;
        }
        Ok(())
    }
}
