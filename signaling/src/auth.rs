//! Who asks: passwords, limits on guessing, and the callers that credentials stand for.

use crate::command::LessonId;
use crate::error::{Error, Result};
use crate::model::{DisplayId, PersonId, Role, RoomId, SchoolId, TokenRole};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whom a credential stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who signed in.
    Person {
        /// Who.
        id: PersonId,
        /// With which rights.
        role: Role,
        /// Of which school.
        school: Option<SchoolId>,
    },
    /// A display device; without a room until it is paired.
    Display {
        /// Which.
        id: DisplayId,
        /// Where.
        room: Option<RoomId>,
    },
    /// The bearer of a lesson's token.
    Lesson {
        /// Which.
        lesson: LessonId,
        /// For what.
        role: TokenRole,
    },
}

/// A caller with the hash of the credential it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub caller: Caller,
    /// Hash of the credential.
    pub credential: String,
}

/// Which rows a caller may see; `None` in a field does not restrict. Rows outside answer 404.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only what this teacher teaches.
    pub teacher: Option<PersonId>,
    /// Only what this school takes part in.
    pub school: Option<SchoolId>,
    /// Only what happens in this room.
    pub room: Option<RoomId>,
}

/// How far an administrator's acts in the calendar reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every school.
    All,
    /// The schools of a group.
    Group(String),
    /// One school.
    School(SchoolId),
}

impl From<Option<SchoolId>> for Reach {
    fn from(school: Option<SchoolId>) -> Self {
        school.map_or(Self::All, Self::School)
    }
}

impl Reach {
    /// The one school, if it is one.
    pub fn school(&self) -> Option<SchoolId> {
        if let Self::School(school) = self { Some(*school) } else { None }
    }

    /// The group, if it is one.
    pub fn group(&self) -> Option<&str> {
        if let Self::Group(group) = self { Some(group) } else { None }
    }
}

impl Caller {
    /// Who, if it is a person.
    pub fn person(&self) -> Option<PersonId> {
        if let Self::Person { id, .. } = self { Some(*id) } else { None }
    }

    /// What it may see of lessons and recordings.
    pub fn scope(&self) -> Result<Scope> {
        match self {
            Self::Person { role: Role::RegionAdmin, .. } => Ok(Scope::default()),
            Self::Person { role: Role::SchoolAdmin, school: Some(school), .. } => {
                Ok(Scope { school: Some(*school), ..Scope::default() })
            }
            Self::Person { id, role: Role::Teacher, .. } => Ok(Scope { teacher: Some(*id), ..Scope::default() }),
            Self::Display { room: Some(room), .. } => Ok(Scope { room: Some(*room), ..Scope::default() }),
            _ => Err(Error::Forbidden),
        }
    }

    /// The one school it is bound to, or `None` for all.
    pub fn school_bound(&self) -> Result<Option<SchoolId>> {
        match self {
            Self::Person { role: Role::RegionAdmin, .. } => Ok(None),
            Self::Person { school: Some(school), .. } => Ok(Some(*school)),
            _ => Err(Error::Forbidden),
        }
    }

    /// Name in playback signatures: `p` or `d` and the id.
    pub fn viewer_name(&self) -> Option<String> {
        match self {
            Self::Person { id, .. } => Some(format!("p{id}")),
            Self::Display { id, .. } => Some(format!("d{id}")),
            Self::Lesson { .. } => None,
        }
    }
}

/// Hashes passwords, one at a time: guessing must not take more than one core.
pub struct Passwords {
    turn: Arc<Semaphore>,
    /// Compared against when there is no such user, so that the work is the same.
    nobody: String,
}

/// The right to hash one password.
pub struct Turn(OwnedSemaphorePermit);

/// Waiting for a turn longer than this is refused: the queue is bounded in time.
const TURN_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// Longer passwords are not hashed.
const PASSWORD_MAX: usize = 1_024;

impl Passwords {
    /// Prepares the hash of nobody.
    pub async fn new() -> Result<Self> {
        let mut passwords = Self { turn: Arc::new(Semaphore::new(1)), nobody: String::new() };
        passwords.nobody = passwords.hash(crate::secret::random_token()).await?;
        Ok(passwords)
    }

    /// Waits for one's turn. What is looked at between this and [`Self::verify`] cannot be outrun by another try.
    pub async fn turn(&self) -> Result<Turn> {
        let turn = tokio::time::timeout(TURN_MAX, self.turn.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Unavailable("too many sign-ins at once"))?;
        turn.map(Turn).map_err(|_| Error::Internal("the password turn is closed"))
    }

    async fn work<T: Send + 'static>(turn: Turn, f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let done = tokio::task::spawn_blocking(move || {
            let done = f();
            drop(turn.0);
            done
        });
        done.await.map_err(|_| Error::Internal("hashing was interrupted"))?
    }

    /// PHC string of a password (Argon2id, RFC 9106).
    pub async fn hash(&self, password: String) -> Result<String> {
        let hash = move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            Ok(hash.map_err(|_| Error::Internal("the password cannot be hashed"))?.to_string())
        };
        Self::work(self.turn().await?, hash).await
    }

    /// True if the password is that of the hash; takes as long when there is no hash.
    pub async fn verify(&self, turn: Turn, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some() && password.len() <= PASSWORD_MAX;
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let verify = move || {
            let parsed = PasswordHash::new(&hash).map_err(|_| Error::Internal("a stored hash cannot be read"))?;
            let tried = if password.len() <= PASSWORD_MAX { password.as_bytes() } else { b"" };
            Ok(Argon2::default().verify_password(tried, &parsed).is_ok() && known)
        };
        Self::work(turn, verify).await
    }
}

/// What is limited, and for whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TryKey {
    /// Sign-ins of an account, by login name.
    Account(String),
    /// Sign-ins from an address (IPv6: its /64).
    Address(IpAddr),
    /// New displays from an address.
    NewDisplay(IpAddr),
    /// Pairing codes tried by a person.
    Code(PersonId),
}

/// An address as limits see it: a whole IPv6 /64 is one subscriber.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

/// Keys remembered; beyond, those without a recent try are forgotten, and if none is, new keys are refused.
const KEYS_MAX: usize = 100_000;

/// Counts failures in a sliding window. A try is counted when it begins and given back when it succeeds, so that
/// many tries at once cannot pass together; crate `governor` cannot give back, and reads its own clock.
#[derive(Default)]
pub struct Tries {
    failed: Mutex<HashMap<TryKey, VecDeque<i64>>>,
}

impl Tries {
    /// Counts a try; refused when `max` of the last `window_ms` failed.
    pub fn begin(&self, key: TryKey, max: usize, window_ms: i64, now_ms: i64) -> Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(|e| e.into_inner());
        if failed.len() >= KEYS_MAX && !failed.contains_key(&key) {
            failed.retain(|_, times| times.back().is_some_and(|t| now_ms - t < window_ms));
            if failed.len() >= KEYS_MAX {
                return Err(Error::TooManyTries { retry_after_s: window_ms / 1_000 });
            }
        }
        let times = failed.entry(key).or_default();
        // A clock that was set back must not lock anybody out for longer than a window.
        times.retain(|t| (0..window_ms).contains(&(now_ms - t)));
        if times.len() >= max {
            let oldest = times.front().copied().unwrap_or(now_ms);
            return Err(Error::TooManyTries { retry_after_s: (oldest + window_ms - now_ms) / 1_000 + 1 });
        }
        times.push_back(now_ms);
        Ok(())
    }

    /// Refuses what [`Self::begin`] would refuse, without counting.
    pub fn check(&self, key: &TryKey, max: usize, window_ms: i64, now_ms: i64) -> Result<()> {
        let failed = self.failed.lock().unwrap_or_else(|e| e.into_inner());
        let Some(times) = failed.get(key) else { return Ok(()) };
        let mut recent = times.iter().filter(|t| (0..window_ms).contains(&(now_ms - **t)));
        match recent.clone().count() {
            count if count < max => Ok(()),
            _ => {
                let oldest = recent.next().copied().unwrap_or(now_ms);
                Err(Error::TooManyTries { retry_after_s: (oldest + window_ms - now_ms) / 1_000 + 1 })
            }
        }
    }

    /// The last try of this key succeeded.
    pub fn succeeded(&self, key: &TryKey) {
        let mut failed = self.failed.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(times) = failed.get_mut(key) {
            times.pop_back();
            if times.is_empty() {
                failed.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_lock_for_the_window_and_successes_do_not_count() {
        let tries = Tries::default();
        let key = TryKey::Account("a".into());
        for now in 0..50 {
            tries.begin(key.clone(), 10, 900_000, now).unwrap();
            tries.succeeded(&key);
        }
        (0..10).for_each(|now| tries.begin(key.clone(), 10, 900_000, now).unwrap());
        assert!(matches!(
            tries.begin(key.clone(), 10, 900_000, 899_999),
            Err(Error::TooManyTries { retry_after_s: 1 })
        ));
        tries.begin(key, 10, 900_000, 900_000).unwrap();
    }

    #[test]
    fn a_whole_ipv6_subscriber_is_one_address() {
        let a: IpAddr = "2001:db8:1:2:3::4".parse().unwrap();
        let b: IpAddr = "2001:db8:1:2:ffff::".parse().unwrap();
        assert_eq!(subscriber(a), subscriber(b));
        assert_eq!(subscriber("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[tokio::test]
    async fn passwords_are_checked_against_their_own_hash_only() {
        let p = Passwords::new().await.unwrap();
        let hash = p.hash("lantern-42".into()).await.unwrap();
        assert!(p.verify(p.turn().await.unwrap(), "lantern-42".into(), Some(hash.clone())).await.unwrap());
        assert!(!p.verify(p.turn().await.unwrap(), "lantern-43".into(), Some(hash)).await.unwrap());
        assert!(!p.verify(p.turn().await.unwrap(), "lantern-42".into(), None).await.unwrap());
    }
}
