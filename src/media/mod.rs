//! The sans-IO SFU core: no clock, socket, thread, channel, disk, SQL or async. It is told the time, given bytes, and
//! asked what to do; the drivers in `net` do it.
//!
//! Reading order: [`sfu`] (the face), [`room`] (who sees whom), [`track`] and [`slot`] (a source; a receiver's m-line),
//! [`allot`] and [`ladder`] (who gets how much of a thin line),
//! [`peer`] (one client), then the mechanisms: [`sdp`], [`ice`], [`dtls`], [`srtp`], [`rtp`], [`rtcp`], [`remb`],
//! [`receive`], [`ring`], [`run`], [`held`], [`red`], [`twcc`], [`feedback`], [`departures`],
//! [`estimate`], [`pacer`], [`timeline`], [`keyframe`], [`lag`], [`outbox`]; and [`ahead`], which only saves time.

pub mod ahead;
pub mod allot;
pub mod departures;
pub mod dtls;
pub mod estimate;
pub mod feedback;
pub mod held;
pub mod ice;
pub mod keyframe;
pub mod ladder;
pub mod lag;
pub mod outbox;
pub mod pacer;
pub mod peer;
pub mod receive;
pub mod red;
pub mod remb;
pub mod ring;
pub mod room;
pub mod rtcp;
pub mod rtp;
pub mod run;
pub mod sdp;
pub mod sfu;
pub mod slot;
pub mod srtp;
pub mod thrift;
pub mod timeline;
pub mod track;
pub mod twcc;

pub use outbox::{Local, Outbox, Path};
pub use sfu::{Sfu, SfuConfig};

#[cfg(test)]
mod tests;
