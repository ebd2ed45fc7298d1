//! Words that no source may have.

use super::sources::{Source, files, none, rust};

fn lines_with<'a>(sources: &'a [Source], bad: &'a [&'a str]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = bad.iter().find(|word| line.contains(**word)) {
                faults.push(format!("{}:{} has {word}", source.path, number + 1));
            }
        }
    }
    faults
}

#[test]
fn nothing_is_left_to_be_written() {
    let bad = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("XX", "X:")];
    none("what is there is whole", &lines_with(&rust(), &bad));
}

#[test]
fn no_page_writes_markup_from_text() {
    let bad = [
        concat!("inner", "HTML"),
        concat!("outer", "HTML"),
        concat!("insertAdjacent", "HTML"),
        concat!("{@", "html"),
        concat!("document.", "write("),
    ];
    none("pages show text as text", &lines_with(&files("web/src", &[".ts", ".svelte", ".js", ".html"]), &bad));
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let bad = [concat!("/wo", "rk/"), concat!("/tmp/bash", "_jobs"), concat!("/home", "/"), concat!("/ro", "ot/")];
    let endings =
        [".rs", ".ts", ".svelte", ".mjs", ".js", ".py", ".md", ".toml", ".sql", ".html", ".css", "all", "run"];
    none("the repository is the same everywhere", &lines_with(&files("", &endings), &bad));
}

#[test]
fn unsafe_code_is_denied_everywhere() {
    let faults: Vec<String> = rust()
        .iter()
        .filter(|source| {
            source.text.lines().any(|line| {
                let code = line.trim_start();
                !code.starts_with("//")
                    && (code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl"))
            })
        })
        .map(|source| source.path.clone())
        .collect();
    none("a crate has the unsafe code where it is needed", &faults);
}
