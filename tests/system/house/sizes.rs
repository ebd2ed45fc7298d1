//! Files stop at 600 lines and functions at 70.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::sources::{Source, files, lines, none, parse, rust};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

/// Files that may be longer: path and the reason. Each must still be longer, or it leaves the list.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer: path, name and the reason. Each must still be longer.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Files that a tool writes.
const GENERATED: &[&str] = &["web/src/api/schema.ts"];

/// All written sources that are measured.
fn measured() -> Vec<Source> {
    let mut all = rust();
    all.extend(files("web", &[".ts", ".svelte", ".js", ".mjs"]));
    all.extend(files("tests", &[".rs", ".mjs", ".py"]));
    all.retain(|source| !GENERATED.contains(&source.path.as_str()) && !source.path.ends_with(".d.ts"));
    all
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let allowed: BTreeSet<&str> = LONG_FILES.iter().map(|(path, _)| *path).collect();
    let mut faults = Vec::new();
    for source in measured() {
        let length = source.text.lines().count();
        let may = allowed.contains(source.path.as_str());
        if length > FILE_LINES && !may {
            faults.push(format!("{} has {length} lines", source.path));
        }
        if length <= FILE_LINES && may {
            faults.push(format!("{} has {length} lines: take it off the exceptions", source.path));
        }
    }
    none("a file stops at 600 lines", &faults);
}

/// Collects each function's name, line and length in lines.
#[derive(Default)]
struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let name = signature.ident.to_string();
        self.0.push((name, signature.ident.span().start().line, lines(signature.fn_token.span, block.span())));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    let mut all = rust();
    all.extend(files("tests", &[".rs"]));
    for source in all {
        let mut functions = Functions::default();
        functions.visit_file(&parse(&source));
        for (name, line, length) in functions.0 {
            if length <= FUNCTION_LINES {
                continue;
            }
            match LONG_FUNCTIONS.iter().find(|(path, long, _)| *path == source.path && *long == name) {
                Some((path, long, _)) => _ = used.insert((*path, *long)),
                None => faults.push(format!("{}:{line} {name} has {length} lines", source.path)),
            }
        }
    }
    for (path, name, _) in LONG_FUNCTIONS {
        if !used.contains(&(*path, *name)) {
            faults.push(format!("{path} {name} is short now: take it off the exceptions"));
        }
    }
    none("a function stops at 70 lines", &faults);
}

/// The lengths of functions in a script, found by their braces: from a line that opens a function
/// to the line that closes it at the same indentation. The formatter of the web keeps that true.
fn script_functions(text: &str) -> Vec<(usize, usize)> {
    let all: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in all.iter().enumerate() {
        let body = line.trim_start();
        let opens = line.trim_end().ends_with('{')
            && (body.contains("function ") || body.contains("function(") || line.trim_end().ends_with("=> {"));
        if !opens {
            continue;
        }
        let indent = line.len() - body.len();
        let close = all.iter().skip(number + 1).position(|later| {
            let code = later.trim_start();
            code.starts_with('}') && later.len() - code.len() == indent
        });
        if let Some(distance) = close {
            found.push((number + 1, distance + 2));
        }
    }
    found
}

#[test]
fn no_function_of_the_pages_is_longer_than_70_lines() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for source in files("web", &[".ts", ".svelte"]) {
        // The callback of a whole test suite is a chapter, not a function.
        if source.path.ends_with(".d.ts") || source.path.ends_with(".test.ts") {
            continue;
        }
        for (line, length) in script_functions(&source.text).into_iter().filter(|(_, length)| *length > FUNCTION_LINES)
        {
            match LONG_FUNCTIONS.iter().find(|(path, name, _)| {
                *path == source.path && source.text.lines().nth(line - 1).is_some_and(|text| text.contains(name))
            }) {
                Some((path, name, _)) => _ = used.insert((*path, *name)),
                None => faults.push(format!("{}:{line} has {length} lines", source.path)),
            }
        }
    }
    none("a function stops at 70 lines", &faults);
}

#[test]
fn script_functions_are_measured_from_brace_to_brace() {
    let text = "export function a() {\n  if (x) {\n  }\n}\nconst b = () => {\n  return 1;\n};\n";
    assert_eq!(script_functions(text), vec![(1, 4), (5, 3)]);
}
