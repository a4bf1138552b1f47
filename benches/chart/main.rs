//! Draws the throughput table of benches/README.md as benches/throughput.svg: no measuring, so this
//! needs nothing but Rust. `tests/integration/chart.rs` holds the picture to the table.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

mod draw;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/README.md");
const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/throughput.svg");

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("the chart is drawn only when run by cargo bench");
        return;
    }
    let table = std::fs::read_to_string(TABLE).unwrap();
    std::fs::write(PICTURE, draw::throughput(&table)).unwrap();
    println!("{PICTURE} is drawn");
}
