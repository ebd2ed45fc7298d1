//! The documents name what exists.

use std::collections::BTreeSet;

use super::sources::{none, root};

const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md"];

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The words in back quotes, outside of code blocks.
fn quoted(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut words = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            continue;
        }
        if !inside {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

/// The targets of Markdown links, without fragments.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split(['#', ' ']).next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty())
        .collect()
}

/// Does a quoted word look like a path of this repository?
fn is_path(word: &str) -> bool {
    const TOPS: &[&str] = &["src/", "signaling/", "recorder/", "web/", "tests/", ".ci/", "deploy/", "docs/"];
    TOPS.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '<', '{', ' ', '…'])
}

#[test]
fn the_paths_in_the_documents_exist() {
    let mut faults = Vec::new();
    for name in DOCUMENTS {
        let text = read(name);
        let local = links(&text).into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
        for path in quoted(&text).into_iter().filter(|word| is_path(word)).chain(local) {
            let file = path.split(':').next().unwrap_or_default();
            // Made by a build, so a fresh clone has them not.
            let is_made = ["web/dist", "target/"].iter().any(|made| file.starts_with(made));
            if !is_made && !root().join(file).exists() {
                faults.push(format!("{name} names {path}"));
            }
        }
    }
    none("the map shows what is there", &faults);
}

/// A route with its parameters levelled: `/api/lessons/{}/start`.
fn levelled(route: &str) -> String {
    let path = route.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    path.split('/')
        .map(|part| if part.starts_with('{') || part.starts_with(':') { "{}" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn the_routes_in_the_documents_are_in_the_api_description() {
    let description: serde_json::Value = serde_json::from_str(&read("signaling/openapi.json")).unwrap();
    let known: BTreeSet<String> =
        description["paths"].as_object().unwrap().keys().map(|route| levelled(route)).collect();
    let mut faults = Vec::new();
    for name in DOCUMENTS {
        for word in quoted(&read(name)) {
            let route = word.split_whitespace().last().unwrap_or_default();
            let is_route = ["/api/", "/whip/", "/whep/"].iter().any(|start| route.starts_with(start));
            let is_some_route = route.contains('…') || route.contains('*') || route.ends_with('/');
            if is_route && !is_some_route && route != "/api/openapi.json" && !known.contains(&levelled(route)) {
                faults.push(format!("{name} names {route}"));
            }
        }
    }
    none("the documents name routes that exist", &faults);
}

#[test]
fn every_top_level_folder_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    let made = ["target", "node_modules"];
    let faults: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !made.contains(&name.as_str()) && !map.contains(&format!("{name}/")))
        .collect();
    none("a top-level folder is named in ARCHITECTURE.md", &faults);
}
