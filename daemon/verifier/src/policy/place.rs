//! Where a login happens, as far as the rules care.

use core::{fmt, str::FromStr};
use std::net::IpAddr;

use super::{Fit, InvalidSubnet, Subnet};
use crate::source::reported_address;

/// A place that a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// The addresses of a subnet.
    Network(Subnet),
    /// A console of this host.
    Local,
}

/// The place of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An address.
    Address(IpAddr),
    /// An address that no rule names.
    Elsewhere,
    /// An address of the subnet that no smaller subnet of the policy holds.
    Within(Subnet),
    /// A console of this host.
    Console,
    /// The host program does not tell.
    Untold,
}

impl Place {
    /// Reads `PAM_RHOST` and `PAM_TTY`. Names are never resolved: whoever answers for a name could
    /// otherwise choose the place. A pseudo-terminal proves nothing, as that is where sudo runs in
    /// a session that came through sshd; nor does an X display other than the first, which may be
    /// one of VNC.
    #[must_use]
    pub fn from_pam(rhost: Option<&str>, tty: Option<&str>, own_hostname: &str) -> Self {
        let rhost = rhost.unwrap_or_default();
        if let Some(address) = reported_address(rhost) {
            return Self::Address(address);
        }
        let from_here = rhost.is_empty() || rhost.eq_ignore_ascii_case(own_hostname);
        if from_here && tty.is_some_and(is_console) { Self::Console } else { Self::Untold }
    }

    /// Whether it is one of the places that a rule names.
    pub(super) fn is_in(&self, spots: &[Spot]) -> Fit {
        if spots.is_empty() {
            return Fit::Yes;
        }
        let in_subnet = |subnet: &Subnet| {
            spots.iter().any(|spot| matches!(spot, Spot::Network(named) if named.holds(subnet)))
        };
        match self {
            Self::Address(address) => in_subnet(&Subnet::of(*address)).into(),
            Self::Within(subnet) => in_subnet(subnet).into(),
            Self::Console => spots.contains(&Spot::Local).into(),
            Self::Elsewhere => Fit::No,
            Self::Untold => Fit::Perhaps,
        }
    }
}

/// A virtual console (`tty1`, `/dev/tty1`) or the first X display (`:0`).
fn is_console(tty: &str) -> bool {
    let console = tty.strip_prefix("/dev/").unwrap_or(tty).strip_prefix("tty");
    // Not `tty` or `tty0`, which are whichever is meant by whoever opens it, and not `ttyS0`.
    let is_virtual = |number: &str| {
        !number.starts_with('0') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    console.is_some_and(is_virtual) || matches!(tty, ":0" | ":0.0")
}

impl FromStr for Spot {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Self, InvalidSubnet> {
        if text == "local" { Ok(Self::Local) } else { text.parse().map(Self::Network) }
    }
}

impl fmt::Display for Spot {
    /// `local` or the subnet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(subnet) => subnet.fmt(f),
            Self::Local => f.write_str("local"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_pam(rhost: &str, tty: &str) -> Place {
        Place::from_pam(Some(rhost), Some(tty), "box.example.org")
    }

    #[test]
    fn an_address_is_where_the_login_comes_from() {
        for (rhost, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            for tty in ["ssh", "/dev/tty1", ":0", ""] {
                let address = Place::Address(address.parse().unwrap());
                assert_eq!(from_pam(rhost, tty), address, "{rhost} on {tty:?}");
            }
        }
    }

    #[test]
    fn a_virtual_console_and_the_first_display_of_this_host_are_a_console() {
        for rhost in ["", "box.example.org", "BOX.example.ORG"] {
            for tty in ["tty1", "/dev/tty1", "/dev/tty12", ":0", ":0.0"] {
                assert_eq!(from_pam(rhost, tty), Place::Console, "{rhost:?} on {tty:?}");
            }
        }
        assert_eq!(Place::from_pam(None, Some("tty1"), "box"), Place::Console);
    }

    #[test]
    fn anything_else_is_not_told() {
        for tty in [
            "",
            "ssh",
            "cron",
            "/dev/pts/0",
            "pts/0",
            "tty",
            "/dev/tty",
            "/dev/tty0",
            "tty01",
            "ttyS0",
            "/dev/ttyUSB0",
            "tty1x",
            "tty1 ",
            "tty+1",
            "/dev//dev/tty1",
            "console",
            ":",
            ":1",
            ":00",
            ":10.0",
            "localhost:10.0",
        ] {
            assert_eq!(from_pam("", tty), Place::Untold, "{tty:?}");
        }
        for rhost in ["gate.example.org", "UNKNOWN", "localhost", "box", "192.0.2.1 ", "192.0.2.01"]
        {
            assert_eq!(from_pam(rhost, "tty1"), Place::Untold, "{rhost:?}");
        }
        assert_eq!(Place::from_pam(None, None, "box"), Place::Untold);
        assert_eq!(Place::from_pam(None, None, ""), Place::Untold);
    }

    #[test]
    fn a_spot_is_written_as_it_is_read() {
        for text in ["local", "192.0.2.0/24", "2001:db8::1"] {
            assert_eq!(text.parse::<Spot>().map(|spot| spot.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "Local", "local ", "localhost", "unknown"] {
            assert_eq!(text.parse::<Spot>(), Err(InvalidSubnet::Malformed), "{text:?}");
        }
    }
}
