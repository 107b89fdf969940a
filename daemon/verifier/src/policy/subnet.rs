//! A range of addresses, as a rule names it.

use core::{fmt, str::FromStr};
use std::net::IpAddr;

/// The addresses that begin with the same bits. An IPv4 address that is mapped into IPv6 is the
/// IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    family: Family,
    /// The address, from the highest bit on; what lies behind the prefix is zero.
    bits: u128,
    /// How many of the bits are the same, 0 to 32 or 128.
    prefix: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Family {
    V4,
    V6,
}

/// Why a text names no subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSubnet {
    /// It is neither an address nor an address with the length of a prefix.
    Malformed,
    /// Bits behind the prefix are set; the subnet that may be meant.
    HostBits(Subnet),
}

/// The prefix of `::ffff:0:0/96`, where IPv4 addresses are mapped to.
const MAPPED: u8 = 96;

impl Family {
    const fn longest_prefix(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl Subnet {
    /// Every IPv4 address.
    pub(super) const ALL_V4: Self = Self { family: Family::V4, bits: 0, prefix: 0 };
    /// Every IPv6 address.
    pub(super) const ALL_V6: Self = Self { family: Family::V6, bits: 0, prefix: 0 };

    /// The subnet of one address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let (family, bits) = match address.to_canonical() {
            IpAddr::V4(address) => (Family::V4, u128::from(address.to_bits()) << 96),
            IpAddr::V6(address) => (Family::V6, address.to_bits()),
        };
        Self { family, bits, prefix: family.longest_prefix() }
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.holds(&Self::of(address))
    }

    /// Whether all of `other` lies in it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.family == other.family
            && self.prefix <= other.prefix
            && other.bits & mask(self.prefix) == self.bits
    }

    /// Whether every address of it lies in one of `others`.
    pub(super) fn is_covered_by(&self, others: &[Self]) -> bool {
        if others.iter().any(|other| other.holds(self)) {
            return true;
        }
        let inside: Vec<_> = others.iter().filter(|other| self.holds(other)).copied().collect();
        !inside.is_empty() && self.halves().iter().all(|half| half.is_covered_by(&inside))
    }

    /// The two subnets that are half as large; one address has none.
    fn halves(&self) -> Vec<Self> {
        if self.prefix == self.family.longest_prefix() {
            return Vec::new();
        }
        let prefix = self.prefix.saturating_add(1);
        let upper = self.bits | (mask(prefix) & !mask(self.prefix));
        [self.bits, upper].map(|bits| Self { bits, prefix, ..*self }).to_vec()
    }

    /// The lowest address.
    fn address(&self) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4((u32::try_from(self.bits >> 96).unwrap_or(0)).into()),
            Family::V6 => IpAddr::V6(self.bits.into()),
        }
    }
}

/// The highest `prefix` bits.
fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0)
}

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    /// Reads an address, or an address and the length of a prefix. A zone is refused: no address
    /// that a login reports keeps it.
    fn from_str(text: &str) -> Result<Self, InvalidSubnet> {
        let malformed = |_| InvalidSubnet::Malformed;
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(Self::of).map_err(malformed);
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidSubnet::Malformed)?;
        let prefix: u8 = length.parse().map_err(|_| InvalidSubnet::Malformed)?;
        // The one spelling of a number: no sign, no leading zero.
        if prefix.to_string() != length {
            return Err(InvalidSubnet::Malformed);
        }
        let one = Self::of(address);
        let is_mapped = address.is_ipv6() && one.family == Family::V4;
        let prefix = if is_mapped { prefix.checked_sub(MAPPED) } else { Some(prefix) };
        let prefix = prefix
            .filter(|prefix| *prefix <= one.family.longest_prefix())
            .ok_or(InvalidSubnet::Malformed)?;
        let meant = Self { bits: one.bits & mask(prefix), prefix, ..one };
        if meant.bits == one.bits { Ok(meant) } else { Err(InvalidSubnet::HostBits(meant)) }
    }
}

impl fmt::Display for Subnet {
    /// `192.0.2.0/24` or `2001:db8::/32`; one address alone stands without a prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)?;
        if self.prefix == self.family.longest_prefix() {
            return Ok(());
        }
        write!(f, "/{}", self.prefix)
    }
}

impl fmt::Display for InvalidSubnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not an address or a network such as 192.0.2.0/24"),
            Self::HostBits(meant) => write!(f, "bits behind the prefix are set: write {meant}"),
        }
    }
}

impl core::error::Error for InvalidSubnet {}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    fn contains(network: &str, address: &str) -> bool {
        subnet(network).contains(address.parse().unwrap())
    }

    #[test]
    fn a_subnet_has_one_spelling() {
        for (text, canonical) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("2001:db8:0:0::1/128", "2001:db8::1"),
            ("::/0", "::/0"),
            ("::1", "::1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:a01:203", "10.1.2.3"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ] {
            assert_eq!(subnet(text).to_string(), canonical, "{text}");
            assert_eq!(subnet(canonical), subnet(text), "{text}");
        }
    }

    #[test]
    fn bits_behind_the_prefix_are_refused_with_the_right_spelling() {
        for (text, meant) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.1/31", "192.0.2.0/31"),
            ("1.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ] {
            let error = text.parse::<Subnet>().unwrap_err();
            assert_eq!(error, InvalidSubnet::HostBits(subnet(meant)), "{text}");
            assert!(error.to_string().ends_with(&format!("write {meant}")), "{error}");
        }
    }

    #[test]
    fn anything_else_is_no_subnet() {
        for text in [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0",
            "10.0.0.00/8",
            " 10.0.0.0/8",
            "10.0.0.0 /8",
            "::/129",
            "::/256",
            "fe80::%eth0/64",
            "fe80::1%eth0",
            "::ffff:10.0.0.0/95",
            "localhost",
            "Local",
        ] {
            assert_eq!(text.parse::<Subnet>(), Err(InvalidSubnet::Malformed), "{text:?}");
        }
    }

    #[test]
    fn an_address_lies_in_the_subnet_whose_bits_it_begins_with() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.0"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("::/0", "ffff::", "0.0.0.0"),
            ("::/0", "::1", "::ffff:10.0.0.1"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::"),
        ] {
            assert!(contains(network, inside), "{inside} in {network}");
            assert!(!contains(network, outside), "{outside} in {network}");
        }
    }

    #[test]
    fn a_subnet_holds_itself_and_smaller_ones() {
        for (large, small) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.0/8", "10.128.0.0/9"), ("::/0", "::1")]
        {
            assert!(subnet(large).holds(&subnet(small)));
            assert_eq!(subnet(small).holds(&subnet(large)), large == small);
        }
        assert!(!subnet("0.0.0.0/0").holds(&subnet("::/0")));
        assert!(!subnet("10.0.0.0/9").holds(&subnet("10.128.0.0/9")));
    }
}
