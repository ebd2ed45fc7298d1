//! The repository's own files, as git would list them.

use std::path::{Path, PathBuf};

use proc_macro2::Span;

/// Folders that are made, not written.
const MADE: &[&str] = &["target", "node_modules", "dist", ".git", ".venv", "out", "corpus", "artifacts"];

/// The repository's top folder.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the repository.
pub(super) struct Source {
    /// Its path from the top folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// All text files below `folder` whose names end with one of `endings` (all when there are none).
pub(super) fn files(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut ahead = vec![root().join(folder)];
    while let Some(path) = ahead.pop() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_symlink() || (MADE.contains(&name.as_str()) && path != root()) {
            continue;
        }
        if path.is_dir() {
            ahead.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if endings.is_empty() || endings.iter().any(|ending| name.ends_with(ending)) {
            // What is not UTF-8 is a picture or a capture, not a source.
            if let Ok(text) = std::fs::read_to_string(&path) {
                found.push(Source { path: relative(&path), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn relative(path: &Path) -> String {
    let inside: PathBuf = path.strip_prefix(root()).unwrap().into();
    inside.to_string_lossy().replace('\\', "/")
}

/// The Rust sources of all three packages, without tests' own folders.
pub(super) fn rust() -> Vec<Source> {
    ["src", "signaling/src", "recorder/src"].iter().flat_map(|folder| files(folder, &[".rs"])).collect()
}

/// A parsed Rust file.
pub(super) fn parse(source: &Source) -> syn::File {
    syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path))
}

/// Is this item only compiled for tests?
pub(super) fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().split_whitespace().any(|word| word == "test"))
    })
}

/// Lines from a span's first to its last.
pub(super) fn lines(from: Span, to: Span) -> usize {
    to.end().line - from.start().line + 1
}

/// Fails with all faults, one a line.
#[track_caller]
pub(super) fn none(law: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{law}:\n  {}", faults.join("\n  "));
}
