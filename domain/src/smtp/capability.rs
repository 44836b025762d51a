//! The extensions a relay offers in reply to EHLO, explained (RFC 5321 section 4.1.1.1).

use serde::Serialize;

/// An SMTP service extension as offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capability {
    /// The EHLO keyword in upper case, as in `SIZE`.
    pub keyword: String,
    /// The parameters as sent; empty when there are none.
    pub parameters: String,
    /// An explanation for the user; none for an unknown keyword.
    pub meaning: Option<String>,
}

impl Capability {
    /// Parses a line of the reply, without its code. None for an empty line.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        // Old servers write `AUTH=LOGIN`.
        let end = line
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(line.len());
        let (keyword, rest) = line.split_at(end);
        if keyword.is_empty() {
            return None;
        }
        let keyword = keyword.to_ascii_uppercase();
        let parameters = rest.trim_start_matches('=').trim().to_owned();
        let meaning = meaning(&keyword, &parameters);
        Some(Self {
            keyword,
            parameters,
            meaning,
        })
    }
}

fn meaning(keyword: &str, parameters: &str) -> Option<String> {
    let text = match keyword {
        "SIZE" => return Some(size(parameters)),
        "AUTH" => return Some(auth(parameters)),
        "STARTTLS" => "The connection can be encrypted with StartTLS.",
        "PIPELINING" => "Commands can be sent without waiting for each reply.",
        "8BITMIME" => "Bodies can contain 8-bit characters.",
        "SMTPUTF8" => "Addresses can contain non-ASCII characters.",
        "ENHANCEDSTATUSCODES" => "Replies carry an enhanced status code, as in 5.7.1.",
        "DSN" => "Delivery status notifications can be requested.",
        "CHUNKING" => "Mail can be sent in chunks of known size (BDAT).",
        "BINARYMIME" => "Bodies can be binary, with CHUNKING.",
        "VRFY" => "The existence of an address can be queried.",
        "EXPN" => "The members of a mailing list can be queried.",
        "ETRN" => "Delivery of a waiting queue can be requested.",
        "HELP" => "HELP lists the commands.",
        "DELIVERBY" => "A deadline for delivery can be set.",
        "FUTURERELEASE" => "Mail can be held until a given time.",
        "MT-PRIORITY" => "Mail can have a priority.",
        "NO-SOLICITING" => "Unsolicited advertising is not wanted.",
        "REQUIRETLS" => "TLS can be required for every hop.",
        "LIMITS" => "The limits of one connection are announced.",
        "TURN" => "Client and server roles can be reversed; obsolete.",
        "XCLIENT" | "XFORWARD" => "Proxies in front of the relay can pass on client details.",
        _ => return None,
    };
    Some(text.to_owned())
}

/// RFC 1870 section 3: the limit in octets; 0 or absent means no fixed limit.
fn size(parameters: &str) -> String {
    match parameters.split_whitespace().next().map(str::parse::<u64>) {
        Some(Ok(octets @ 1..)) if octets < 1_000_000 => {
            format!("A mail has at most {} kB.", octets / 1000)
        }
        Some(Ok(octets @ 1..)) => format!(
            "A mail has at most {}.{} MB.",
            octets / 1_000_000,
            octets % 1_000_000 / 100_000
        ),
        _ => "A mail has no fixed size limit.".to_owned(),
    }
}

fn auth(parameters: &str) -> String {
    let names: Vec<&str> = parameters.split_whitespace().collect();
    if names.is_empty() {
        "Signing in is possible, but no mechanism is named.".to_owned()
    } else {
        format!("Sign-in mechanisms: {}.", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ones_are_explained_and_others_are_kept() {
        for (line, keyword, parameters, meaning) in [
            (
                "SIZE 35882577",
                "SIZE",
                "35882577",
                Some("A mail has at most 35.8 MB."),
            ),
            (
                "size 512000",
                "SIZE",
                "512000",
                Some("A mail has at most 512 kB."),
            ),
            ("SIZE", "SIZE", "", Some("A mail has no fixed size limit.")),
            (
                "SIZE 0",
                "SIZE",
                "0",
                Some("A mail has no fixed size limit."),
            ),
            (
                "AUTH PLAIN LOGIN",
                "AUTH",
                "PLAIN LOGIN",
                Some("Sign-in mechanisms: PLAIN, LOGIN."),
            ),
            (
                "AUTH=LOGIN",
                "AUTH",
                "LOGIN",
                Some("Sign-in mechanisms: LOGIN."),
            ),
            ("X-ODD  a b", "X-ODD", "a b", None),
        ] {
            let read = Capability::parse(line).expect("a capability");
            assert_eq!(
                (
                    read.keyword.as_str(),
                    read.parameters.as_str(),
                    read.meaning.as_deref()
                ),
                (keyword, parameters, meaning)
            );
        }
        assert_eq!(Capability::parse(" "), None);
    }

    #[test]
    fn sizes_are_in_kilobytes_below_a_megabyte() {
        for (parameter, meaning) in [
            ("1", "A mail has at most 0 kB."),
            ("999999", "A mail has at most 999 kB."),
            ("1000000", "A mail has at most 1.0 MB."),
            ("many", "A mail has no fixed size limit."),
        ] {
            assert_eq!(size(parameter), meaning);
        }
        assert!(auth("").contains("no mechanism"));
        let known = "STARTTLS PIPELINING 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES DSN CHUNKING \
                     BINARYMIME VRFY EXPN ETRN HELP DELIVERBY FUTURERELEASE MT-PRIORITY \
                     NO-SOLICITING REQUIRETLS LIMITS TURN XCLIENT XFORWARD";
        for keyword in known.split_whitespace() {
            let read = Capability::parse(keyword).expect("a capability");
            assert!(read.meaning.is_some(), "{keyword}");
        }
    }
}
