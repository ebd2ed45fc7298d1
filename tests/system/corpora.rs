//! Replays the seeds and finds of the fuzzers, so that an ordinary test run repeats them.

use std::path::Path;

#[path = "../fuzz/parsers.rs"]
mod parsers;

/// Calls a parser with every file of its corpus, and with every file cut short and lengthened.
fn replay(target: &str, parse: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let mut bytes = std::fs::read(entry.unwrap().path()).unwrap();
        parse(&bytes);
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
            parse(&bytes[..end]);
        }
        bytes.extend_from_within(..);
        parse(&bytes);
        seen += 1;
    }
    assert!(seen > 1, "{} has {seen} files", folder.display());
}

#[test]
fn offers() {
    replay("fuzz_offer", parsers::offer);
}

#[test]
fn restart_fragments() {
    replay("fuzz_fragment", parsers::fragment);
}

#[test]
fn rtp_packets() {
    replay("fuzz_rtp", parsers::rtp);
}

#[test]
fn redundant_audio() {
    replay("fuzz_red", parsers::red);
}

#[test]
fn rtcp_packets() {
    replay("fuzz_rtcp", parsers::rtcp);
}

#[test]
fn h264_payloads() {
    replay("fuzz_h264", parsers::h264);
}

#[test]
fn vp9_payloads() {
    replay("fuzz_vp9", parsers::vp9);
}

#[test]
fn recording_parts() {
    replay("fuzz_walk", parsers::walk);
}

#[test]
fn offers_of_real_clients_fit_their_roles() {
    use tongke::media::sdp::{Offer, fit};
    use tongke_signaling::command::SessionRole;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/fuzz_offer");
    for (role, name) in [
        (SessionRole::Teacher, "teacher"),
        (SessionRole::InteractiveRoom, "room"),
        (SessionRole::TerminalRoom, "terminal"),
        (SessionRole::Whep, "whep"),
        (SessionRole::Whip { screen: false }, "whip"),
    ] {
        for client in ["chromium", "firefox", "aiortc"] {
            let path = folder.join(format!("{client}-{name}.sdp"));
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let offer = Offer::parse(&text).unwrap_or_else(|refusal| panic!("{client} {name}: {refusal:?}"));
            fit(&offer, role).unwrap_or_else(|refusal| panic!("{client} {name}: {refusal:?}"));
        }
    }
}
