//! CMAF (ISO/IEC 23000-19) writing: init segments, the header of a part, fragments.
//!
//! `tfdt` is lesson time in the track's timescale (90 kHz video, 48 kHz sound), so a fragment tells its place
//! without the database. hls.js takes the first `tfdt` it loads as the origin of its playlist, so a page maps
//! lesson time = run start + `currentTime`.
//!
//! H.264 samples are `avc1`: parameter sets live in the init segment only, which is what every browser's MSE
//! takes; changed sets make a new epoch.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use shiguredo_mp4::bitstream::h264::{H264SampleEntryConfig, LengthSize, build_avc1_box};
use shiguredo_mp4::bitstream::opus::{ChannelCount, OpusSampleEntryConfig, build_opus_box};
use shiguredo_mp4::bitstream::vp9::{Vp9FrameHeader, Vp9FrameSize, Vp9FrameType, Vp9SampleEntryConfig, build_vp09_box};
use shiguredo_mp4::boxes::{MfhdBox, MoofBox, SampleEntry, TfdtBox, TfhdBox, TrafBox, TrunBox, TrunSample, UnknownBox};
use shiguredo_mp4::mux::{Fmp4SegmentMuxer, Sample as MuxSample};
use shiguredo_mp4::{BoxSize, BoxType, Encode, SampleFlags, TrackKind, codec_string};

use crate::error::Error;

/// The one track of every file. `Fmp4SegmentMuxer` numbers from 1.
const TRACK_ID: u32 = 1;
/// A part begins with a `free` box (ISO/IEC 14496-12 section 8.1.2) of this brand and a [`PartHeader`]:
/// players skip it, recovery and `check` need it.
const HEADER_BRAND: &[u8; 8] = b"tongke-1";
/// A part's header is some 120 bytes; longer is not ours.
pub(crate) const LARGEST_HEADER: usize = 4096;

/// What a decoder must know before the first sample. A change makes a new epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameters {
    /// Sound.
    Opus {
        /// 1 or 2.
        channels: u8,
    },
    /// H.264 parameter sets, without start codes.
    H264 {
        /// Sequence parameter sets.
        sps: Vec<Vec<u8>>,
        /// Picture parameter sets.
        pps: Vec<Vec<u8>>,
    },
    /// VP9, from a key frame's header.
    Vp9(Vp9Parameters),
}

/// The fields of a VP9 key frame's header that `vpcC` repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Parameters {
    /// 0 to 3; browsers send 0.
    pub profile: u8,
    /// 8, 10 or 12.
    pub bit_depth: u8,
    /// VP9 bitstream specification section 7.2.2.
    pub color_space: u8,
    /// 1 for full swing.
    pub color_range: u8,
    /// Chroma subsampling.
    pub subsampling_x: u8,
    /// Chroma subsampling.
    pub subsampling_y: u8,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

/// An init segment and what its sample entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// `ftyp` and `moov`.
    pub bytes: Vec<u8>,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Pixels, 0 for sound.
    pub width: u16,
    /// Pixels, 0 for sound.
    pub height: u16,
}

/// Builds the init segment of an epoch. Fails where a hostile publisher's parameter sets cannot be read.
pub fn init_segment(parameters: &Parameters) -> Result<Init, Error> {
    let fail = |why: String| Error::Box { what: "init segment", why };
    let (entry, timescale, width, height) = sample_entry(parameters).map_err(|e| fail(e.to_string()))?;
    let codec = codec_string::from_sample_entry(&entry).map_err(|e| fail(e.to_string()))?;
    let kind = if width == 0 { TrackKind::Audio } else { TrackKind::Video };
    let mut muxer = Fmp4SegmentMuxer::new().map_err(|e| fail(e.to_string()))?;
    // The muxer learns the track from a sample; its media segment is not used, because it cannot begin at
    // a lesson time.
    let sample = MuxSample {
        track_kind: kind,
        timescale: NonZeroU32::new(timescale).ok_or_else(|| fail("no timescale".into()))?,
        sample_entry: Some(entry),
        duration: 1,
        keyframe: true,
        composition_time_offset: None,
        data_offset: 0,
        data_size: 1,
    };
    muxer.create_media_segment_metadata(&[sample]).map_err(|e| fail(e.to_string()))?;
    let bytes = muxer.init_segment_bytes().map_err(|e| fail(e.to_string()))?;
    Ok(Init { bytes, codec, width, height })
}

type Entry = (SampleEntry, u32, u16, u16);

fn sample_entry(parameters: &Parameters) -> shiguredo_mp4::Result<Entry> {
    match parameters {
        Parameters::Opus { channels } => {
            let config = OpusSampleEntryConfig {
                channel_count: if *channels == 1 { ChannelCount::Mono } else { ChannelCount::Stereo },
                // A live stream is joined in its middle: there is nothing to skip.
                pre_skip: 0,
                input_sample_rate: 48_000,
                output_gain: 0,
            };
            Ok((SampleEntry::Opus(build_opus_box(&config)), 48_000, 0, 0))
        }
        Parameters::H264 { sps, pps } => {
            let entry = build_avc1_box(sps, pps, &H264SampleEntryConfig { length_size: LengthSize::FourBytes })?;
            let (width, height) = (entry.visual.width, entry.visual.height);
            Ok((SampleEntry::Avc1(entry), 90_000, width, height))
        }
        Parameters::Vp9(vp9) => {
            let entry = build_vp09_box(&vp9.header(), &vp9.config())?;
            Ok((SampleEntry::Vp09(entry), 90_000, vp9.width, vp9.height))
        }
    }
}

impl Vp9Parameters {
    fn header(&self) -> Vp9FrameHeader {
        Vp9FrameHeader {
            profile: self.profile,
            show_existing_frame: None,
            frame_type: Vp9FrameType::Key,
            show_frame: true,
            error_resilient_mode: false,
            intra_only: false,
            refresh_frame_flags: 0xff,
            bit_depth: self.bit_depth,
            color_space: self.color_space,
            color_range: self.color_range,
            subsampling_x: self.subsampling_x,
            subsampling_y: self.subsampling_y,
            frame_size: Vp9FrameSize::Resolved { width: self.width.into(), height: self.height.into() },
            render_size: None,
        }
    }

    fn config(&self) -> Vp9SampleEntryConfig {
        // VP9 level definitions: the smallest level whose luma picture size holds the picture. A codec string
        // without a valid level is refused by Chromium.
        let pixels = u32::from(self.width) * u32::from(self.height);
        let level = match pixels {
            0..=36_864 => 10,
            36_865..=73_728 => 11,
            73_729..=122_880 => 20,
            122_881..=245_760 => 21,
            245_761..=552_960 => 30,
            552_961..=983_040 => 31,
            983_041..=2_228_224 => 40,
            2_228_225..=8_912_896 => 50,
            _ => 60,
        };
        // Section 7.2.2 of the bitstream against ISO/IEC 23091-2: 1 and 3 BT.601, 2 BT.709, 5 BT.2020, 7 sRGB.
        let (primaries, transfer, matrix) = match self.color_space {
            1 | 3 => (6, 6, 6),
            2 => (1, 1, 1),
            5 => (9, 14, 9),
            7 => (1, 13, 0),
            _ => (2, 2, 2),
        };
        Vp9SampleEntryConfig {
            level,
            colour_primaries: primaries,
            transfer_characteristics: transfer,
            matrix_coefficients: matrix,
            width: self.width,
            height: self.height,
        }
    }
}

/// What a part says of itself, in its first box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHeader {
    /// Number of the part within its track.
    pub number: u32,
    /// The init segment it needs.
    pub epoch: u32,
    /// Ticks per second of its times.
    pub timescale: u32,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Pixels, 0 for sound.
    pub width: u16,
    /// Pixels, 0 for sound.
    pub height: u16,
}

/// Appends a part's header box to `out`.
pub(crate) fn write_header(out: &mut Vec<u8>, header: &PartHeader) -> Result<(), Error> {
    let fail = |why: String| Error::Box { what: "part header", why };
    let json = serde_json::to_vec(header).map_err(|e| fail(e.to_string()))?;
    let size = u32::try_from(8 + HEADER_BRAND.len() + json.len()).map_err(|e| fail(e.to_string()))?;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(b"free");
    out.extend_from_slice(HEADER_BRAND);
    out.extend_from_slice(&json);
    Ok(())
}

/// Reads the payload of a `free` box as a part's header.
pub(crate) fn read_header(payload: &[u8]) -> Option<PartHeader> {
    serde_json::from_slice(payload.strip_prefix(HEADER_BRAND)?).ok()
}

/// One sample of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Decode time in ticks, which is presentation time: no browser sends B pictures.
    pub at: u64,
    /// Ticks to the next sample.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// Sync sample.
    pub key: bool,
}

/// Appends `moof` and `mdat` to `out`. `samples` must not be empty and their sizes must add up to `data`;
/// `levels` is what [`crate::level::Levels::write_fresh`] gives.
pub(crate) fn write_fragment(
    out: &mut Vec<u8>,
    sequence: u32,
    samples: &[Sample],
    data: &[u8],
    levels: &[u8],
) -> Result<(), Error> {
    let fail = |why: String| Error::Box { what: "fragment", why };
    let start = samples.first().map_or(0, |sample| sample.at);
    let mut moof = moof_box(sequence, start, samples, 0);
    moof.unknown_boxes.push(own_box(data, levels));
    let length = moof.encode_to_vec().map_err(|e| fail(e.to_string()))?.len();
    let offset = i32::try_from(length + 8).map_err(|e| fail(e.to_string()))?;
    if let Some(trun) = moof.traf_boxes.first_mut().and_then(|traf| traf.trun_boxes.first_mut()) {
        trun.data_offset = Some(offset);
    }
    out.extend_from_slice(&moof.encode_to_vec().map_err(|e| fail(e.to_string()))?);
    let size = u32::try_from(data.len() + 8).map_err(|e| fail(e.to_string()))?;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(b"mdat");
    out.extend_from_slice(data);
    Ok(())
}

/// What a fragment says for recovery, in a `free` box that players skip: the checksum of its media, because a
/// power cut can leave a file at its full length with zeros in it, and its loudness.
fn own_box(data: &[u8], levels: &[u8]) -> UnknownBox {
    let payload = [&digest(data), levels].concat();
    UnknownBox { box_type: BoxType::Normal(*b"free"), box_size: BoxSize::U32(8 + payload.len() as u32), payload }
}

fn digest(data: &[u8]) -> [u8; 8] {
    let hash = *blake3::hash(data).as_bytes();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    [a, b, c, d, e, f, g, h]
}

/// Whether the media of a fragment is what was written.
pub(crate) fn is_intact(moof: &MoofBox, data: &[u8]) -> bool {
    let digest = digest(data);
    moof.unknown_boxes.iter().any(|unknown| unknown.payload.starts_with(&digest))
}

/// The loudness that came with a fragment.
pub(crate) fn levels_of(moof: &MoofBox) -> &[u8] {
    let own = moof.unknown_boxes.first();
    own.and_then(|own| own.payload.get(8..)).unwrap_or_default()
}

fn moof_box(sequence_number: u32, start: u64, samples: &[Sample], data_offset: i32) -> MoofBox {
    let sample = |sample: &Sample| TrunSample {
        duration: Some(sample.duration),
        size: Some(sample.size),
        flags: Some(sample_flags(sample.key)),
        composition_time_offset: None,
    };
    MoofBox {
        mfhd_box: MfhdBox { sequence_number },
        traf_boxes: vec![TrafBox {
            tfhd_box: TfhdBox {
                track_id: TRACK_ID,
                base_data_offset: None,
                sample_description_index: None,
                default_sample_duration: None,
                default_sample_size: None,
                default_sample_flags: None,
                duration_is_empty: false,
                // CMAF requires offsets that count from the moof.
                default_base_is_moof: true,
            },
            tfdt_box: Some(TfdtBox { version: 1, base_media_decode_time: start }),
            trun_boxes: vec![TrunBox {
                data_offset: Some(data_offset),
                first_sample_flags: None,
                samples: samples.iter().map(sample).collect(),
            }],
            unknown_boxes: Vec::new(),
        }],
        unknown_boxes: Vec::new(),
    }
}

/// ISO/IEC 14496-12 section 8.8.3.1: a sync sample depends on no other.
fn sample_flags(key: bool) -> SampleFlags {
    if key {
        SampleFlags::from_fields(0, 2, 0, 0, 0, false, 0)
    } else {
        SampleFlags::from_fields(0, 1, 0, 0, 0, true, 0)
    }
}
