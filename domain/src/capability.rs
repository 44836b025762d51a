//! What a relay offers in its answer to EHLO, explained (RFC 5321 section 4.1.1.1).

use serde::Serialize;

/// An extension as it was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// In capitals, as in `SIZE`.
    pub keyword: String,
    /// As the relay wrote them; empty when there are none.
    pub parameters: String,
    /// What it means for mail; none where it is not known here.
    pub meaning: Option<String>,
}

impl Capability {
    /// From a line of the answer, without its code. None for an empty line.
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
        "STARTTLS" => "The connection can be encrypted from here on.",
        "PIPELINING" => "Commands may be sent together, which saves round trips.",
        "8BITMIME" => "Bodies may hold other than 7-bit characters.",
        "SMTPUTF8" => "Addresses may be of any script.",
        "ENHANCEDSTATUSCODES" => "Answers carry a second, more exact code, as in 5.7.1.",
        "DSN" => "Reports on delivery can be asked for.",
        "CHUNKING" => "Mail can be sent in chunks of known size (BDAT).",
        "BINARYMIME" => "Bodies may be binary, with CHUNKING.",
        "VRFY" => "Whether an address exists may be asked.",
        "EXPN" => "Who is on a mailing list may be asked.",
        "ETRN" => "A waiting queue can be asked for.",
        "HELP" => "HELP lists the commands.",
        "DELIVERBY" => "A latest time of delivery can be set.",
        "FUTURERELEASE" => "Mail can be held until a time.",
        "MT-PRIORITY" => "Mail can have a priority.",
        "NO-SOLICITING" => "Advertising is not wanted.",
        "REQUIRETLS" => "Encryption all the way can be demanded.",
        "LIMITS" => "How much one connection may send.",
        "TURN" => "Roles may be exchanged; obsolete.",
        "XCLIENT" | "XFORWARD" => "For proxies in front of the relay.",
        _ => return None,
    };
    Some(text.to_owned())
}

/// RFC 1870 section 3: octets; 0 or nothing for no fixed limit.
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
        "Signing in is possible, but no way to do it is named.".to_owned()
    } else {
        format!("Ways to sign in: {}.", names.join(", "))
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
                Some("Ways to sign in: PLAIN, LOGIN."),
            ),
            (
                "AUTH=LOGIN",
                "AUTH",
                "LOGIN",
                Some("Ways to sign in: LOGIN."),
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
}
