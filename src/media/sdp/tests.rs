//! Offers as browsers write them, good and bad.

use tongke_signaling::command::{Refusal, SessionRole, Slot, SourceKind};

use super::*;
use crate::media::ice::Credentials;

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=rtcp-mux\r\n\
    a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\r\n";

fn audio(mid: usize, direction: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 9\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n{TRANSPORT}\
         a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    )
}

fn video(mid: usize, direction: &str, more: &str) -> String {
    format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 98 99\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n{TRANSPORT}\
         a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
         a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
         a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n\
         a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
         a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n{more}"
    )
}

fn bundle(lines: &[String]) -> String {
    let mids: Vec<String> = (0..lines.len()).map(|i| i.to_string()).collect();
    format!("{HEAD}a=group:BUNDLE {}\r\n{}", mids.join(" "), lines.concat())
}

const SIMULCAST: &str = "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";

fn room() -> String {
    let mut lines = vec![audio(0, "sendonly"), video(1, "sendonly", SIMULCAST)];
    lines.extend((2..5).map(|m| video(m, "recvonly", "")));
    lines.extend((5..8).map(|m| audio(m, "recvonly")));
    bundle(&lines)
}

#[test]
fn a_rooms_offer_fits_its_role_line_by_line() {
    let offer = Offer::parse(&room()).expect("parses");
    let uses = fit(&offer, SessionRole::InteractiveRoom).expect("fits");
    assert_eq!(uses[1], LineUse::Up(SourceKind::Camera));
    assert_eq!(uses[7], LineUse::Down(Slot::StageAudio));
    assert_eq!(offer.lines[1].rids, ["q", "h", "f"]);
    let codecs: Vec<Codec> = offer.lines[1].codecs.iter().map(|c| c.codec).collect();
    assert_eq!(codecs, [Codec::H264, Codec::Vp9], "VP8 is never taken");
    assert_eq!(offer.lines[1].codecs[0].rtx, Some(103));
    assert!(offer.lines[0].audio_nack);
}

#[test]
fn what_does_not_fit_names_its_line() {
    let offer = Offer::parse(&room()).expect("parses");
    assert!(matches!(fit(&offer, SessionRole::Teacher), Err(Refusal::Unfit { line: None, .. })));
    let mut lines: Vec<String> = vec![audio(0, "sendonly"), video(1, "recvonly", "")];
    let offer = Offer::parse(&bundle(&lines)).expect("parses");
    assert!(matches!(fit(&offer, SessionRole::Whip { screen: false }), Err(Refusal::Unfit { line: Some(1), .. })));
    lines.push(video(2, "sendonly", ""));
    let offer = Offer::parse(&bundle(&lines)).expect("parses");
    assert!(matches!(fit(&offer, SessionRole::Whip { screen: false }), Err(Refusal::Unfit { line: Some(2), .. })));
}

#[test]
fn malformed_offers_are_refused_quickly() {
    let good = room();
    let bad = [
        String::new(),
        "v=0".to_owned(),
        "hello".to_owned(),
        good.replace("sha-256", "sha-1"),
        good.replace("a=ice-ufrag:abcd\r\n", ""),
        good.replace("a=mid:1\r\n", "a=mid:0\r\n"),
        good.replace("a=mid:1\r\n", ""),
        good.replace("a=extmap:10 ", "a=extmap:4 "),
        good.replace(" 96 97 102 ", " 96 96 102 "),
        good.replace("BUNDLE 0 1", "BUNDLE 0"),
        good.replace("AA:BB", "AA:B"),
        format!("{good}{}", "a=x:y\r\n".repeat(20_000)),
        bundle(&(0..70).map(|m| audio(m, "sendonly")).collect::<Vec<_>>()),
    ];
    for text in bad {
        let start = crate::net::clock::now();
        assert!(matches!(Offer::parse(&text), Err(Refusal::Malformed(_))), "{:.80}", text);
        assert!(start.elapsed().as_millis() < 50);
    }
}

#[test]
fn the_answer_parses_and_says_what_was_planned() {
    let offer = Offer::parse(&bundle(&[audio(0, "recvonly"), video(1, "recvonly", "")])).expect("parses");
    let uses = fit(&offer, SessionRole::Whep).expect("fits");
    let plans: Vec<AnswerPlan> = offer
        .lines
        .iter()
        .map(|l| AnswerPlan::Send {
            codecs: l.codecs.clone(),
            ssrc: 7,
            rtx: Some(8),
            group: "view",
            transport_cc: l.extensions.transport_cc,
        })
        .collect();
    let credentials = Credentials { ufrag: "00abcdefgh".to_owned(), password: "p".repeat(24) };
    let candidates = Candidates {
        udp: vec!["127.0.0.1:7882".parse().expect("address")],
        tcp: vec!["127.0.0.1:7881".parse().expect("address")],
    };
    let answer = write_answer(&offer, &uses, &plans, &credentials, "AA:BB", &candidates);
    for wanted in [
        "a=ice-lite\r\n",
        "a=group:BUNDLE 0 1\r\n",
        "a=setup:passive\r\n",
        "a=sendonly\r\n",
        "a=ssrc-group:FID 7 8\r\n",
        "127.0.0.1 7882 typ host",
        "tcptype passive",
        "a=rtpmap:102 H264/90000\r\n",
        "a=fmtp:103 apt=102\r\n",
    ] {
        assert!(answer.contains(wanted), "{wanted} in {answer}");
    }
    assert!(!answer.contains("VP8"));
}

#[test]
fn sound_that_is_sent_again_is_not_numbered_on_the_way_up() {
    let numbered = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let again = format!("{}{numbered}", audio(0, "sendonly"));
    let once = again.replace("a=rtcp-fb:111 nack\r\n", "");
    for (line, is_numbered) in [(again, false), (once, true)] {
        let offer = Offer::parse(&bundle(&[line])).expect("parses");
        let uses = fit(&offer, SessionRole::Whip { screen: false }).expect("fits");
        let plans = [AnswerPlan::Receive(offer.lines[0].codecs[0].clone())];
        let credentials = Credentials { ufrag: "00abcdefgh".to_owned(), password: "p".repeat(24) };
        let answer = write_answer(&offer, &uses, &plans, &credentials, "AA:BB", &Candidates::default());
        assert_eq!(answer.contains("transport-wide-cc"), is_numbered, "{answer}");
        assert_eq!(answer.contains("rtcp-fb:111 transport-cc"), is_numbered, "{answer}");
        assert_eq!(answer.contains("rtcp-fb:111 nack"), !is_numbered, "{answer}");
    }
}

#[test]
fn a_fragment_is_read_and_answered() {
    let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
    assert_eq!(Fragment::parse(text).expect("parses").credentials.map(|c| c.ufrag).as_deref(), Some("EsAw"));
    assert!(Fragment::parse("").is_err());
    assert!(Fragment::parse("nonsense").is_err());
}

proptest::proptest! {
    #[test]
    fn hostile_offers_never_panic(at in 0usize..8000, with in "\\PC{0,8}", cut in 0usize..8000) {
        let mut text = room();
        let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.insert_str(at, &with);
        let cut = (0..=(cut + 1000).min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(cut);
        if let Ok(offer) = Offer::parse(&text) {
            let _ = fit(&offer, SessionRole::InteractiveRoom);
        }
    }
}
