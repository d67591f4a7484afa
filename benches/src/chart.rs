//! Bar charts as SVG, readable on a light and on a dark page.
//!
//! Groups of bars stand side by side, one bar per library; groups that don't fit start a new panel.
//! Panels share one axis, so that they can be compared.

use std::fmt::{self, Display, Formatter};
use std::iter::successors;

use crate::number::{float, floor, grouped, largest, round_up};
use crate::peer::Library;

const WIDTH: f64 = 1120.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 92.0;
const PLOT: f64 = 220.0;
const PANEL: f64 = 276.0;
const GAP: f64 = 22.0;
/// About how many lines an axis has above 0.
const LINES: f64 = 5.0;

const STYLE: &str = "\
    text { font-family: system-ui, sans-serif; font-size: 12px; fill: #3b4048; } \
    .title { font-size: 17px; font-weight: 600; } \
    .page { fill: #ffffff; } \
    .line { stroke: #d9dce1; stroke-width: 1; } \
    .number { font-size: 10px; } \
    @media (prefers-color-scheme: dark) { \
    text { fill: #c9ced6; } .page { fill: #16191d; } .line { stroke: #363b43; } }";

/// Tones that stay apart on white and on black, the same in all charts. Ours is the one that stands out.
fn colour(library: Library) -> &'static str {
    match library {
        Library::Lru => "#8a8f98",
        Library::Moka => "#4e79a7",
        Library::QuickCache => "#76b7b2",
        Library::FoyerLru => "#d4a72c",
        Library::FoyerLfu => "#b07aa1",
        Library::FoyerS3Fifo => "#59a14f",
        Library::TinyUfo => "#9c755f",
        Library::Cacheme => "#e4572e",
    }
}

/// Groups of bars, one for each library.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    title: String,
    unit: &'static str,
    series: Vec<Library>,
    groups: Vec<(String, Vec<f64>)>,
    scale: Scale,
}

/// How the height of a bar grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    /// By powers of ten, from 1 on.
    Logarithmic,
}

impl Chart {
    /// With a bar per library in each group, and what the height of a bar counts.
    pub(crate) fn new(title: &str, unit: &'static str, series: Vec<Library>) -> Self {
        Self {
            title: title.to_owned(),
            unit,
            series,
            groups: Vec::new(),
            scale: Scale::Linear,
        }
    }

    /// Makes every line of the axis ten times the one below, for values of at least 1 far apart.
    pub(crate) fn logarithmic(mut self) -> Self {
        self.scale = Scale::Logarithmic;
        self
    }

    /// Appends a group of as many bars as there are libraries.
    pub(crate) fn push(&mut self, label: impl Into<String>, values: Vec<f64>) {
        self.groups.push((label.into(), values));
    }

    /// What it shows.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// The image.
    pub(crate) fn svg(&self) -> String {
        let panels: Vec<_> = self.groups.chunks(self.groups_per_panel()).collect();
        let height = TOP + PANEL * float(panels.len());
        let mut svg = Svg(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
        ));
        svg.text(LEFT, 30.0, "title", "start", &self.title);
        self.legend(&mut svg);
        for (place, groups) in panels.into_iter().enumerate() {
            self.panel(&mut svg, TOP + PANEL * float(place), groups);
        }
        svg.0.push_str("</svg>\n");
        svg.0
    }

    /// As few panels as bars of 6 pixels allow, evenly filled.
    fn groups_per_panel(&self) -> usize {
        let narrowest = 6.0 * float(self.series.len()) + GAP;
        let most = floor((WIDTH - LEFT - RIGHT) / narrowest).max(1);
        let panels = self.groups.len().div_ceil(most).max(1);
        self.groups.len().div_ceil(panels).max(1)
    }

    fn legend(&self, svg: &mut Svg) {
        let mut left = LEFT;
        for library in &self.series {
            let name = library.name();
            svg.bar([left, 48.0, 12.0, 12.0], colour(*library), name);
            svg.text(left + 17.0, 58.0, "name", "start", name);
            left += 40.0 + 7.0 * float(name.chars().count());
        }
    }

    /// The values that have a line, the last one being at least as large as every bar's.
    fn lines(&self) -> Vec<f64> {
        let values = self.groups.iter().flat_map(|(_, values)| values);
        let largest = largest(values.copied()).unwrap_or_default().max(1e-3);
        match self.scale {
            Scale::Linear => {
                let step = round_up(largest / LINES);
                let lines = floor((largest / step).ceil());
                (0..=lines).map(|line| step * float(line)).collect()
            }
            Scale::Logarithmic => {
                let powers = successors(Some(1.0), |power| Some(power * 10.0));
                let below = powers.clone().take_while(|power| *power < largest);
                below
                    .chain(powers.skip_while(|power| *power < largest).take(1))
                    .collect()
            }
        }
    }

    /// How much of the height of the plot a bar takes.
    fn height(&self, value: f64, top: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => value / top,
            Scale::Logarithmic => value.max(1.0).log10() / top.max(10.0).log10(),
        };
        PLOT * share
    }

    fn panel(&self, svg: &mut Svg, top: f64, groups: &[(String, Vec<f64>)]) {
        let lines = self.lines();
        let last = lines.last().copied().unwrap_or(1.0);
        svg.text(LEFT, top - 10.0, "number", "start", self.unit);
        for value in lines {
            let y = top + PLOT - self.height(value, last);
            svg.line(LEFT, WIDTH - RIGHT, y);
            svg.text(LEFT - 8.0, y + 4.0, "number", "end", &trimmed(value));
        }
        let slot = (WIDTH - LEFT - RIGHT) / float(self.groups_per_panel());
        let bar = ((slot - GAP) / float(self.series.len())).min(40.0);
        for (place, (label, values)) in groups.iter().enumerate() {
            let middle = LEFT + slot * (float(place) + 0.5);
            let mut left = middle - bar * float(values.len()) / 2.0;
            for (library, value) in self.series.iter().zip(values) {
                let height = self.height(*value, last);
                let place = [left, top + PLOT - height, bar - 1.0, height];
                let tip = format!("{}, {label}: {}", library.name(), trimmed(*value));
                svg.bar(place, colour(*library), &tip);
                if bar >= 24.0 {
                    let above = top + PLOT - height - 4.0;
                    svg.text(
                        left + bar / 2.0,
                        above,
                        "number",
                        "middle",
                        &trimmed(*value),
                    );
                }
                left += bar;
            }
            for (row, words) in label.split('\n').enumerate() {
                let below = top + PLOT + 16.0 + 14.0 * float(row);
                svg.text(middle, below, "name", "middle", words);
            }
        }
    }
}

/// With as many decimals as it needs, up to two.
fn trimmed(value: f64) -> String {
    let decimals = usize::from(value < 100.0) + usize::from(value < 10.0);
    let text = format!("{value:.decimals$}");
    let Some((whole, decimals)) = text.split_once('.') else {
        return grouped(floor(value.round()));
    };
    match decimals.trim_end_matches('0') {
        "" => whole.to_owned(),
        decimals => format!("{whole}.{decimals}"),
    }
}

/// The text of an image in the making.
struct Svg(String);

impl Svg {
    fn push(&mut self, element: fmt::Arguments<'_>) {
        self.0.push_str(&element.to_string());
        self.0.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
        let words = Escaped(words);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>"
        ));
    }

    fn line(&mut self, from: f64, to: f64, y: f64) {
        self.push(format_args!(
            "<line class=\"line\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        ));
    }

    fn bar(&mut self, [x, y, width, height]: [f64; 4], colour: &str, tip: &str) {
        let tip = Escaped(tip);
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{colour}\"><title>{tip}</title></rect>"
        ));
    }
}

/// Text as XML has it.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '\n' => f.write_str(" ")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(groups: usize) -> Chart {
        let mut chart = Chart::new("a < b & c", "Mops/s", vec![Library::Moka, Library::Cacheme]);
        for place in 0..groups {
            chart.push(format!("group {place}"), vec![float(place), 3.5]);
        }
        chart
    }

    #[test]
    fn every_bar_and_label_is_drawn() {
        let svg = chart(40).svg();
        let legend = 2;
        assert_eq!(svg.matches("<title>").count(), 80 + legend);
        assert!((0..40).all(|place| svg.contains(&format!(">group {place}<"))));
        assert!(svg.contains("a &lt; b &amp; c"));
        assert_eq!(svg.matches(colour(Library::Cacheme)).count(), 41);
    }

    #[test]
    fn panels_are_filled_evenly() {
        let mut wide = Chart::new("", "", Vec::from(Library::ALL));
        for _ in 0..31 {
            wide.push("", vec![1.0; 8]);
        }
        assert_eq!(wide.groups_per_panel(), 11);
        assert_eq!(chart(3).groups_per_panel(), 3);
    }

    #[test]
    fn axes_reach_the_largest_bar() {
        let mut chart = chart(28);
        assert_eq!(chart.lines(), [0.0, 10.0, 20.0, 30.0]);
        assert!((chart.height(15.0, 30.0) - PLOT / 2.0).abs() < 1e-9);

        chart = chart.logarithmic();
        assert_eq!(chart.lines(), [1.0, 10.0, 100.0]);
        assert!((chart.height(10.0, 100.0) - PLOT / 2.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.25, 9.1, 22.16, 60.0, 12_237.4].map(trimmed);
        assert_eq!(texts, ["0", "0.25", "9.1", "22.2", "60", "12,237"]);
    }
}
