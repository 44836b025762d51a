//! A zone of DNS for tests.

use std::collections::HashMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::dns::Dns;
use crate::smtp::{DnsData, DnsFailure, DnsType};

/// Records by name and type. Names that fail answer with SERVFAIL.
#[derive(Default)]
pub struct TestZone {
    records: HashMap<(String, DnsType), Vec<DnsData>>,
    failing: Vec<String>,
}

impl TestZone {
    /// Parses lines as `example.org MX 10 mail.example.org`; `FAIL` stands for SERVFAIL.
    pub fn parse(lines: &str) -> Self {
        let mut zone = Self::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, rest) = line.split_once(' ').expect("a name");
            let (kind, value) = rest.split_once(' ').unwrap_or((rest, ""));
            let (kind, data) = match kind {
                "A" => (
                    DnsType::A,
                    DnsData::Address(value.parse().expect("an address")),
                ),
                "AAAA" => (
                    DnsType::Aaaa,
                    DnsData::Address(value.parse().expect("an address")),
                ),
                "MX" => {
                    let (preference, host) = value.split_once(' ').unwrap_or((value, ""));
                    let preference = preference.parse().expect("a number");
                    let host = host.to_owned();
                    (DnsType::Mx, DnsData::Exchange { preference, host })
                }
                "TXT" => (DnsType::Txt, DnsData::Text(value.to_owned())),
                "FAIL" => {
                    zone.failing.push(name.to_owned());
                    continue;
                }
                other => panic!("{other}"),
            };
            zone.records
                .entry((name.to_owned(), kind))
                .or_default()
                .push(data);
        }
        zone
    }
}

impl Dns for TestZone {
    fn records<'a>(
        &'a self,
        name: &'a str,
        kind: DnsType,
    ) -> BoxFuture<'a, Result<Vec<DnsData>, DnsFailure>> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let answer = match self.failing.contains(&name) {
            true => Err(DnsFailure("SERVFAIL".to_owned())),
            false => Ok(self.records.get(&(name, kind)).cloned().unwrap_or_default()),
        };
        std::future::ready(answer).boxed()
    }
}
