//! Builds the web pages into the binary: `WEB_DIST` or a fresh `web/dist`, otherwise `npm ci && npm run build`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the pages are made of; anything newer than `web/dist` makes it stale.
const SOURCES: [&str; 8] = [
    "web/src",
    "web/public",
    "web/package.json",
    "web/package-lock.json",
    "web/vite.config.ts",
    "web/index.html",
    "web/display.html",
    "web/teacher.html",
];

fn main() {
    println!("cargo::rerun-if-env-changed=WEB_DIST");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = match std::env::var_os("WEB_DIST") {
        Some(given) => PathBuf::from(given),
        None => built(&root),
    };
    println!("cargo::rerun-if-changed={}", dist.join("index.html").display());
    memory_serve::load_directory(dist);
}

fn built(root: &Path) -> PathBuf {
    let web = root.join("web");
    let dist = web.join("dist");
    let made = modified(&dist.join("index.html"));
    let newest = SOURCES.iter().filter_map(|s| newest(&root.join(s))).max();
    if made.is_some() && made >= newest {
        return dist;
    }
    let lock = modified(&web.join("package-lock.json"));
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    if installed.is_none() || installed < lock {
        npm(&web, &["ci", "--no-audit", "--no-fund"]);
    }
    npm(&web, &["run", "build"]);
    dist
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_dir() { path.read_dir().ok()?.flatten().filter_map(|e| newest(&e.path())).max() } else { modified(path) }
}

fn npm(web: &Path, arguments: &[&str]) {
    let status = Command::new("npm").args(arguments).current_dir(web).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("`npm {}` in web/ ended with {status}", arguments.join(" "))),
        Err(cause) => {
            fail(&format!(
                "npm cannot be run ({cause}); install it: sudo apt-get install -y nodejs npm (Node 20 or newer)"
            ));
        }
    }
}

fn fail(why: &str) -> ! {
    println!("cargo::error={why}");
    std::process::exit(1);
}
