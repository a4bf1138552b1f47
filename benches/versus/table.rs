//! Samples in; a Markdown table of medians and ratios out, and single medians for who asks.

use crate::contest::Contest;

/// A figure that is measured for every side of a table.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Over its columns, unit included.
    pub name: &'static str,
    /// Decimals shown.
    pub decimals: usize,
    /// Whether the ratio is shown.
    pub ratio: bool,
}

impl Figure {
    /// One whose ratio is shown.
    pub const fn compared(name: &'static str, decimals: usize) -> Self {
        Self { name, decimals, ratio: true }
    }

    /// One that stands by itself.
    pub const fn plain(name: &'static str, decimals: usize) -> Self {
        Self { name, decimals, ratio: false }
    }
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
    /// A table of both servers, whose rows are told apart by `keys`.
    pub fn new(
        contest: &Contest,
        title: impl Into<String>,
        keys: &'static [&'static str],
        figures: &'static [Figure],
    ) -> Self {
        let sides = contest.sides.iter().map(|side| side.name).collect();
        Self { title: title.into(), keys, figures, sides, rows: Vec::new() }
    }

    /// A table of something there is only one of: its side has the index 0.
    pub fn of_one(
        title: impl Into<String>,
        keys: &'static [&'static str],
        figures: &'static [Figure],
    ) -> Self {
        Self { title: title.into(), keys, figures, sides: vec![""], rows: Vec::new() }
    }

    /// Adds one sample of every figure to the row with this key, for the side of this index.
    pub fn add<const KEYS: usize, const FIGURES: usize>(
        &mut self,
        key: [&str; KEYS],
        side: usize,
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
            samples[side].push(value);
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The median of a figure in the first row whose key is this one; `*` stands for any part of it.
    pub fn median(&self, key: &[&str], figure: &str, side: usize) -> Option<f64> {
        let matches = |row: &&Row| {
            row.key.len() == key.len()
                && row.key.iter().zip(key).all(|(part, wanted)| *wanted == "*" || part == wanted)
        };
        self.figure_of(self.rows.iter().find(matches)?, figure, side)
    }

    /// A figure of the first side by the same of the second, for every row whose key begins with
    /// `first`, `*` for any.
    pub fn ratios(&self, first: &str, figure: &str) -> Vec<f64> {
        let begins = |row: &&Row| first == "*" || row.key.first().is_some_and(|key| key == first);
        let ratio = |row| Some(self.figure_of(row, figure, 0)? / self.figure_of(row, figure, 1)?);
        self.rows.iter().filter(begins).filter_map(ratio).collect()
    }

    fn figure_of(&self, row: &Row, figure: &str, side: usize) -> Option<f64> {
        let index = self.figures.iter().position(|known| known.name == figure)?;
        let value = median(row.samples[index].get(side)?);
        value.is_finite().then_some(value)
    }

    /// The title and the table.
    pub fn print(&self) -> String {
        let mut head: Vec<String> = self.keys.iter().map(|&key| key.to_owned()).collect();
        for figure in self.figures {
            let names = self.sides.iter().map(|side| format!("{} {side}", figure.name));
            head.extend(names.map(|name| name.trim_end().to_owned()));
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
            cells.extend(medians.iter().map(|value| shown(*value, figure.decimals)));
            cells.extend(self.has_ratio(figure).then(|| shown(medians[0] / medians[1], 2)));
        }
        cells
    }

    fn has_ratio(&self, figure: &Figure) -> bool {
        figure.ratio && self.sides.len() == 2
    }
}

/// Cells as a row of a Markdown table.
pub fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// A dash where nothing was measured.
fn shown(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "-".to_owned() }
}

/// The middle one, or the mean of the middle two.
fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}
