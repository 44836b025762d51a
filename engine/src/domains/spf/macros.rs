//! Expands the macros in domains of SPF records (RFC 7208 section 7).

use std::fmt::Write as _;
use std::net::IpAddr;

/// What macros stand for.
pub struct MacroValues<'m> {
    /// The sender, an address.
    pub sender: &'m str,
    /// The domain whose record is evaluated.
    pub domain: &'m str,
    /// The client.
    pub address: IpAddr,
}

impl MacroValues<'_> {
    /// The domain that a text with macros stands for, with its first labels cut where it is longer than a
    /// name in DNS.
    ///
    /// # Errors
    /// The fault of a macro.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let wrong = || format!("\"{text}\" has a macro that does not exist");
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            expanded.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            match rest.as_bytes().first() {
                Some(b'%') => expanded.push('%'),
                Some(b'_') => expanded.push(' '),
                Some(b'-') => expanded.push_str("%20"),
                Some(b'{') => {
                    let end = rest.find('}').ok_or_else(wrong)?;
                    expanded.push_str(&self.one(&rest[1..end]).ok_or_else(wrong)?);
                    rest = &rest[end + 1..];
                    continue;
                }
                _ => return Err(wrong()),
            }
            rest = &rest[1..];
        }
        expanded.push_str(rest);
        let mut name = expanded.trim_end_matches('.');
        while name.len() > 253 {
            name = name.split_once('.').map_or("", |(_, rest)| rest);
        }
        Ok(name.to_owned())
    }

    /// A macro without its braces, as in `d2r`.
    fn one(&self, text: &str) -> Option<String> {
        let letter = text.chars().next()?;
        let value = self.value(letter.to_ascii_lowercase())?;
        let rest = &text[letter.len_utf8()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let kept: Option<usize> = match digits {
            0 => None,
            _ => Some(
                rest[..digits]
                    .parse::<usize>()
                    .ok()
                    .filter(|kept| *kept > 0)?,
            ),
        };
        let rest = &rest[digits..];
        let delimiters = rest.strip_prefix(['r', 'R']);
        let is_reversed = delimiters.is_some();
        let delimiters = delimiters.unwrap_or(rest);
        if !delimiters.bytes().all(|byte| b".-+,/_=".contains(&byte)) {
            return None;
        }
        let is_delimiter = |c: char| match delimiters {
            "" => c == '.',
            some => some.contains(c),
        };
        let mut parts: Vec<&str> = value.split(is_delimiter).collect();
        if is_reversed {
            parts.reverse();
        }
        let first = kept.map_or(0, |kept| parts.len().saturating_sub(kept));
        Some(parts[first..].join("."))
    }

    fn value(&self, letter: char) -> Option<String> {
        let (local, domain) = self.sender.rsplit_once('@').unwrap_or(("", self.sender));
        Some(match letter {
            's' => self.sender.to_owned(),
            'l' => local.to_owned(),
            'o' | 'h' => domain.to_owned(),
            'd' => self.domain.to_owned(),
            'i' => dotted(self.address),
            'v' if self.address.is_ipv4() => "in-addr".to_owned(),
            'v' => "ip6".to_owned(),
            // Section 7.3: where the name is not known.
            'p' => "unknown".to_owned(),
            _ => return None,
        })
    }
}

/// An IPv4 address as usual, an IPv6 address as its nibbles.
fn dotted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let mut text = String::with_capacity(63);
            for octet in v6.octets() {
                let _ = write!(text, "{:x}.{:x}.", octet >> 4, octet & 15);
            }
            text.pop();
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expand(text: &str, address: &str) -> Result<String, String> {
        let values = MacroValues {
            sender: "strong-bad@email.example.com",
            domain: "email.example.com",
            address: address.parse().expect("an address"),
        };
        values.expand(text)
    }

    #[test]
    fn the_examples_of_rfc_7208_section_7_4() {
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            (
                "%{ir}.%{v}._spf.%{d2}",
                "3.2.0.192.in-addr._spf.example.com",
            ),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            (
                "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
                "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
            ),
            (
                "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
                "3.2.0.192.in-addr.strong.lp._spf.example.com",
            ),
            (
                "%{d2}.trusted-domains.example.net",
                "example.com.trusted-domains.example.net",
            ),
            ("%%%_%-", "% %20"),
        ] {
            assert_eq!(expand(text, "192.0.2.3").as_deref(), Ok(expected), "{text}");
        }
        let v6 =
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com";
        let found = expand("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01");
        assert_eq!(found.as_deref(), Ok(v6));
    }

    #[test]
    fn faults_are_found_and_long_names_cut() {
        for text in ["%", "%a", "%{d", "%{}", "%{z}", "%{d0}", "%{d*}"] {
            assert!(expand(text, "192.0.2.3").is_err(), "{text}");
        }
        let long = format!("{}example.org", "a.".repeat(200));
        let cut = expand(&long, "192.0.2.3").expect("valid");
        assert!(cut.len() <= 253 && cut.ends_with(".example.org"), "{cut}");
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_or_refused(text in "(%|\\{|\\}|[a-z0-9.r_ü-]){0,40}") {
            for address in ["192.0.2.3", "2001:db8::1"] {
                if let Ok(name) = expand(&text, address) {
                    prop_assert!(name.len() <= 253, "{}", name);
                }
            }
        }
    }
}
