//! The tables' places in the document beside this folder: one for each group.

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/README.md");

/// Puts a section where the last one of this name is; the others stay.
pub fn into_readme(name: &str, section: &str) {
    let (begin, end) = (format!("<!-- versus: {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let text = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = text.split_once(&begin).expect("the document has a place for the section");
    let (_, after) = rest.split_once(&end).expect("the place for the section has an end");
    std::fs::write(PATH, format!("{before}{begin}\n{section}\n{end}{after}")).unwrap();
    eprintln!("{PATH} has the new section '{name}'");
}
