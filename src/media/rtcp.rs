//! RTCP (RFC 3550 §6, RFC 4585, RFC 5104): what comes in as a few plain values, what goes out as bytes.
//!
//! Parsing is the crate's, but for REMB and transport-wide feedback; building is here, straight into the outgoing buffer.

use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use super::feedback::{self, Feedback};
use super::remb::{self, Remb};

/// What a client reports.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    /// A publisher's clock.
    Sender {
        /// Its stream.
        ssrc: u32,
        /// Its wall clock.
        ntp: u64,
        /// The same instant in RTP time.
        rtp: u32,
    },
    /// How one of our streams arrives.
    Reception {
        /// Our stream.
        ssrc: u32,
        /// Share lost since the last report, 0 to 255.
        fraction_lost: u8,
        /// Extended highest sequence number that came.
        highest: u32,
        /// Middle bits of our last sender report, 0 without one.
        last_report: u32,
        /// Since then, in 1/65,536 s.
        delay: u32,
    },
    /// Packets of one of our streams to be sent again.
    Nack {
        /// Our stream.
        ssrc: u32,
        /// Sequence numbers, at most [`MAX_NACKED`].
        sequences: Vec<u16>,
    },
    /// How everything we send arrives.
    Transport(Feedback),
    /// How much the client believes its line takes.
    Remb(Remb),
    /// A key frame is wanted.
    KeyFrame {
        /// Our stream.
        ssrc: u32,
    },
}

/// Sequence numbers taken from one NACK packet. More than a ring holds is not a loss but an attack.
pub const MAX_NACKED: usize = 256;
/// Reports taken from one datagram.
const MAX_REPORTS: usize = 128;

/// The SSRC of the sender: plain also in SRTCP (RFC 3711 §3.4).
pub fn sender(packet: &[u8]) -> Option<u32> {
    packet.get(4..8).and_then(|s| s.first_chunk::<4>()).map(|s| u32::from_be_bytes(*s))
}

/// Parses a plain compound packet; garbage gives an empty list.
pub fn parse(packet: &[u8]) -> Vec<Report> {
    let mut reports = Vec::new();
    let mut rest = packet;
    while reports.len() < MAX_REPORTS {
        let Some((first, after)) = split_first(rest) else { break };
        rest = after;
        if remb::is_remb(first) {
            reports.extend(remb::parse(first).map(Report::Remb));
            continue;
        }
        if feedback::is_feedback(first) {
            let Some(feedback) = feedback::parse(first) else { return Vec::new() };
            reports.push(Report::Transport(feedback));
            continue;
        }
        let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut &*first) else { return Vec::new() };
        packets.iter().for_each(|packet| take(packet.as_ref(), &mut reports));
    }
    if !rest.is_empty() && reports.len() < MAX_REPORTS {
        return Vec::new();
    }
    reports.truncate(MAX_REPORTS);
    reports
}

/// The first packet of a compound, and what comes after it (RFC 3550 §6.4.1: the length is in words, less one).
fn split_first(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_, _, high, low] = *compound.first_chunk::<4>()?;
    compound.split_at_checked(4 + 4 * usize::from(u16::from_be_bytes([high, low])))
}

fn take(packet: &dyn rtc_rtcp::packet::Packet, reports: &mut Vec<Report>) {
    let any = packet.as_any();
    if let Some(sr) = any.downcast_ref::<SenderReport>() {
        reports.push(Report::Sender { ssrc: sr.ssrc, ntp: sr.ntp_time, rtp: sr.rtp_time });
        reports.extend(sr.reports.iter().map(reception));
    } else if let Some(rr) = any.downcast_ref::<ReceiverReport>() {
        reports.extend(rr.reports.iter().map(reception));
    } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
        let sequences = nack.nacks.iter().flat_map(|n| n.packet_list()).take(MAX_NACKED).collect();
        reports.push(Report::Nack { ssrc: nack.media_ssrc, sequences });
    } else if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
        reports.push(Report::KeyFrame { ssrc: pli.media_ssrc });
    } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
        reports.extend(fir.fir.iter().map(|f| Report::KeyFrame { ssrc: f.ssrc }));
    }
}

fn reception(r: &rtc_rtcp::reception_report::ReceptionReport) -> Report {
    Report::Reception {
        ssrc: r.ssrc,
        fraction_lost: r.fraction_lost,
        highest: r.last_sequence_number,
        last_report: r.last_sender_report,
        delay: r.delay,
    }
}

fn header(out: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    out.push(0x80 | count & 0x1f);
    out.push(kind);
    out.extend_from_slice(&words.to_be_bytes());
}

/// A picture loss indication (RFC 4585 §6.3.1).
pub fn write_pli(out: &mut Vec<u8>, ours: u32, theirs: u32) {
    header(out, 1, 206, 2);
    out.extend_from_slice(&ours.to_be_bytes());
    out.extend_from_slice(&theirs.to_be_bytes());
}

/// A generic NACK (RFC 4585 §6.2.1) of sorted sequence numbers.
pub fn write_nack(out: &mut Vec<u8>, ours: u32, theirs: u32, sequences: &[u16]) {
    let start = out.len();
    header(out, 1, 205, 0);
    out.extend_from_slice(&ours.to_be_bytes());
    out.extend_from_slice(&theirs.to_be_bytes());
    let mut words: u16 = 2;
    let mut rest = sequences;
    while let Some((first, mut tail)) = rest.split_first() {
        let mut mask = 0u16;
        while let Some((next, more)) = tail.split_first() {
            let ahead = next.wrapping_sub(*first);
            if ahead == 0 || ahead > 16 {
                break;
            }
            mask |= 1 << (ahead - 1);
            tail = more;
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        words += 1;
        rest = tail;
    }
    if let Some(length) = out.get_mut(start + 2..start + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

/// One reception report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// The stream reported on.
    pub ssrc: u32,
    /// Share lost since the last report, 0 to 255.
    pub fraction_lost: u8,
    /// Lost since the beginning.
    pub total_lost: u32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Interarrival jitter, RTP time.
    pub jitter: u32,
    /// Middle bits of the last sender report.
    pub last_report: u32,
    /// Since then, 1/65,536 s.
    pub delay: u32,
}

/// A receiver report of at most 31 blocks.
pub fn write_receiver_report(out: &mut Vec<u8>, ours: u32, blocks: &[Block]) {
    let blocks = blocks.get(..31).unwrap_or(blocks);
    header(out, blocks.len() as u8, 201, 1 + 6 * blocks.len() as u16);
    out.extend_from_slice(&ours.to_be_bytes());
    for b in blocks {
        out.extend_from_slice(&b.ssrc.to_be_bytes());
        out.push(b.fraction_lost);
        out.extend_from_slice(&b.total_lost.min(0x7f_ffff).to_be_bytes()[1..]);
        out.extend_from_slice(&b.highest.to_be_bytes());
        out.extend_from_slice(&b.jitter.to_be_bytes());
        out.extend_from_slice(&b.last_report.to_be_bytes());
        out.extend_from_slice(&b.delay.to_be_bytes());
    }
}

/// A sender report with its CNAME (RFC 3550 §6.4.1, §6.5.1).
pub fn write_sender_report(out: &mut Vec<u8>, ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32, cname: &str) {
    header(out, 0, 200, 6);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&ntp.to_be_bytes());
    out.extend_from_slice(&rtp.to_be_bytes());
    out.extend_from_slice(&packets.to_be_bytes());
    out.extend_from_slice(&octets.to_be_bytes());
    // Chunk: SSRC, item type 1, length, text, then 1 to 4 zero bytes to the next word.
    let item = 2 + cname.len();
    let chunk = 4 + (item / 4 + 1) * 4;
    header(out, 1, 202, (chunk / 4) as u16);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.push(1);
    out.push(cname.len() as u8);
    out.extend_from_slice(cname.as_bytes());
    out.resize(out.len() + chunk - 4 - item, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_what_the_crate_parses() {
        let mut out = Vec::new();
        write_sender_report(&mut out, 9, 77, 88, 3, 4, "teacher");
        let block =
            Block { ssrc: 5, fraction_lost: 6, total_lost: 7, highest: 8, jitter: 9, last_report: 10, delay: 11 };
        write_receiver_report(&mut out, 1, &[block]);
        write_nack(&mut out, 1, 5, &[10, 11, 26, 27, 65_535]);
        remb::write(&mut out, 1, &Remb { bits: 0, ssrcs: vec![5] });
        write_pli(&mut out, 1, 5);
        assert_eq!(
            parse(&out),
            vec![
                Report::Sender { ssrc: 9, ntp: 77, rtp: 88 },
                Report::Reception { ssrc: 5, fraction_lost: 6, highest: 8, last_report: 10, delay: 11 },
                Report::Nack { ssrc: 5, sequences: vec![10, 11, 26, 27, 65_535] },
                Report::Remb(Remb { bits: 0, ssrcs: vec![5] }),
                Report::KeyFrame { ssrc: 5 },
            ]
        );
    }

    #[test]
    fn a_remb_that_lies_takes_nothing_else_with_it() {
        let mut out = Vec::new();
        remb::write(&mut out, 1, &Remb { bits: 1 << 63, ssrcs: vec![5] });
        out[16] = 9;
        write_pli(&mut out, 1, 5);
        assert_eq!(parse(&out), vec![Report::KeyFrame { ssrc: 5 }]);
        out.push(0x80);
        assert_eq!(parse(&out), vec![], "a compound that does not end");
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in 200u8..208, count in 0u8..32) {
            let mut packet = bytes;
            if packet.len() >= 4 {
                packet[0] = 0x80 | count;
                packet[1] = kind;
                let words = (packet.len() / 4 - 1) as u16;
                packet[2..4].copy_from_slice(&words.to_be_bytes());
            }
            let _ = parse(&packet);
        }
    }
}
