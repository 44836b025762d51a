//! DNS records of a domain: texts, exchanges and addresses, and whether DNS answers at all.

use std::net::IpAddr;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::Dialer;
use super::resolve::ResolveError;

/// The type of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchanges.
    Mx,
    /// Texts.
    Txt,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsData {
    /// Of A and AAAA.
    Address(IpAddr),
    /// Of MX, the host without a dot at its end; that of a null MX (RFC 7505) is empty.
    Exchange {
        /// Lower values are tried first.
        preference: u16,
        /// The host.
        host: String,
    },
    /// Of TXT, its strings joined.
    Text(String),
}

/// DNS did not answer, or with a failure such as SERVFAIL. The text says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsFailure(pub String);

impl Dialer {
    /// The records of one type of a name in ASCII, by DNS and not by the hosts file; none where there are
    /// none. The caller limits the time.
    ///
    /// # Errors
    /// [`DnsFailure`] where DNS does not say whether there are any.
    pub async fn dns_records(&self, name: &str, kind: DnsType) -> Result<Vec<DnsData>, DnsFailure> {
        let record_type = match kind {
            DnsType::A => RecordType::A,
            DnsType::Aaaa => RecordType::AAAA,
            DnsType::Mx => RecordType::MX,
            DnsType::Txt => RecordType::TXT,
        };
        match self.resolver().records(name, record_type).await {
            Ok(found) => Ok(found.iter().filter_map(data).collect()),
            Err(ResolveError::NoSuchName) => Ok(Vec::new()),
            Err(ResolveError::Failed(NetError::Dns(DnsError::NoRecordsFound(none))))
                if matches!(
                    none.response_code,
                    ResponseCode::NXDomain | ResponseCode::NoError
                ) =>
            {
                Ok(Vec::new())
            }
            Err(ResolveError::Failed(error)) => Err(DnsFailure(error.to_string())),
        }
    }
}

/// The data of a record, where it is of one of the types; CNAME records come with the answer as well.
fn data(data: &RData) -> Option<DnsData> {
    match data {
        RData::MX(mx) => Some(DnsData::Exchange {
            preference: mx.preference,
            host: mx.exchange.to_ascii().trim_end_matches('.').to_owned(),
        }),
        RData::TXT(txt) => {
            let strings = txt.txt_data.iter();
            let bytes: Vec<u8> = strings.flat_map(|part| part.iter().copied()).collect();
            Some(DnsData::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        other => other.ip_addr().map(DnsData::Address),
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Name;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, TXT};

    use super::*;

    #[test]
    fn records_are_read() {
        let name = |text: &str| Name::from_ascii(text).expect("a name");
        let exchange = |host: &str, preference| DnsData::Exchange {
            preference,
            host: host.to_owned(),
        };
        let strings = vec!["v=spf1 ".to_owned(), "-all".to_owned()];
        for (record, expected) in [
            (
                RData::MX(MX::new(10, name("mx.example.org."))),
                Some(exchange("mx.example.org", 10)),
            ),
            (RData::MX(MX::new(0, Name::root())), Some(exchange("", 0))),
            (
                RData::TXT(TXT::new(strings)),
                Some(DnsData::Text("v=spf1 -all".to_owned())),
            ),
            (
                RData::A(A::new(192, 0, 2, 1)),
                Some(DnsData::Address([192, 0, 2, 1].into())),
            ),
            (RData::CNAME(CNAME(name("a.example.org."))), None),
        ] {
            assert_eq!(data(&record), expected);
        }
    }
}
