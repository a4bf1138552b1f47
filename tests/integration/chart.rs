//! The chart in README.md shows the figures of the table it is drawn from.

use crate::draw;

fn text(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_chart_shows_the_table() {
    let (drawn, committed) =
        (draw::throughput(&text("benches/README.md")), text("benches/throughput.svg"));
    assert!(drawn == committed, "`cargo bench --bench chart` draws it anew");
}

#[test]
fn the_readme_names_the_machine_under_the_chart() {
    let (readme, table) = (text("README.md"), text("benches/README.md"));
    let processor = table.lines().find_map(|line| line.strip_prefix("| processor | ")).unwrap();
    assert!(readme.contains("](benches/throughput.svg)"));
    assert!(readme.contains(processor.trim_end_matches(" |")), "{processor}");
}

#[test]
fn a_chart_has_a_bar_for_every_figure_to_scale() {
    let table = "\
### Throughput: a title

| appendfsync | command | clients | depth | requests/s A<B | requests/s C | ratio |
| --- | --- | --- | --- | ---: | ---: | ---: |
| no | SET | 1 | 16 | 2000 | 1000 | 2.00 |
| always | SET | 1 | 16 | 500 | 20000 | 0.03 |
";
    let svg = draw::throughput(table);
    let width = |class: &str| -> Vec<f64> {
        let begin = format!("<rect class=\"{class}\"");
        let bars = svg.split(&begin).skip(1);
        // The first is the legend's.
        let width = |bar: &str| bar.split("width=\"").nth(1)?.split('"').next()?.parse().ok();
        bars.skip(1).filter_map(width).collect()
    };
    let (own, other) = (width("bar0"), width("bar1"));
    assert_eq!((own.len(), other.len()), (2, 2));
    for (width, rate) in [(own[0], 2000.0), (own[1], 500.0), (other[0], 1000.0)] {
        assert!((width - other[1] * rate / 20_000.0).abs() < 0.1, "{width} for {rate}");
    }
    assert!(svg.contains("A&lt;B") && svg.contains(">0.5k<") && svg.contains("pipeline 16"));
    assert!(!svg.contains("ratio"));
}
