//! Samples in, a Markdown table of medians and ratios out.

use crate::contest::{Contest, Side};

/// A figure that is measured for both servers.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Over its columns, unit included.
    pub name: &'static str,
    /// Decimals shown.
    pub decimals: usize,
    /// Whether the ratio is shown.
    pub ratio: bool,
}

/// What was measured so far.
pub struct Table {
    title: String,
    keys: &'static [&'static str],
    figures: &'static [Figure],
    sides: Vec<&'static str>,
    rows: Vec<Row>,
}

struct Row {
    key: Vec<String>,
    /// By figure, then by side.
    samples: Vec<Vec<Vec<f64>>>,
}

impl Table {
    /// A table whose rows are told apart by `keys`.
    pub fn new(
        contest: &Contest,
        title: impl Into<String>,
        keys: &'static [&'static str],
        figures: &'static [Figure],
    ) -> Self {
        let sides = contest.sides.iter().map(|side| side.name).collect();
        Self { title: title.into(), keys, figures, sides, rows: Vec::new() }
    }

    /// Adds one sample of every figure to the row with this key.
    pub fn add<const KEYS: usize, const FIGURES: usize>(
        &mut self,
        key: [&str; KEYS],
        side: Side,
        values: [f64; FIGURES],
    ) {
        assert!(KEYS == self.keys.len() && FIGURES == self.figures.len());
        let index = self.rows.iter().position(|row| row.key == key).unwrap_or_else(|| {
            self.rows.push(Row {
                key: key.map(str::to_owned).to_vec(),
                samples: vec![vec![Vec::new(); self.sides.len()]; FIGURES],
            });
            self.rows.len() - 1
        });
        for (samples, value) in self.rows[index].samples.iter_mut().zip(values) {
            samples[side.index].push(value);
        }
    }

    /// The title and the table.
    pub fn print(&self) -> String {
        let mut head: Vec<String> = self.keys.iter().map(|&key| key.to_owned()).collect();
        for figure in self.figures {
            head.extend(self.sides.iter().map(|side| format!("{} {side}", figure.name)));
            head.extend(self.has_ratio(figure).then(|| "ratio".to_owned()));
        }
        let rule = |at| if at < self.keys.len() { "---" } else { "---:" };
        let rule: Vec<String> = (0..head.len()).map(|at| rule(at).to_owned()).collect();
        let mut lines = vec![line(&head), line(&rule)];
        lines.extend(self.rows.iter().map(|row| line(&self.cells(row))));
        format!("### {}\n\n{}\n", self.title, lines.join("\n"))
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = row.key.clone();
        for (figure, samples) in self.figures.iter().zip(&row.samples) {
            let medians: Vec<f64> = samples.iter().map(|samples| median(samples)).collect();
            cells.extend(medians.iter().map(|value| format!("{value:.*}", figure.decimals)));
            cells.extend(self.has_ratio(figure).then(|| format!("{:.2}", medians[0] / medians[1])));
        }
        cells
    }

    fn has_ratio(&self, figure: &Figure) -> bool {
        figure.ratio && self.sides.len() == 2
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// The middle one, or the mean of the middle two.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}
