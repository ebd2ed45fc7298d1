//! Trickle-ICE fragments (RFC 8840): an ICE restart by PATCH (RFC 9725 §4.3).

use tongke_signaling::command::Refusal;

use super::answer::Candidates;
use crate::media::ice::Credentials;

/// Longest fragment taken, bytes.
const MAX_FRAGMENT: usize = 16 * 1024;

/// What a fragment asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// The client's credentials. Others than before: a restart.
    pub credentials: Option<Credentials>,
}

impl Fragment {
    /// Parses a fragment. Its candidates are of no use to an ICE-lite server and are skipped.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = |why: &str| Refusal::Malformed(why.to_owned());
        if text.len() > MAX_FRAGMENT {
            return Err(malformed("longer than 16 KiB"));
        }
        let (mut ufrag, mut password) = (None, None);
        let mut any = false;
        for line in text.lines().map(str::trim_end) {
            if line.is_empty() {
                continue;
            }
            if line.as_bytes().get(1) != Some(&b'=') {
                return Err(malformed("not an SDP fragment"));
            }
            any = true;
            if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
                ufrag = Some(value.to_owned()).filter(|u| (4..=256).contains(&u.len()));
            }
            if let Some(value) = line.strip_prefix("a=ice-pwd:") {
                password = Some(value.to_owned()).filter(|p| (22..=256).contains(&p.len()));
            }
        }
        if !any {
            return Err(malformed("empty fragment"));
        }
        Ok(Self { credentials: ufrag.zip(password).map(|(ufrag, password)| Credentials { ufrag, password }) })
    }
}

/// The answer to a restart: new credentials and the same candidates.
pub fn write_fragment(credentials: &Credentials, mid: &str, audio: bool, candidates: &Candidates) -> String {
    let kind = if audio { "audio" } else { "video" };
    let mut text = format!(
        "a=ice-lite\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm={kind} 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n",
        credentials.ufrag, credentials.password
    );
    for candidate in candidates.lines() {
        text.push_str(&format!("a=candidate:{candidate}\r\n"));
    }
    text.push_str("a=end-of-candidates\r\n");
    text
}
