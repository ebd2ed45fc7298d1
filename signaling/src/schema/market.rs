//! Needs 需求 and supplies 供给.

use super::{PersonRef, RoomRef, SchoolRef};
use crate::model::{ClassId, NeedId, PairingId, PersonId, RoomId, SupplyId, TermId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

values! {
    /// A period of the week in a school's own bell table.
    FreePeriod {
        /// Monday 1 … Sunday 7.
        weekday: i8,
        /// Number of the period.
        period: u8,
    }
    /// A class that lacks a subject.
    NewNeed {
        /// Where its display stands.
        room: RoomId,
        /// The class.
        class: Option<ClassId>,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Edition of the textbook; any if missing.
        edition: Option<String>,
        /// The unit the class is at.
        unit: Option<u16>,
        /// Lessons wanted a week, 1 to 10.
        periods: u8,
        /// The school's own ranking, 1 first, to 9.
        rank: u8,
        /// When class and room are free for this; no two needs of a room or class share one.
        free: Vec<FreePeriod>,
    }
    /// A need.
    Need {
        /// Id.
        id: NeedId,
        /// What is needed.
        #[serde(flatten)]
        need: NewNeed,
        /// The room's name.
        place: RoomRef,
        /// The school.
        school: SchoolRef,
        /// The pairing that meets it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pairing: Option<PairingId>,
    }
    /// A teacher's offer to take one class.
    NewSupply {
        /// Who teaches.
        teacher: PersonId,
        /// From which master room.
        room: RoomId,
        /// Subject.
        subject: String,
        /// Grade.
        grade: String,
        /// Edition of the textbook; any if missing.
        edition: Option<String>,
        /// The unit the own class is at.
        unit: Option<u16>,
        /// Lessons offered a week, 1 to 10.
        periods: u8,
        /// When teacher and room are free for this; no two offers of a teacher or room share one.
        free: Vec<FreePeriod>,
        /// Wants to see and hear the class.
        interactive: bool,
    }
    /// A supply.
    Supply {
        /// Id.
        id: SupplyId,
        /// What is offered.
        #[serde(flatten)]
        supply: NewSupply,
        /// Who teaches.
        person: PersonRef,
        /// The room's school.
        school: SchoolRef,
        /// The pairing that takes it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pairing: Option<PairingId>,
    }
    /// A period two sides have together.
    SharedPeriod {
        /// Monday 1 … Sunday 7.
        weekday: i8,
        /// Of the master's bell table.
        master_period: u8,
        /// Of the rural school's bell table.
        rural_period: u8,
    }
    /// That an offer meets a need.
    Proposal {
        /// The need.
        need: NeedId,
        /// The offer.
        supply: SupplyId,
        /// The periods they have together.
        periods: Vec<SharedPeriod>,
        /// Lessons a week that were wanted.
        wanted: u8,
        /// What each met period counts: scarce subjects count double, the school's ranking decides within them.
        weight: u32,
    }
    /// An offer that came near a need.
    NearSupply {
        /// The offer.
        supply: SupplyId,
        /// Everything in the way: `subject`, `grade`, `edition`, `pace`, `link`, `room`, `no_common_period`, or
        /// `given_elsewhere` when it would fit but does more good for another need.
        obstacles: Vec<String>,
    }
    /// A need without a proposal.
    Rejection {
        /// The need.
        need: NeedId,
        /// The offers that came nearest.
        nearest: Vec<NearSupply>,
    }
    /// What matching found.
    Proposals {
        /// Best first.
        proposals: Vec<Proposal>,
        /// Needs that cannot be met as things are.
        rejections: Vec<Rejection>,
    }
    /// Accepts a proposal: it becomes a pairing with entries.
    AcceptProposal {
        /// In which term.
        term: TermId,
        /// The need.
        need: NeedId,
        /// The offer.
        supply: SupplyId,
    }
    /// What became of an accepted proposal.
    Accepted {
        /// The pairing.
        pairing: PairingId,
        /// How many entries it has.
        entries: usize,
    }
}

/// In which term proposals are looked for: its bell tables count.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProposalQuery {
    /// The term.
    pub term: TermId,
}
