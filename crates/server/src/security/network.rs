//! Ranges of addresses, as configuration names them: `10.0.0.0/8`, or one address. Pure.

use std::net::IpAddr;

/// Some addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    /// How many leading bits count.
    bits: u8,
}

impl Network {
    /// An address, or an address and the number of bits that count (RFC 4632 section 3.1).
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().ok()?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => all,
            // `+8` would be read as a number too.
            Some(bits) if bits.bytes().all(|c| c.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= all)?
            }
            Some(_) => return None,
        };
        Some(Self { first, bits })
    }

    /// Is it one of them? An IPv4 address in IPv6 clothes counts as what it is.
    fn holds(&self, address: IpAddr) -> bool {
        let same = |mine: u128, theirs: u128, width: u32| {
            let ignored = width - u32::from(self.bits);
            // Shifting by the whole width is not defined.
            mine.checked_shr(ignored).unwrap_or(0) == theirs.checked_shr(ignored).unwrap_or(0)
        };
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(theirs)) => {
                same(u32::from(mine).into(), u32::from(theirs).into(), 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(theirs)) => same(mine.into(), theirs.into(), 128),
            _ => false,
        }
    }
}

/// Any number of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<Network>);

impl Networks {
    /// Reads every entry; gives back those that are none.
    pub(crate) fn parse(texts: &[String]) -> (Self, Vec<&str>) {
        let (mut networks, mut wrong) = (Vec::new(), Vec::new());
        for text in texts {
            match Network::parse(text) {
                Some(network) => networks.push(network),
                None => wrong.push(text.as_str()),
            }
        }
        (Self(networks), wrong)
    }

    /// Is this address in one of them?
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_bits_count() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.6"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "127.0.0.1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.holds(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.holds(outside.parse().unwrap()), "{network} {outside}");
        }
    }

    #[test]
    fn what_is_no_network() {
        for bad in
            ["", "host", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "/8", "1.2.3.4/8/8"]
        {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
