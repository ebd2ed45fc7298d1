//! Who may know what (ARCHITECTURE.md).

use syn::visit::{self, Visit};

use super::sources::{Source, files, is_test_only, none, parse, root, rust};

/// Paths that the media core must not name: clock, socket, thread, channel, disk, SQL, async.
const FORBIDDEN_IN_MEDIA: &[&str] = &[
    "tokio",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::thread",
    "std::fs",
    "std::sync::mpsc",
    "mpsc",
    "crossbeam_channel",
    "flume",
    "sqlx",
    "axum",
    "tongke_signaling::store",
    "std::env",
    "std::process",
];

/// Finds forbidden paths outside of `#[cfg(test)]`.
struct Names<'a> {
    source: &'a Source,
    forbidden: &'a [&'a str],
    faults: Vec<String>,
}

impl Names<'_> {
    fn check(&mut self, path: &str, line: usize) {
        let says = |bad: &str| path == bad || path.starts_with(&format!("{bad}::"));
        if let Some(bad) = self.forbidden.iter().find(|bad| says(bad)) {
            self.faults.push(format!("{}:{line} names {bad}", self.source.path));
        }
        if path.ends_with("::now") {
            self.faults.push(format!("{}:{line} reads a clock: {path}", self.source.path));
        }
    }

    fn check_use(&mut self, before: &str, tree: &syn::UseTree) {
        let joined = |name: String| if before.is_empty() { name } else { format!("{before}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.check_use(&joined(path.ident.to_string()), &path.tree),
            syn::UseTree::Name(name) => self.check(&joined(name.ident.to_string()), name.ident.span().start().line),
            syn::UseTree::Rename(name) => self.check(&joined(name.ident.to_string()), name.ident.span().start().line),
            syn::UseTree::Glob(glob) => self.check(before, glob.star_token.spans[0].start().line),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.check_use(before, item)),
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test_only(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.check_use("", &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.check(&names.join("::"), line);
        visit::visit_path(self, path);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(word) = signature.asyncness {
            self.faults.push(format!("{}:{} is async", self.source.path, word.span.start().line));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.faults.push(format!("{}:{} is async", self.source.path, block.async_token.span.start().line));
    }
}

/// Files that are tests as a whole: `tests.rs`, or below a folder `tests`.
fn is_test_file(source: &Source) -> bool {
    source.path.ends_with("/tests.rs") || source.path.contains("/tests/")
}

fn names(folder: &str, forbidden: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in files(folder, &[".rs"]).iter().filter(|source| !is_test_file(source)) {
        let mut seen = Names { source, forbidden, faults: Vec::new() };
        seen.visit_file(&parse(source));
        faults.extend(seen.faults);
    }
    faults
}

#[test]
fn the_media_core_knows_no_clock_socket_thread_channel_disk_sql_or_async() {
    none("src/media is a value that is told the time and given bytes", &names("src/media", FORBIDDEN_IN_MEDIA));
}

#[test]
fn the_calendar_knows_no_clock_socket_thread_channel_disk_sql_or_async() {
    none("signaling/src/calendar is asked and answers", &names("signaling/src/calendar", FORBIDDEN_IN_MEDIA));
}

#[test]
fn the_purity_check_sees_each_kind_of_fault() {
    let text = "use std::{fs, net::UdpSocket};\nuse tokio::sync::mpsc;\nasync fn a() {}\n\
        fn b() { let _ = std::time::Instant::now(); std::thread::spawn(|| ()); }\n\
        #[cfg(test)]\nmod tests { use std::fs; fn c() { let _ = std::time::Instant::now(); } }\n";
    let source = Source { path: "x.rs".into(), text: text.into() };
    let mut seen = Names { source: &source, forbidden: FORBIDDEN_IN_MEDIA, faults: Vec::new() };
    seen.visit_file(&parse(&source));
    assert_eq!(seen.faults.len(), 6, "{:?}", seen.faults);
}

#[test]
fn the_recorder_knows_no_runtime_http_or_sql() {
    none(
        "recorder is files and boxes only",
        &names("recorder/src", &["tokio", "axum", "hyper", "sqlx", "UdpSocket", "TcpStream", "std::net"])
            .into_iter()
            .filter(|fault| !fault.contains("reads a clock"))
            .collect::<Vec<_>>(),
    );
}

/// The packages a manifest depends on, of all its ordinary and target dependencies.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(manifest)).unwrap();
    let table: toml::Table = text.parse().unwrap();
    table
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|all| all.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn signaling_and_recorder_are_leaves_that_do_not_know_each_other() {
    let mut faults = Vec::new();
    for (manifest, bad) in [
        ("signaling/Cargo.toml", &["tongke", "tongke-recorder", "shiguredo_mp4", "webrtc"][..]),
        ("recorder/Cargo.toml", &["tongke", "tongke-signaling", "tokio", "axum", "sqlx", "hyper", "webrtc"][..]),
    ] {
        for name in dependencies(manifest) {
            let knows_rtc = manifest.starts_with("signaling") && name.starts_with("rtc-");
            if bad.contains(&name.as_str()) || knows_rtc {
                faults.push(format!("{manifest} depends on {name}"));
            }
        }
    }
    none("leaves stay leaves", &faults);
}

#[test]
fn only_the_house_sees_signaling_media_and_recorder() {
    let sees_all = |source: &&Source| {
        ["tongke_signaling", "tongke_recorder", "media::"].iter().all(|name| source.text.contains(name))
    };
    let faults: Vec<String> = rust()
        .iter()
        .filter(|source| source.path.starts_with("src/") && !source.path.starts_with("src/house"))
        .filter(|source| !is_test_file(source))
        .filter(sees_all)
        .map(|source| source.path.clone())
        .collect();
    none("src/house.rs is the only file that sees all three", &faults);
}

#[test]
fn nothing_comes_from_git_or_a_vendored_copy() {
    let mut faults = Vec::new();
    for manifest in files("", &["Cargo.toml"]) {
        let table: toml::Table = manifest.text.parse().unwrap();
        if table.contains_key("patch") || table.contains_key("replace") {
            faults.push(format!("{} patches a crate", manifest.path));
        }
        if manifest.text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("git = ")) {
            faults.push(format!("{} has a git dependency", manifest.path));
        }
    }
    none("crates come from the registry as they are", &faults);
}
