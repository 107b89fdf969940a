//! Where a login comes from, as far as the throttle cares.

use core::{fmt, str::FromStr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A terminal of this host.
    Local,
    /// A program of the account's own uid, about which nobody else has said anything: a screen
    /// locker, `twinlock`, or something worse that runs as this person.
    OwnProgram,
    /// An address, as the host program reported it.
    Network(Network),
    /// Anything else: a name, `UNKNOWN`, nothing at all.
    Unidentified,
}

/// One IPv4 address, or the /64 that an IPv6 host is free to choose addresses in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(Prefix);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Prefix {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// A text that is not the canonical spelling of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl Source {
    /// Reads `PAM_RHOST` and `PAM_TTY`. Names are never resolved: whoever answers for a name
    /// could otherwise choose the source. sudo reports the host's own name, hence `own_hostname`.
    #[must_use]
    pub fn from_pam(rhost: Option<&str>, tty: Option<&str>, own_hostname: &str) -> Self {
        let rhost = rhost.unwrap_or_default();
        if let Some(address) = reported_address(rhost) {
            return Self::Network(Network::of(address));
        }
        let from_here = rhost.is_empty() || rhost.eq_ignore_ascii_case(own_hostname);
        if from_here && tty.is_some_and(is_local_terminal) {
            Self::Local
        } else {
            Self::Unidentified
        }
    }

    /// The source when `ruser` (`PAM_RUSER`) asked for `account`. Somebody else's attempt with su
    /// comes from a terminal of this host too, and must neither close that lane for its owner nor
    /// have its failures forgotten with the owner's next success (I7).
    #[must_use]
    pub fn asked_by(self, ruser: Option<&str>, account: &str) -> Self {
        let by_another = ruser.is_some_and(|ruser| !ruser.is_empty() && ruser != account);
        match self {
            Self::Local if by_another => Self::Unidentified,
            source => source,
        }
    }
}

/// A device name or an X display; sshd says `ssh`, which says nothing.
fn is_local_terminal(tty: &str) -> bool {
    let named = |prefix| tty.strip_prefix(prefix).is_some_and(|rest: &str| !rest.is_empty());
    let is_display = tty
        .strip_prefix(':')
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    named("/dev/") || named("tty") || named("pts/") || is_display
}

impl Network {
    /// The network of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(Prefix::V4(address)),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & !u128::from(u64::MAX);
                Self(Prefix::V6(Ipv6Addr::from_bits(prefix)))
            }
        }
    }
}

/// An address as PAM reports it, which may carry a zone (`fe80::1%eth0`).
pub(crate) fn reported_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, zone) = text.split_once('%')?;
    let address = address.parse::<Ipv6Addr>().ok().filter(|_| !zone.is_empty())?;
    Some(IpAddr::V6(address).to_canonical())
}

impl fmt::Display for Network {
    /// `192.0.2.1` or `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Prefix::V4(address) => write!(f, "{address}"),
            Prefix::V6(prefix) => write!(f, "{prefix}/64"),
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    /// Reads what `Display` writes and nothing else, so that a network has one spelling.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let address = text.strip_suffix("/64").unwrap_or(text);
        let network = address.parse().map(Self::of).map_err(|_| NotANetwork)?;
        if network.to_string() == text { Ok(network) } else { Err(NotANetwork) }
    }
}

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network is an IPv4 address or an IPv6 /64")
    }
}

impl core::error::Error for NotANetwork {}

impl fmt::Display for Source {
    /// `local`, the network, or `unidentified`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::OwnProgram => f.write_str("own-program"),
            Self::Network(network) => network.fmt(f),
            Self::Unidentified => f.write_str("unidentified"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_pam(rhost: &str, tty: &str) -> String {
        Source::from_pam(Some(rhost), Some(tty), "box.example.org").to_string()
    }

    #[test]
    fn an_address_is_its_network() {
        for (rhost, network) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2:ffff::", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::/64"),
        ] {
            for tty in ["ssh", "/dev/pts/0", ""] {
                assert_eq!(from_pam(rhost, tty), network, "{rhost} on {tty:?}");
            }
        }
    }

    #[test]
    fn a_terminal_of_this_host_is_local() {
        for rhost in ["", "box.example.org", "BOX.example.ORG"] {
            for tty in ["/dev/pts/3", "/dev/tty1", "tty1", "pts/0", ":0", ":12.0"] {
                assert_eq!(from_pam(rhost, tty), "local", "{rhost:?} on {tty:?}");
            }
        }
        assert_eq!(Source::from_pam(None, Some("tty1"), "box"), Source::Local);
        assert_eq!(Source::from_pam(None, Some("tty1"), ""), Source::Local);
    }

    #[test]
    fn anything_else_is_unidentified() {
        for (rhost, tty) in [
            ("", "ssh"),
            ("box.example.org", "ssh"),
            ("", ""),
            ("", "cron"),
            ("", "/dev/"),
            ("", "tty"),
            ("", "pts/"),
            ("", ":"),
            ("", ":x"),
            ("UNKNOWN", "/dev/pts/3"),
            ("localhost", "/dev/pts/3"),
            ("gate.example.org", "/dev/pts/3"),
            ("box", "/dev/pts/3"),
            ("192.0.2.1 ", "/dev/pts/3"),
            ("192.0.2.1%eth0", "/dev/pts/3"),
            ("fe80::1%", "/dev/pts/3"),
            ("192.0.2.01", "/dev/pts/3"),
            ("192.0.2.1:22", "/dev/pts/3"),
            ("[::1]", "/dev/pts/3"),
        ] {
            assert_eq!(from_pam(rhost, tty), "unidentified", "{rhost:?} on {tty:?}");
        }
        assert_eq!(Source::from_pam(None, None, "box"), Source::Unidentified);
    }

    #[test]
    fn a_network_has_one_spelling() {
        for text in ["192.0.2.1", "2001:db8:1:2::/64", "::/64", "64:ff9b::/64"] {
            assert_eq!(text.parse::<Network>().map(|n| n.to_string()).as_deref(), Ok(text));
        }
        for text in [
            "",
            "/64",
            "local",
            "192.0.2.1/32",
            "192.0.2.1/64",
            "::ffff:192.0.2.1",
            "::ffff:192.0.2.1/64",
            "2001:db8::1",
            "2001:db8::1/64",
            "2001:DB8::/64",
            "2001:db8::/64/64",
            "fe80::%eth0/64",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text:?}");
        }
    }

    #[test]
    fn a_terminal_is_local_to_whoever_sits_there_and_to_nobody_else() {
        for own in [None, Some(""), Some("alice")] {
            assert_eq!(Source::Local.asked_by(own, "alice"), Source::Local);
        }
        for other in ["mallory", "Alice", "root"] {
            assert_eq!(Source::Local.asked_by(Some(other), "alice"), Source::Unidentified);
        }
        let network = Source::from_pam(Some("192.0.2.1"), Some("ssh"), "box");
        assert_eq!(network.asked_by(Some("mallory"), "alice"), network);
    }
}
