//! What a relay offers in its answer to EHLO (RFC 5321 section 4.1.1.1).

use super::reply::RawReply;

/// The extensions that matter to a client that hands over mail. All off after HELO.
///
/// Read here and not by smtp-proto, whose parser drops a whole answer for one odd line (`SIZE
/// unlimited`), knows no `AUTH=` and forgets the names of mechanisms it does not implement, which
/// are what a person wants to read when theirs is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 1870; the limit in octets where there is one.
    pub size: Option<Option<u64>>,
    /// RFC 4954: the mechanisms in capitals, in the relay's order.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// From a positive answer to EHLO. What is not understood is passed over.
    pub fn read(ehlo: &RawReply) -> Self {
        let mut found = Self::default();
        // The first line is the relay's name.
        for line in ehlo.lines().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default() {
                "STARTTLS" => found.starttls = true,
                "PIPELINING" => found.pipelining = true,
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "SIZE" => {
                    // 0 says that there is no fixed limit.
                    let limit = words.next().and_then(|limit| limit.parse().ok());
                    found.size = Some(limit.filter(|limit| *limit > 0));
                }
                "AUTH" => found.add_mechanisms(words),
                // As relays wrote it before RFC 2554, and still do beside the other for old clients.
                keyword => {
                    if let Some(first) = keyword.strip_prefix("AUTH=") {
                        found.add_mechanisms([first].into_iter().chain(words));
                    }
                }
            }
        }
        found
    }

    pub fn offers(&self, mechanism: &str) -> bool {
        self.auth.iter().any(|offered| offered == mechanism)
    }

    /// Only names that are names (RFC 4422 section 3.1): they are shown.
    fn add_mechanisms<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            let is_name = (1..=20).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if is_name && !self.offers(name) {
                self.auth.push(name.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Capabilities {
        Capabilities::read(&RawReply {
            code: 250,
            bytes: text.replace('\n', "\r\n").into_bytes(),
        })
    }

    #[test]
    fn capabilities_are_read_however_they_are_spelt() {
        let everything = Capabilities {
            starttls: true,
            pipelining: true,
            eight_bit_mime: true,
            smtputf8: true,
            size: Some(Some(1000)),
            auth: vec!["PLAIN".to_owned(), "XOAUTH2".to_owned()],
        };
        for text in [
            "250-relay\n250-STARTTLS\n250-PIPELINING\n250-8BITMIME\n250-SMTPUTF8\n250-SIZE 1000\n250 AUTH PLAIN XOAUTH2\n",
            "250-relay\n250-starttls\n250-Pipelining\n250-8bitmime\n250-smtputf8\n250-size 1000\n250 auth plain xoauth2\n",
            "250-r\n250-AUTH=PLAIN XOAUTH2\n250-SIZE  1000 \n250-SMTPUTF8 \n250-PIPELINING\n250-8BITMIME\n250-X-CAF\u{e9}\n250 STARTTLS\n",
            "250-r\n250-AUTH PLAIN\n250-AUTH=PLAIN XOAUTH2\n250-SIZE 1000\n250-SMTPUTF8\n250-PIPELINING\n250-8BITMIME\n250 STARTTLS now\n",
        ] {
            assert_eq!(read(text), everything, "{text}");
        }
    }

    #[test]
    fn odd_lines_spoil_nothing() {
        for (line, size) in [
            ("SIZE", Some(None)),
            ("SIZE 0", Some(None)),
            ("SIZE unlimited", Some(None)),
            ("SIZE 99999999999999999999999", Some(None)),
            ("SIZE 35882577", Some(Some(35_882_577))),
            ("", None),
            ("FUTURERELEASE x y", None),
            ("STARTTLSX", None),
        ] {
            let found = read(&format!(
                "250-relay\n250-{line}\n250 AUTH LOGIN \u{1b}[31m\n"
            ));
            assert_eq!(found.size, size, "{line}");
            assert_eq!(found.auth, ["LOGIN"], "{line}");
            assert!(!found.starttls);
        }
        assert_eq!(
            read("250 STARTTLS is this relay's name\n"),
            Capabilities::default()
        );
    }
}
