//! The operator's settings: one TOML file and the environment, parsed into types. No globals.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// HTTPS of `serve`.
const HTTPS_PORT: u16 = 8443;
/// First UDP port; each worker adds its number.
const UDP_PORT: u16 = 7882;
/// ICE-TCP.
const TCP_PORT: u16 = 7881;
/// A worker that needs so much of its time refuses newcomers; the rest is for the peaks of those who are there.
pub const FULL_PERCENT: u8 = 88;
/// What may be chosen instead; 100: nobody is refused.
const FULL_PERCENTS: RangeInclusive<u8> = 50..=100;

/// The settings file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("settings file {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is not what it should be.
    #[error("settings file {path}: {cause}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        cause: Box<toml::de::Error>,
    },
    /// A value does not fit.
    #[error("setting `{name}`: {why}")]
    Unfit {
        /// The setting.
        name: &'static str,
        /// Why.
        why: &'static str,
    },
}

/// All settings, with defaults for a school district on one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where HTTPS (or, on loopback only, HTTP) listens.
    pub listen: SocketAddr,
    /// Folder of the database, the recordings and the certificates.
    pub data: PathBuf,
    /// Addresses told to clients; empty: the address this machine reaches the network with.
    pub public_addresses: Vec<IpAddr>,
    /// Where clients are told that media is reached, instead of this machine's own addresses and ports; empty: those.
    pub announce: Vec<Announced>,
    /// First UDP port; worker n takes this plus n.
    pub udp_port: u16,
    /// ICE-TCP port; 0: only on the HTTPS port.
    pub tcp_port: u16,
    /// Media workers; 0: one per core.
    pub workers: u8,
    /// Names and addresses in the first-run certificate.
    pub names: Vec<String>,
    /// The operator's certificate; without it a first-run certificate is made.
    pub tls: Option<TlsFiles>,
    /// Plain HTTP instead of HTTPS; only on loopback (a proxy in front, or the demo).
    pub plain_http: bool,
    /// The district's civil time: what a day is, and what every page shows.
    pub utc_offset: UtcOffset,
    /// Lead times of a lesson.
    pub lesson: LessonTimes,
    /// Sessions one worker takes.
    pub sessions_per_worker: usize,
    /// From this share of its time on, percent, a worker refuses newcomers; 100: never for that.
    pub full_percent: u8,
    /// Where `/metrics` is answered in plain HTTP, loopback only; nowhere without it.
    pub metrics: Option<SocketAddr>,
}

/// The operator's certificate chain and key, PEM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Chain, leaf first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Addresses announced at most; a client checks each of them with each of its own.
const MAX_ANNOUNCED: usize = 16;

/// A transport of media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// UDP; a port belongs to one worker.
    Udp,
    /// ICE-TCP; all workers share a port.
    Tcp,
}

/// Where a NAT or a relay in front takes media, written `udp 203.0.113.5:7882` or `tcp [2001:db8::5]:443`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Announced {
    /// How.
    pub transport: Transport,
    /// Where; worker n is reached at a UDP port plus n.
    pub address: SocketAddr,
}

impl TryFrom<String> for Announced {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let form = "an announced address is written like \"udp 203.0.113.5:7882\" or \"tcp [2001:db8::5]:443\"";
        let (transport, address) = text.split_once(' ').ok_or(form)?;
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return Err(form),
        };
        let address: SocketAddr = address.parse().map_err(|_| form)?;
        if address.ip().is_unspecified() || address.ip().is_multicast() {
            return Err("an announced address must be one that clients can send to");
        }
        if address.port() == 0 {
            return Err("an announced address needs a port");
        }
        Ok(Self { transport, address })
    }
}

/// A civil time's offset from UTC, written `+08:00`. China has one zone and no summer time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UtcOffset {
    minutes: i16,
}

impl UtcOffset {
    /// Milliseconds to add to UTC.
    pub fn ms(self) -> i64 {
        i64::from(self.minutes) * 60_000
    }
}

impl Default for UtcOffset {
    fn default() -> Self {
        Self { minutes: 8 * 60 }
    }
}

impl TryFrom<String> for UtcOffset {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parsed = || {
            let (sign, rest) =
                if let Some(rest) = text.strip_prefix('+') { (1, rest) } else { (-1, text.strip_prefix('-')?) };
            let (hours, minutes) = rest.split_once(':')?;
            let number = |part: &str, most: i16| {
                let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
                part.parse::<i16>().ok().filter(|n| digits && *n <= most)
            };
            Some(Self { minutes: sign * (number(hours, 14)? * 60 + number(minutes, 59)?) })
        };
        parsed().ok_or("an offset from UTC is written like +08:00")
    }
}

/// Lead times, seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LessonTimes {
    /// Rooms may be checked so long before the bell.
    pub opens_before_s: u32,
    /// Displays join, muted, so long before the bell.
    pub admits_before_s: u32,
    /// A teacher may extend once by so much.
    pub extend_s: u32,
}

impl Default for LessonTimes {
    fn default() -> Self {
        Self { opens_before_s: 600, admits_before_s: 300, extend_s: 300 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, HTTPS_PORT)),
            data: PathBuf::from("data"),
            public_addresses: Vec::new(),
            announce: Vec::new(),
            udp_port: UDP_PORT,
            tcp_port: TCP_PORT,
            workers: 0,
            names: vec!["localhost".to_owned()],
            tls: None,
            plain_http: false,
            utc_offset: UtcOffset::default(),
            lesson: LessonTimes::default(),
            sessions_per_worker: 4_000,
            full_percent: FULL_PERCENT,
            metrics: None,
        }
    }
}

impl Config {
    /// Reads the settings file; without one, the defaults.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text =
            std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        let config: Self = toml::from_str(&text)
            .map_err(|cause| ConfigError::Malformed { path: path.to_owned(), cause: Box::new(cause) })?;
        config.checked()
    }

    /// The same settings if they fit together.
    pub fn checked(self) -> Result<Self, ConfigError> {
        let unfit = |name, why| Err(ConfigError::Unfit { name, why });
        if self.plain_http && !self.listen.ip().is_loopback() {
            return unfit("plain_http", "plain HTTP is served on loopback only; remove it or listen on 127.0.0.1");
        }
        if self.metrics.is_some_and(|at| !at.ip().is_loopback()) {
            return unfit("metrics", "figures are told on loopback only, without a password; listen on 127.0.0.1");
        }
        if self.lesson.admits_before_s > self.lesson.opens_before_s {
            return unfit("lesson.admits_before_s", "rooms cannot join before the lesson is open (opens_before_s)");
        }
        if self.workers > 64 {
            return unfit("workers", "at most 64");
        }
        if !FULL_PERCENTS.contains(&self.full_percent) {
            return unfit("full_percent", "from 50 to 100");
        }
        if self.announce.len() > MAX_ANNOUNCED {
            return unfit("announce", "at most 16 addresses");
        }
        if self.announce.iter().enumerate().any(|(i, a)| self.announce.iter().take(i).any(|b| a == b)) {
            return unfit("announce", "an address is there twice");
        }
        let last = u16::from(self.worker_count().saturating_sub(1));
        if self.announced(Transport::Udp).any(|a| a.port().checked_add(last).is_none()) {
            return unfit("announce", "worker n is reached at the UDP port plus n, and that is beyond 65535");
        }
        Ok(self)
    }

    /// Addresses announced for one transport.
    pub fn announced(&self, transport: Transport) -> impl Iterator<Item = SocketAddr> {
        self.announce.iter().filter(move |a| a.transport == transport).map(|a| a.address)
    }

    /// Media workers to start.
    pub fn worker_count(&self) -> u8 {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(64) as u8);
        if self.workers == 0 { cores } else { self.workers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_sets_what_it_names_and_nothing_unknown_passes() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("tongke.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:9000\"\n[lesson]\nadmits_before_s = 60\n").expect("write");
        let config = Config::read(Some(&path)).expect("reads");
        assert_eq!(config.listen.port(), 9000);
        assert_eq!((config.lesson.admits_before_s, config.lesson.opens_before_s), (60, 600));
        std::fs::write(&path, "lisen = 1").expect("write");
        assert!(matches!(Config::read(Some(&path)), Err(ConfigError::Malformed { .. })));
    }

    #[test]
    fn an_offset_from_utc_is_hours_and_minutes() {
        let parsed = |text: &str| UtcOffset::try_from(text.to_owned()).map(UtcOffset::ms);
        assert_eq!(parsed("+08:00"), Ok(UtcOffset::default().ms()));
        assert_eq!(parsed("-03:30"), Ok(-12_600_000));
        for wrong in ["8", "+8:00", "08:00", "+15:00", "+08:60", "+08:-1", "Asia/Shanghai", ""] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_announced_address_is_one_that_clients_can_send_to() {
        let parsed = |text: &str| Announced::try_from(text.to_owned());
        let udp = parsed("udp 203.0.113.5:7882").expect("fits");
        assert_eq!((udp.transport, udp.address), (Transport::Udp, SocketAddr::from(([203, 0, 113, 5], 7882))));
        assert_eq!(parsed("tcp [2001:db8::5]:443").map(|a| a.transport), Ok(Transport::Tcp));
        let wrong = "|203.0.113.5:7882|udp|udp 203.0.113.5|udp 203.0.113.5:0|tls 203.0.113.5:443|udp school.example:7882|\
             udp 0.0.0.0:7882|udp 239.1.2.3:7882|udp  203.0.113.5:7882|UDP 203.0.113.5:7882|udp 203.0.113.5:70000";
        for wrong in wrong.split('|') {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn announced_addresses_that_do_not_fit_are_named_at_the_start() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("tongke.toml");
        let read = |settings: &str| {
            std::fs::write(&path, settings).expect("write");
            Config::read(Some(&path))
        };
        let config =
            read("workers = 2\nannounce = [\"udp 203.0.113.5:65534\", \"tcp 203.0.113.5:443\"]").expect("fits");
        assert_eq!(config.announced(Transport::Tcp).count(), 1);
        let unfit = |config| matches!(config, Err(ConfigError::Unfit { name: "announce", .. }));
        assert!(unfit(read("workers = 2\nannounce = [\"udp 203.0.113.5:65535\"]")));
        assert!(unfit(read("announce = [\"tcp 203.0.113.5:443\", \"tcp 203.0.113.5:443\"]")));
        let many: Vec<String> = (1..=17).map(|n| format!("\"tcp 203.0.113.{n}:443\"")).collect();
        assert!(unfit(read(&format!("announce = [{}]", many.join(",")))));
        let malformed = read("announce = [\"203.0.113.5:7882\"]").expect_err("no transport").to_string();
        assert!(malformed.contains("tongke.toml") && malformed.contains("written like"), "{malformed}");
    }

    #[test]
    fn a_worker_is_full_from_half_of_its_time_on_at_the_least() {
        let checked = |full_percent| Config { full_percent, ..Config::default() }.checked();
        assert!([50, 88, 100].map(checked).iter().all(Result::is_ok));
        for wrong in [0, 49, 101, 255] {
            assert!(matches!(checked(wrong), Err(ConfigError::Unfit { name: "full_percent", .. })), "{wrong}");
        }
    }

    #[test]
    fn plain_http_is_refused_beyond_loopback() {
        let config = Config { plain_http: true, ..Config::default() };
        assert!(matches!(config.checked(), Err(ConfigError::Unfit { name: "plain_http", .. })));
    }
}
