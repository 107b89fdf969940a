//! Places as rules name them: networks, and `local`.

use std::net::IpAddr;

/// Why a text names no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Neither a network nor `local`.
    Malformed,
    /// Bits behind the prefix are set, so that more, or less, may be meant: an exemption for
    /// 10.0.0.7/8 would be one for sixteen million addresses. The network that is written so.
    HostBits(String),
}

/// The one spelling of the place: `10.0.0.7/32` for `10.0.0.7`.
pub(super) fn canonical(text: &str) -> Result<String, NoPlace> {
    if text == "local" {
        return Ok(text.to_owned());
    }
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address: IpAddr = address.parse().map_err(|_| NoPlace::Malformed)?;
    let prefix = match length {
        None => longest(address),
        Some(length) => prefix(length).ok_or(NoPlace::Malformed)?,
    };
    // IPv4 mapped into IPv6 is IPv4: that is how the daemon takes the addresses of logins.
    let (address, prefix) = match (address, address.to_canonical()) {
        (IpAddr::V6(_), mapped @ IpAddr::V4(_)) => {
            (mapped, prefix.checked_sub(96).ok_or(NoPlace::Malformed)?)
        }
        (same, _) => (same, prefix),
    };
    let lowest = lowest(address, prefix).ok_or(NoPlace::Malformed)?;
    let network = format!("{lowest}/{prefix}");
    if lowest == address { Ok(network) } else { Err(NoPlace::HostBits(network)) }
}

fn longest(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The one spelling of a number: no sign, no leading zero.
fn prefix(length: &str) -> Option<u32> {
    length.parse().ok().filter(|prefix: &u32| prefix.to_string() == length)
}

/// The lowest address of the network; none when the prefix is too long.
fn lowest(address: IpAddr, prefix: u32) -> Option<IpAddr> {
    let free = longest(address).checked_sub(prefix)?;
    Some(match address {
        IpAddr::V4(address) => {
            IpAddr::V4((address.to_bits() & u32::MAX.checked_shl(free).unwrap_or(0)).into())
        }
        IpAddr::V6(address) => {
            IpAddr::V6((address.to_bits() & u128::MAX.checked_shl(free).unwrap_or(0)).into())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_spelling() {
        for (text, spelt) in [
            ("local", "local"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(spelt), "{text}");
            assert_eq!(canonical(spelt).as_deref(), Ok(spelt), "{spelt}");
        }
    }

    #[test]
    fn an_address_that_is_not_the_networks_own_is_asked_about() {
        let meant = |network: &str| Err(NoPlace::HostBits(network.to_owned()));
        assert_eq!(canonical("10.0.0.7/8"), meant("10.0.0.0/8"));
        assert_eq!(canonical("2001:db8::1/32"), meant("2001:db8::/32"));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "Local",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0/8",
            "10.0.0.0/8/8",
            "fe80::1%eth0",
            "::/129",
            "::ffff:0.0.0.0/95",
            " 10.0.0.0/8",
        ] {
            assert_eq!(canonical(text), Err(NoPlace::Malformed), "{text}");
        }
    }
}
