//! The tables: printed, put into the document beside this folder, and compared with those in it.

use crate::commands::LogState;
use crate::scenario::Scenario;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/README.md");
const BEGIN: &str = "<!-- written by instructions: begin -->\n";
const END: &str = "<!-- written by instructions: end -->\n";

const COMMANDS_HEAD: &str = "\
| command | depth | no log | asleep | backlog | always |
| --- | --- | ---: | ---: | ---: | ---: |
";
const FILES_HEAD: &str = "\
| work | instructions |
| --- | ---: |
";
/// What was not measured.
const NOTHING: &str = "-";
/// Differences below this, in percent, are not mentioned: what a hash table's seed makes of it.
const CHANGE_MIN_PERCENT: f64 = 0.5;

/// What was counted.
#[derive(Default)]
pub struct Report {
    commands: Vec<Row>,
    files: Vec<Row>,
}

/// A row of a table: the cells that name it, then its figures.
struct Row {
    names: Vec<String>,
    figures: Vec<String>,
}

impl Row {
    fn print(&self) -> String {
        format!("| {} | {} |\n", self.names.join(" | "), self.figures.join(" | "))
    }
}

impl Report {
    /// Adds the figure of one scenario.
    pub fn add(&mut self, scenario: &Scenario, instructions: u64) {
        let figure = instructions.to_string();
        match *scenario {
            Scenario::File(work) => {
                let names = vec![work.name().to_owned()];
                self.files.push(Row { names, figures: vec![figure] });
            }
            Scenario::Command { kind, depth, log } => {
                let names = vec![kind.name().to_owned(), depth.to_string()];
                let column = LogState::ALL.iter().position(|state| *state == log).unwrap();
                let index = self.commands.iter().position(|row| row.names == names);
                let index = index.unwrap_or_else(|| {
                    let figures = vec![NOTHING.to_owned(); LogState::ALL.len()];
                    self.commands.push(Row { names, figures });
                    self.commands.len() - 1
                });
                self.commands[index].figures[column] = figure;
            }
        }
    }

    /// What they were counted with, and the tables.
    pub fn print(&self, valgrind: &str) -> String {
        let (arch, compiler) = (std::env::consts::ARCH, compiler());
        let mut text = format!("Counted by {valgrind} on {arch}; built by {compiler}.\n");
        for (head, rows) in [(COMMANDS_HEAD, &self.commands), (FILES_HEAD, &self.files)] {
            if !rows.is_empty() {
                text += &format!("\n{head}{}", rows.iter().map(Row::print).collect::<String>());
            }
        }
        text
    }

    /// Where the figures differ from those in the document, a line each.
    pub fn changes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(PATH).unwrap();
        let (_, recorded, _) = around(&text);
        let mut changes = Vec::new();
        for row in self.commands.iter().chain(&self.files) {
            let names = format!("| {} | ", row.names.join(" | "));
            let Some(cells) = recorded.lines().find_map(|line| line.strip_prefix(&names)) else {
                changes.push(format!("{}: not in benches/README.md yet", row.names.join(", ")));
                continue;
            };
            let before = cells.trim_end_matches(" |").split(" | ");
            for (before, now) in before.zip(&row.figures) {
                let (Ok(was), Ok(is)) = (before.parse::<f64>(), now.parse::<f64>()) else {
                    continue;
                };
                let percent = (is / was - 1.0) * 100.0;
                if percent.abs() >= CHANGE_MIN_PERCENT {
                    let names = row.names.join(", ");
                    changes.push(format!("{names}: {before} -> {now} ({percent:+.1} %)"));
                }
            }
        }
        changes
    }
}

/// The compiler that cargo has built this with, by what it says itself.
fn compiler() -> String {
    let said = std::process::Command::new("rustc").arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_else(|_| "an unknown rustc".to_owned())
}

/// The document before, between and behind the markers.
fn around(text: &str) -> (&str, &str, &str) {
    let (before, rest) = text.split_once(BEGIN).expect("the document has a place for the tables");
    let (between, after) = rest.split_once(END).expect("the place for the tables has an end");
    (before, between, after)
}

/// Puts the tables where the last ones are.
pub fn into_readme(tables: &str) {
    let text = std::fs::read_to_string(PATH).unwrap();
    let (before, _, after) = around(&text);
    std::fs::write(PATH, format!("{before}{BEGIN}\n{tables}\n{END}{after}")).unwrap();
    eprintln!("{PATH} has the new tables");
}
