//! A WebRTC client on the crate `webrtc`: sits in a seat, sends sound, counts what it is sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp::{Header, Packet};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCPeerConnectionState, Registry, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use webrtc::runtime::{Runtime, default_runtime};

/// A line of an offer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    SendAudio,
    SendVideo,
    ReceiveAudio,
    ReceiveVideo,
}

/// The lines of an interactive room, in the order of the protocol; the camera without layers.
pub(crate) const ROOM: &[Line] = &[
    Line::SendAudio,
    Line::SendVideo,
    Line::ReceiveVideo,
    Line::ReceiveVideo,
    Line::ReceiveVideo,
    Line::ReceiveAudio,
    Line::ReceiveAudio,
    Line::ReceiveAudio,
];
/// Where a room's stage sound is among its lines.
pub(crate) const ROOM_STAGE_AUDIO: usize = 7;

/// What a connection told so far.
#[derive(Default)]
struct Told {
    connected: AtomicBool,
    /// Media packets by SSRC.
    packets: Mutex<HashMap<u32, u64>>,
    /// Packets with a marker, which end a picture, by SSRC.
    pictures: Mutex<HashMap<u32, u64>>,
    tracks: AtomicU64,
}

struct Ears {
    runtime: Arc<dyn Runtime>,
    told: Arc<Told>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.told.connected.store(state == RTCPeerConnectionState::Connected, Ordering::Relaxed);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.told.tracks.fetch_add(1, Ordering::Relaxed);
        let told = Arc::clone(&self.told);
        self.runtime.spawn(Box::pin(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    *told.packets.lock().unwrap().entry(packet.header.ssrc).or_default() += 1;
                    if packet.header.marker {
                        *told.pictures.lock().unwrap().entry(packet.header.ssrc).or_default() += 1;
                    }
                }
            }
        }));
    }
}

/// A connected client.
pub(crate) struct Client {
    peer: Arc<dyn PeerConnection>,
    told: Arc<Told>,
    microphone: Option<Arc<TrackLocalStaticRTP>>,
    /// The SSRC that the answer declares for each m-line.
    ssrcs: Vec<Option<u32>>,
    sent: Arc<AtomicU64>,
}

const MICROPHONE_SSRC: u32 = 0x0055_0001;
const OPUS_PAYLOAD_TYPE: u8 = 111;

fn local_track(kind: RtpCodecKind, mime: &str, clock_rate: u32, channels: u16, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let codec = RTCRtpCodec { mime_type: mime.to_owned(), clock_rate, channels, ..Default::default() };
    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "room".to_owned(),
        format!("{mime}-{ssrc}"),
        mime.to_owned(),
        kind,
        vec![RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec, ..Default::default() }],
    )))
}

impl Client {
    /// Makes an offer with these lines, has it answered, and waits for the connection.
    pub(crate) async fn join(lines: &[Line], answer: impl FnOnce(&str) -> String) -> Self {
        let runtime = default_runtime().expect("the tokio runtime is compiled in");
        let told = Arc::new(Told::default());
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
        let peer = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Ears { runtime: Arc::clone(&runtime), told: Arc::clone(&told) }))
            .with_runtime(runtime)
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .unwrap();
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        let microphone = Self::add_lines(&*peer, lines).await;
        let offer = peer.create_offer(None).await.unwrap();
        peer.set_local_description(offer).await.unwrap();
        let offer = peer.local_description().await.expect("it was just set");
        let text = answer(&offer.sdp);
        peer.set_remote_description(RTCSessionDescription::answer(text.clone()).unwrap()).await.unwrap();
        let client = Self { peer, told, microphone, ssrcs: declared_ssrcs(&text), sent: Arc::default() };
        client.wait("connected", |client| client.told.connected.load(Ordering::Relaxed)).await;
        client
    }

    async fn add_lines(peer: &dyn PeerConnection, lines: &[Line]) -> Option<Arc<TrackLocalStaticRTP>> {
        let init = |direction| Some(RTCRtpTransceiverInit { direction, ..Default::default() });
        let sends = init(RTCRtpTransceiverDirection::Sendonly);
        let receives = init(RTCRtpTransceiverDirection::Recvonly);
        let mut microphone = None;
        for line in lines {
            match line {
                Line::SendAudio => {
                    let track = local_track(RtpCodecKind::Audio, "audio/opus", 48_000, 2, MICROPHONE_SSRC);
                    microphone = Some(Arc::clone(&track));
                    peer.add_transceiver_from_track(track, sends.clone()).await.map(drop)
                }
                Line::SendVideo => {
                    let track = local_track(RtpCodecKind::Video, "video/H264", 90_000, 0, MICROPHONE_SSRC + 1);
                    peer.add_transceiver_from_track(track, sends.clone()).await.map(drop)
                }
                Line::ReceiveAudio => {
                    peer.add_transceiver_from_kind(RtpCodecKind::Audio, receives.clone()).await.map(drop)
                }
                Line::ReceiveVideo => {
                    peer.add_transceiver_from_kind(RtpCodecKind::Video, receives.clone()).await.map(drop)
                }
            }
            .unwrap();
        }
        microphone
    }

    /// Sends fifty packets of sound a second until the value it gives is dropped.
    pub(crate) fn speak(&self) -> Speaking {
        let track = self.microphone.clone().expect("a line that sends sound");
        let sent = Arc::clone(&self.sent);
        Speaking(tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(20));
            for number in 0_u32.. {
                clock.tick().await;
                let header = Header {
                    version: 2,
                    payload_type: OPUS_PAYLOAD_TYPE,
                    sequence_number: number as u16,
                    timestamp: number.wrapping_mul(960),
                    ssrc: MICROPHONE_SSRC,
                    ..Default::default()
                };
                // One 20 ms frame of the wideband CELT mode; the server does not look into it.
                let payload = vec![0xB8, 0x5A, 0xA5, number as u8, 1, 2, 3, 4].into();
                track.write_rtp(Packet { header, payload }).await.unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }))
    }

    /// Packets of sound sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Media packets that came on a line.
    pub(crate) fn packets(&self, line: usize) -> u64 {
        self.count(&self.told.packets, line)
    }

    /// Whole pictures that came on a line.
    pub(crate) fn pictures(&self, line: usize) -> u64 {
        self.count(&self.told.pictures, line)
    }

    fn count(&self, counts: &Mutex<HashMap<u32, u64>>, line: usize) -> u64 {
        let ssrc = self.ssrcs[line].expect("the answer declares an SSRC for each line that sends");
        counts.lock().unwrap().get(&ssrc).copied().unwrap_or_default()
    }

    /// Waits until something holds of the client; fails after twenty seconds.
    pub(crate) async fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = crate::demo::now() + Duration::from_secs(20);
        while !holds(self) {
            assert!(crate::demo::now() < end, "after 20 s still not: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Leaves.
    pub(crate) async fn close(&self) {
        self.peer.close().await.unwrap();
    }
}

/// Somebody speaks while this lives.
pub(crate) struct Speaking(tokio::task::JoinHandle<()>);

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The first SSRC of each m-line of an answer.
fn declared_ssrcs(answer: &str) -> Vec<Option<u32>> {
    answer
        .split("\r\nm=")
        .skip(1)
        .map(|line| line.split("\r\na=ssrc:").nth(1)?.split([' ', '\r']).next()?.parse().ok())
        .collect()
}
