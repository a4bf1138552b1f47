//! The tables' place in the document beside this folder.

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/README.md");
const BEGIN: &str = "<!-- written by versus: begin -->\n";
const END: &str = "<!-- written by versus: end -->\n";

/// Puts the tables where the last ones are.
pub fn into_readme(report: &str) {
    let text = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the document has a place for the tables");
    let (_, after) = rest.split_once(END).expect("the place for the tables has an end");
    std::fs::write(PATH, format!("{before}{BEGIN}\n{report}\n{END}{after}")).unwrap();
    eprintln!("{PATH} has the new tables");
}
