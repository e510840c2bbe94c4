//! Proxies that are believed: which addresses they have, and whom they speak for. Pure.

use std::net::IpAddr;

use crate::security::Networks;

/// Addresses, or networks of them, that `websocket.trusted_proxies` names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxies(Networks);

impl Proxies {
    /// Reads every entry; gives back those that are none.
    pub(crate) fn parse(texts: &[String]) -> (Self, Vec<&str>) {
        let (networks, wrong) = Networks::parse(texts);
        (Self(networks), wrong)
    }

    /// Is this one of them?
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        self.0.holds(address)
    }

    /// Who stands behind `peer`, by what it says in `X-Forwarded-For`, first line first. Each proxy adds
    /// whom it saw at the end, so the last one that is no proxy of ours is the client; what stands before
    /// it anybody may have written.
    pub(crate) fn client<'a>(&self, peer: IpAddr, lines: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for text in lines.rev().flat_map(|line| line.rsplit(',')) {
            if !self.holds(client) {
                break;
            }
            match address(text.trim()) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// `10.0.0.1`, `10.0.0.1:4711`, `fd00::1`, `[fd00::1]`, `[fd00::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|socket: std::net::SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(texts: &[&str]) -> Proxies {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let (proxies, wrong) = Proxies::parse(&texts);
        assert!(wrong.is_empty(), "{wrong:?}");
        proxies
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_and_networks() {
        let all = proxies(&["10.1.2.3", "192.168.0.0/16", "fd00::/8", "::1"]);
        for good in ["10.1.2.3", "192.168.255.1", "fd12::1", "::1", "::ffff:10.1.2.3"] {
            assert!(all.holds(ip(good)), "{good}");
        }
        for bad in ["10.1.2.4", "192.169.0.1", "fe00::1", "::2", "127.0.0.1"] {
            assert!(!all.holds(ip(bad)), "{bad}");
        }
        assert!(proxies(&["0.0.0.0/0"]).holds(ip("8.8.8.8")) && !proxies(&["0.0.0.0/0"]).holds(ip("::1")));
        for wrong in ["", "proxy", "10.0.0.1/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "/8"]
        {
            assert_eq!(Proxies::parse(&[wrong.to_owned()]).1, [wrong]);
        }
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed() {
        let ours = proxies(&["10.0.0.0/8"]);
        let client = |peer: &str, lines: &[&str]| ours.client(ip(peer), lines.iter().copied()).to_string();
        assert_eq!(client("9.9.9.9", &["1.1.1.1"]), "9.9.9.9");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1"]), "1.1.1.1");
        // What a client wrote itself stands first.
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.1.1.1,10.0.0.2"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, nonsense"]), "10.0.0.1");
        assert_eq!(client("::ffff:10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1:80"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
    }
}
