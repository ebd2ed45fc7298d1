//! A foreign publisher (aiortc, by WHIP) and a foreign viewer (`webrtc`, by WHEP).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::client::{Client, Line};
use crate::demo::{Access, Demo};

/// A Python program that ends with this value.
struct Publisher(Child);

impl Publisher {
    fn start(url: &str, token: &str) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let python: PathBuf = tests.join(".venv/bin/python");
        assert!(python.exists(), "{} is missing: tests/all makes it", python.display());
        let child = Command::new(python)
            .arg(tests.join("foreign/whip_publish.py"))
            .args(["--url", url, "--token", token])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It ends with its input; a program that already ended is no fault.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whep_sends_a_foreign_viewer_whole_pictures_and_sound() {
    let demo = Demo::start(5, 0);
    let lesson = &demo.said["lessons"][0];
    let text = |key: &str| lesson[key].as_str().unwrap_or_else(|| panic!("{key} in {lesson}"));
    demo.wait_for_the_bell(&demo.sign_teacher_in());
    let _publisher = Publisher::start(text("whip"), text("token"));
    let access = Access::Secret(text("token").to_owned());
    let lines = [Line::ReceiveAudio, Line::ReceiveVideo];
    let viewer = Client::join(&lines, |offer| demo.offer(text("whep"), &access, offer)).await;
    viewer.wait("a second of sound", |viewer| viewer.packets(0) >= 50).await;
    viewer.wait("thirty pictures", |viewer| viewer.pictures(1) >= 30).await;
    viewer.close().await;
}
