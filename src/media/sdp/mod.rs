//! Offers in, answers out (RFC 8829, RFC 8840 fragments), with the fixed m-lines of each role.
//!
//! The page offers once with every m-line it will ever need; the server only answers. Nothing here keeps state.

mod answer;
mod codec;
mod fragment;
mod offer;
mod roles;

pub use answer::{AnswerPlan, Candidates, group_of, write_answer};
pub use codec::{Codec, OfferedCodec};
pub use fragment::{Fragment, write_fragment};
pub use offer::{Direction, Extensions, Line, MediaKind, Offer};
pub use roles::{LineUse, fit};

#[cfg(test)]
mod tests;
