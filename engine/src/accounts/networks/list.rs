//! Networks in CIDR notation from which administrators are admitted.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The most networks of a list.
const MOST: usize = 100;

/// The prefix length of the network of all IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2).
const MAPPED: u8 = 96;

/// The networks from which administrators sign in and act; empty, every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkList(Vec<IpNet>);

impl NetworkList {
    /// Parses networks such as `10.0.0.0/8`, and single addresses. They are sorted, each once, without the
    /// bits behind their prefix.
    ///
    /// # Errors
    /// With a text for the person who typed them: what is not a network, or that there are more than 100.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, String> {
        let mut networks = Vec::with_capacity(texts.len().min(MOST));
        for text in texts {
            let text = text.as_ref().trim();
            let Some(network) = parse_network(text) else {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
                return Err(format!(
                    "“{shown}” is not a network. Write it as 10.0.0.0/8 or 2001:db8::/32, or an address as 192.0.2.7."
                ));
            };
            networks.push(network);
        }
        networks.sort_unstable();
        networks.dedup();
        match networks.len() > MOST {
            true => Err(format!(
                "There are more than {MOST} networks. Name wider ones."
            )),
            false => Ok(Self(networks)),
        }
    }

    /// Whether an administrator may come from an address.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// The networks as texts; a single address has no prefix length.
    pub fn texts(&self) -> Vec<String> {
        let text = |network: &IpNet| match network.prefix_len() == network.max_prefix_len() {
            true => network.addr().to_string(),
            false => network.to_string(),
        };
        self.0.iter().map(text).collect()
    }
}

/// A network or an address. One of IPv4-mapped addresses is that of the IPv4 addresses, as clients are known
/// by these.
fn parse_network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(address)?;
    let network = match network {
        IpNet::V6(mapped) => unmapped(mapped).map_or(network, IpNet::V4),
        IpNet::V4(_) => network,
    };
    Some(network.trunc())
}

fn unmapped(network: Ipv6Net) -> Option<Ipv4Net> {
    let length = network.prefix_len().checked_sub(MAPPED)?;
    Ipv4Net::new(network.addr().to_ipv4_mapped()?, length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_normalised() {
        for (typed, texts) in [
            (&["10.1.2.3/8"][..], &["10.0.0.0/8"][..]),
            (&[], &[]),
            (&[" 192.0.2.7 "], &["192.0.2.7"]),
            (&["192.0.2.7/32", "192.0.2.7"], &["192.0.2.7"]),
            (
                &["2001:DB8::/32", "198.51.100.0/24", "10.0.0.0/8"],
                &["10.0.0.0/8", "198.51.100.0/24", "2001:db8::/32"],
            ),
            (&["::ffff:10.0.0.0/104"], &["10.0.0.0/8"]),
            (&["::ffff:192.0.2.7"], &["192.0.2.7"]),
            (&["::1"], &["::1"]),
        ] {
            let list = NetworkList::parse(typed).expect("networks");
            assert_eq!(list.texts(), texts, "{typed:?}");
            let again = NetworkList::parse(&list.texts());
            assert_eq!(again, Ok(list), "{typed:?}");
        }
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "office.example.org",
            "10.0.0.0/8,::1",
        ] {
            let fault = NetworkList::parse(&[wrong]).expect_err("no network");
            assert!(fault.starts_with(&format!("“{wrong}”")), "{fault}");
        }
        let many: Vec<String> = (0..=100)
            .map(|number| format!("10.0.{number}.0/24"))
            .collect();
        assert!(NetworkList::parse(&many[..100]).is_ok());
        assert!(NetworkList::parse(&many).is_err());
    }

    #[test]
    fn an_address_in_one_of_the_networks_is_admitted() {
        for (networks, address, admits) in [
            (&["10.0.0.0/8", "2001:db8::/32"][..], "10.255.0.1", true),
            (&[], "203.0.113.9", true),
            (&["10.0.0.0/8", "2001:db8::/32"], "2001:db8:1::1", true),
            (&["10.0.0.0/8", "2001:db8::/32"], "11.0.0.1", false),
            (&["10.0.0.0/8"], "::ffff:10.0.0.1", true),
            (&["10.0.0.0/8"], "2001:db8::1", false),
            (&["10.0.0.0/8"], "127.0.0.1", false),
            (&["0.0.0.0/0"], "::1", false),
            (&["127.0.0.0/8"], "127.0.0.1", true),
        ] {
            let list = NetworkList::parse(networks).expect("networks");
            let address = address.parse().expect("an address");
            assert_eq!(list.admits(address), admits, "{networks:?} {address}");
        }
    }
}
