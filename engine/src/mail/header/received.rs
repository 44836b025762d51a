//! The trace field of a message that comes with an envelope: Received (RFC 5321 section 4.4).

use domain::Timestamp;

use crate::mail::header;

/// The longest name in the field, in characters.
const LONGEST: usize = 255;

/// How a message was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The name that the client gave in EHLO or HELO; `None` where it gave none.
    pub helo: Option<String>,
    /// The client, such as `[192.0.2.1]` or `uid 1000 on host`.
    pub peer: String,
    /// The protocol, such as `ESMTPSA` (RFC 3848) or `local`.
    pub protocol: &'static str,
    /// The name of this machine.
    pub host: String,
}

impl Received {
    /// The field, with its line ends. `id` is that of the message.
    pub(in crate::mail) fn field(&self, id: &str, now: Timestamp) -> String {
        let (peer, host) = (neutral(&self.peer, true), neutral(&self.host, false));
        let helo = self.helo.as_deref().filter(|helo| !helo.is_empty());
        let hop = match helo {
            Some(helo) => format!("from {} ({peer})\r\n\tby {host} ", neutral(helo, false)),
            None => format!("by {host} (from {peer})\r\n\t"),
        };
        format!(
            "Received: {hop}with {} id {id};\r\n\t{}\r\n",
            self.protocol,
            header::date(now)
        )
    }
}

/// The text as a word of the field, or as words with `spaces`: what clients give ends no comment and no
/// line, and begins no other part of the field.
fn neutral(text: &str, spaces: bool) -> String {
    let is_kept = |c: char| match c {
        ' ' => spaces,
        '(' | ')' | '<' | '>' | '@' | ',' | ';' | '\\' | '"' => false,
        c => c.is_ascii_graphic(),
    };
    let chars = text.chars().take(LONGEST);
    chars.map(|c| if is_kept(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::header::raw::RawHeader;

    fn received(helo: Option<&str>, peer: &str) -> Received {
        Received {
            helo: helo.map(str::to_owned),
            peer: peer.to_owned(),
            protocol: "ESMTPSA",
            host: "gate.example.org".to_owned(),
        }
    }

    #[test]
    fn the_field_names_client_host_protocol_id_and_time() {
        for (helo, peer, hop) in [
            (
                Some("app.example.org"),
                "[192.0.2.1]",
                "from app.example.org ([192.0.2.1])\r\n\tby gate.example.org with",
            ),
            (
                Some("[IPv6:2001:db8::1]"),
                "[IPv6:2001:db8::1]",
                "from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n\tby gate.example.org with",
            ),
            (
                None,
                "uid 1000 on host",
                "by gate.example.org (from uid 1000 on host)\r\n\twith",
            ),
            (
                Some(""),
                "uid 0 on host",
                "by gate.example.org (from uid 0 on host)\r\n\twith",
            ),
            (
                Some("a)\r\nBcc: x@example.net ü"),
                "b) by c; d",
                "from a???Bcc:?x?example.net?? (b? by c? d)\r\n\tby gate.example.org with",
            ),
        ] {
            assert_eq!(
                received(helo, peer).field("01JD", Timestamp(1_795_175_100_000)),
                format!(
                    "Received: {hop} ESMTPSA id 01JD;\r\n\tFri, 20 Nov 2026 11:45:00 +0000\r\n"
                )
            );
        }
    }

    proptest! {
        #[test]
        fn no_name_forges_another_field(helo in any::<String>(), peer in any::<String>()) {
            let field = received(Some(&helo), &peer).field("01JD", Timestamp(0));
            prop_assert!(field.is_ascii());
            let header = RawHeader::read(field.as_bytes());
            let header = header.map_err(|line| TestCaseError::fail(line.to_string()))?;
            prop_assert_eq!(header.fields.len(), 1);
            prop_assert!(field.split("\r\n").all(|line| line.len() <= 998));
        }
    }
}
