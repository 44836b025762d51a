//! The extensions that a relay offers in its answer to EHLO (RFC 5321 section 4.1.1.1).

use smtp_proto::response::generate::BitToString;
use smtp_proto::{
    EXT_8BIT_MIME, EXT_CHUNKING, EXT_DSN, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8, EXT_START_TLS,
    EhloResponse,
};

use super::RawReply;

/// The extensions that a submitting client uses. All are off after HELO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::option_option,
    clippy::struct_excessive_bools,
    reason = "one field for each keyword, and SIZE may have no value"
)]
pub(crate) struct Capabilities {
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 1870, with the limit in octets where there is one.
    pub size: Option<Option<u64>>,
    /// RFC 4954: the offered mechanisms that are known, strongest first.
    pub auth: Vec<&'static str>,
}

impl Capabilities {
    /// Reads a positive answer to EHLO. Lines that are not understood are ignored.
    pub fn parse(ehlo: &RawReply) -> Self {
        // Every line in the form that smtp-proto reads: a last line that is a bare code, as
        // RFC 5321 section 4.2 allows, would make it refuse the whole answer.
        let mut lines = Vec::with_capacity(ehlo.bytes.len() + 16);
        for line in ehlo.lines() {
            lines.extend_from_slice(b"250-");
            lines.extend_from_slice(line);
            lines.push(b'\n');
        }
        lines.extend_from_slice(b"250 \n");
        let Ok(found) = EhloResponse::parse(&mut lines.iter()) else {
            return Self::default();
        };
        // 0 means that there is no fixed limit.
        let limit = u64::try_from(found.size).ok().filter(|limit| *limit > 0);
        Self {
            starttls: found.has_capability(EXT_START_TLS),
            pipelining: found.has_capability(EXT_PIPELINING),
            chunking: found.has_capability(EXT_CHUNKING),
            eight_bit_mime: found.has_capability(EXT_8BIT_MIME),
            smtputf8: found.has_capability(EXT_SMTP_UTF8),
            dsn: found.has_capability(EXT_DSN),
            size: found.has_capability(EXT_SIZE).then_some(limit),
            auth: (0..u64::BITS)
                .map(|bit| found.auth_mechanisms & (1 << bit))
                .filter(|mechanism| *mechanism != 0)
                .map(|mechanism| mechanism.to_mechanism())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Capabilities {
        Capabilities::parse(&RawReply {
            code: 250,
            bytes: text.replace('\n', "\r\n").into_bytes(),
        })
    }

    #[test]
    fn capabilities_are_parsed_in_every_spelling() {
        let everything = Capabilities {
            starttls: true,
            pipelining: true,
            chunking: true,
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            size: Some(Some(1000)),
            auth: vec!["XOAUTH2", "PLAIN"],
        };
        for text in [
            "250-relay\n250-STARTTLS\n250-PIPELINING\n250-CHUNKING\n250-8BITMIME\n250-SMTPUTF8\n250-DSN\n250-SIZE 1000\n250 AUTH PLAIN XOAUTH2\n",
            "250-relay\n250-starttls\n250-Pipelining\n250-Chunking\n250-8bitmime\n250-smtputf8\n250-dsn\n250-size 1000\n250 auth plain xoauth2\n",
            "250-r\n250-AUTH=PLAIN XOAUTH2\n250-SIZE  1000 \n250-SMTPUTF8 \n250-DSN \n250-PIPELINING\n250-CHUNKING\n250-8BITMIME\n250-X-CAF\u{e9}\n250 STARTTLS\n",
            "250-r\n250-AUTH PLAIN\n250-AUTH=PLAIN XOAUTH2\n250-SIZE 1000\n250-SMTPUTF8\n250-DSN\n250-PIPELINING\n250-CHUNKING\n250-8BITMIME\n250 STARTTLS now\n",
        ] {
            assert_eq!(read(text), everything, "{text}");
        }
    }

    #[test]
    fn unknown_lines_are_ignored() {
        for (line, size) in [
            ("SIZE", Some(None)),
            ("SIZE 0", Some(None)),
            ("SIZE unlimited", Some(None)),
            ("SIZE 4294967296", Some(Some(4_294_967_296))),
            ("SIZE 35882577", Some(Some(35_882_577))),
            ("", None),
            ("FUTURERELEASE x y", None),
            ("STARTTLSX", None),
            ("DSNX", None),
        ] {
            let found = read(&format!(
                "250-relay\n250-{line}\n250 AUTH LOGIN \u{1b}[31m\n"
            ));
            assert_eq!(found.size, size, "{line}");
            assert_eq!(found.auth, ["LOGIN"], "{line}");
            assert!(!found.starttls && !found.dsn);
        }
        for nothing in [
            "250 STARTTLS is this relay's name\n",
            "250\n",
            "250-\n250\n",
        ] {
            assert_eq!(read(nothing), Capabilities::default());
        }
        assert!(read("250-relay\n250-STARTTLS\n250\n").starttls);
    }
}
