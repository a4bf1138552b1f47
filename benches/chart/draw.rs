//! A table of throughput in, a bar chart in SVG out: a panel for each `appendfsync`, a row for each
//! command, number of clients and depth, a bar for each server, all on one scale.

use std::fmt::Write;

/// How a column of requests per second begins; the rest of its head is the server's name.
const RATE: &str = "requests/s ";
/// How the title of the table begins.
const TITLE: &str = "### Throughput: ";

const LABELS_WIDTH: f64 = 142.0;
const PANEL_WIDTH: f64 = 234.0;
const PANEL_GAP: f64 = 14.0;
/// What the figure behind the longest bar needs.
const FIGURE_WIDTH: f64 = 38.0;
const HEAD_HEIGHT: f64 = 104.0;
const BAR_HEIGHT: f64 = 9.0;
const ROW_GAP: f64 = 8.0;
const GROUP_GAP: f64 = 26.0;
const MARGIN: f64 = 16.0;

/// Colours and type: light, and dark where the reader's screen is.
const STYLE: &str = "\
<style>
text { font: 11px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.group { font-size: 12px; font-weight: 600 }
.quiet { fill: #59636e }
.figure { font-size: 9px; fill: #59636e }
.page { fill: #ffffff }
.line { stroke: #d1d9e0; stroke-width: 1 }
.bar0 { fill: #0969da }
.bar1 { fill: #b7bdc6 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet, .figure { fill: #9198a1 }
  .page { fill: #0d1117 }
  .line { stroke: #3d444d }
  .bar0 { fill: #4493f8 }
  .bar1 { fill: #656c76 }
}
</style>
";

/// A row of the table.
struct Row<'t> {
    policy: &'t str,
    command: &'t str,
    clients: &'t str,
    depth: &'t str,
    /// As they stand in the table, a server each.
    rates: Vec<f64>,
}

impl Row<'_> {
    fn label(&self) -> String {
        let s = if self.clients == "1" { "" } else { "s" };
        let pipeline =
            if self.depth == "1" { String::new() } else { format!(", pipeline {}", self.depth) };
        format!("{} client{s}{pipeline}", self.clients)
    }
}

/// The table and what its document says about it.
struct Table<'t> {
    title: &'t str,
    /// The processor, the file system and the programs.
    machine: String,
    servers: Vec<&'t str>,
    rows: Vec<Row<'t>>,
}

/// The chart of the throughput table in `document`, which is benches/README.md.
pub fn throughput(document: &str) -> String {
    let table = read(document);
    let rate_max = table.rows.iter().flat_map(|row| &row.rates).copied().fold(1.0, f64::max);
    let policies = distinct(table.rows.iter().map(|row| row.policy));
    let commands = distinct(table.rows.iter().map(|row| row.command));
    let row_height = BAR_HEIGHT * table.servers.len() as f64 + ROW_GAP;
    let mut body = String::new();
    let mut top = HEAD_HEIGHT;
    for command in &commands {
        let in_group = |row: &&Row<'_>| row.command == *command;
        text(&mut body, "group", MARGIN, top + 12.0, command);
        top += GROUP_GAP - 6.0;
        let labels = distinct(table.rows.iter().filter(in_group).map(Row::label));
        for label in &labels {
            let middle = top + (row_height - ROW_GAP) / 2.0;
            text(&mut body, "label", MARGIN, middle + 4.0, label);
            for row in table.rows.iter().filter(in_group).filter(|row| row.label() == *label) {
                let panel = policies.iter().position(|policy| *policy == row.policy);
                bars(&mut body, row, panel_left(panel.unwrap_or_default()), top, rate_max);
            }
            top += row_height;
        }
        top += GROUP_GAP / 2.0;
    }
    let width = panel_left(policies.len()) - PANEL_GAP + MARGIN;
    let mut svg = head(&table, width, top);
    for (panel, policy) in policies.iter().enumerate() {
        let left = panel_left(panel);
        text(&mut svg, "group", left, HEAD_HEIGHT - 8.0, &panel_title(policy));
        let (from, to) = (HEAD_HEIGHT, top - GROUP_GAP / 2.0);
        let _ = writeln!(
            svg,
            "<line class=\"line\" x1=\"{left:.1}\" y1=\"{from:.1}\" x2=\"{left:.1}\" y2=\"{to:.1}\"/>"
        );
    }
    svg + &body + "</svg>\n"
}

/// Everything above the panels.
fn head(table: &Table<'_>, width: f64, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>Requests per second, {}</title>\n{STYLE}\
         <rect class=\"page\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"6\"/>\n",
        escaped(&table.servers.join(" beside "))
    );
    text(&mut svg, "title", MARGIN, 28.0, "Requests per second: longer is better");
    text(&mut svg, "quiet", MARGIN, 46.0, table.title);
    text(&mut svg, "quiet", MARGIN, 62.0, &table.machine);
    let mut left = width - MARGIN - 90.0 * table.servers.len() as f64;
    for (server, name) in table.servers.iter().enumerate() {
        bar(&mut svg, server, left, 19.0, 10.0);
        text(&mut svg, "label", left + 16.0, 28.0, name);
        left += 90.0;
    }
    svg
}

/// What the policy is in a server's configuration; the table has `off` for a server without a log.
fn panel_title(policy: &str) -> String {
    if policy == "off" { "appendonly no".to_owned() } else { format!("appendfsync {policy}") }
}

fn panel_left(panel: usize) -> f64 {
    MARGIN + LABELS_WIDTH + panel as f64 * (PANEL_WIDTH + PANEL_GAP)
}

/// The bars of one row, with their figures.
fn bars(svg: &mut String, row: &Row<'_>, left: f64, mut top: f64, rate_max: f64) {
    for (server, rate) in row.rates.iter().enumerate() {
        let width = rate / rate_max * (PANEL_WIDTH - FIGURE_WIDTH);
        bar(svg, server, left, top, width);
        text(svg, "figure", left + width + 4.0, top + BAR_HEIGHT - 1.5, &shortened(*rate));
        top += BAR_HEIGHT;
    }
}

fn bar(svg: &mut String, server: usize, left: f64, top: f64, width: f64) {
    let height = BAR_HEIGHT - 1.0;
    let _ = writeln!(
        svg,
        "<rect class=\"bar{server}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\"/>"
    );
}

fn text(svg: &mut String, class: &str, left: f64, base: f64, words: &str) {
    let words = escaped(words);
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{left:.1}\" y=\"{base:.1}\">{words}</text>");
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// In thousands: `4.8k`, `418k`.
fn shortened(rate: f64) -> String {
    let thousands = rate / 1000.0;
    if thousands < 10.0 { format!("{thousands:.1}k") } else { format!("{thousands:.0}k") }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in all {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

fn read(document: &str) -> Table<'_> {
    let (_, rest) = document.split_once(TITLE).expect("the document has a table of throughput");
    let (title, rest) = rest.split_once('\n').expect("a table follows its title");
    let mut lines = rest.trim_start().lines().take_while(|line| line.starts_with('|')).map(cells);
    let head = lines.next().expect("the table has a head");
    let column = |name| head.iter().position(|cell| *cell == name).expect("a column is missing");
    let [policy, command, clients, depth] =
        ["appendfsync", "command", "clients", "depth"].map(column);
    let rates: Vec<usize> = (0..head.len()).filter(|at| head[*at].starts_with(RATE)).collect();
    let servers = rates.iter().map(|at| &head[*at][RATE.len()..]).collect();
    // The line of rules is none of the rows.
    let rows = lines.skip(1).map(|cells| Row {
        policy: cells[policy],
        command: cells[command],
        clients: cells[clients],
        depth: cells[depth],
        rates: rates.iter().map(|at| cells[*at].parse().expect("a figure")).collect(),
    });
    Table { title, machine: machine(document), servers, rows: rows.collect() }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// From the table of the machine: what the figures depend on most.
fn machine(document: &str) -> String {
    let fact = |name: &str| {
        let rows = document.lines().map(cells);
        let found = rows.filter(|cells| cells.len() == 2).find(|cells| cells[0] == name);
        found.map_or("not known", |cells| cells[1])
    };
    let version = |name| {
        let fact = fact(name);
        fact.split(' ').find_map(|word| word.strip_prefix("v=")).unwrap_or(fact)
    };
    let (processor, disk) = (fact("processor"), fact("file system"));
    let (own, other) = (version("Vellum"), version("the other server"));
    format!("{processor}; {disk}; Vellum {own}, redis-server {other}")
}
