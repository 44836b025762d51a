//! The text of a reply in the form that phrases are compared with.

use std::net::IpAddr;

use crate::Reply;

/// A reply as one line: lower case, without diacritics, enhanced status codes and runs of white
/// space, an address as `@` and an IP address as `#`. Begins and ends with a space, so that a phrase
/// can ask for whole words.
#[derive(Debug, Default)]
pub struct ReplyText {
    pub text: String,
    /// The addresses in the reply, in lower case.
    pub addresses: Vec<String>,
}

impl ReplyText {
    pub fn of(reply: &Reply) -> Self {
        let mut read = Self::default();
        // Each line repeats the enhanced status code, which would split a phrase.
        let status = reply.enhanced.map(|[a, b, c]| format!("{a}.{b}.{c}"));
        read.text.reserve(reply.text.len() + 2);
        for line in reply.text.lines() {
            let bare = status.as_deref().and_then(|code| line.strip_prefix(code));
            for token in bare.unwrap_or(line).split_whitespace() {
                read.text.push(' ');
                read.push(token);
            }
        }
        read.text.push(' ');
        read
    }

    fn push(&mut self, token: &str) {
        const AROUND: &[char] = &[
            '<', '>', '(', ')', '[', ']', '"', '\'', '`', ',', ';', ':', '.', '!',
        ];
        let core = token.trim_matches(AROUND);
        if core.parse::<IpAddr>().is_ok() {
            self.text.push('#');
        } else if let Some(address) = address_in(core) {
            self.addresses.push(address.to_lowercase());
            self.text.push('@');
        } else {
            self.text.extend(token.chars().flat_map(folded));
        }
    }
}

/// The address in a token such as `a@b`, `for=<a@b>` or `<a@b>...user`.
fn address_in(token: &str) -> Option<&str> {
    let inner = token
        .split(['<', '>', '=', '(', ')', ','])
        .find(|part| part.contains('@'))?;
    let (local, domain) = inner.rsplit_once('@')?;
    let plausible = !local.is_empty() && domain.contains(|c: char| c.is_alphanumeric());
    plausible.then(|| inner.trim_matches(['"', '\'', '.', ':', ';']))
}

/// A character in lower case, without its diacritics where it is Latin.
fn folded(c: char) -> impl Iterator<Item = char> {
    let plain = match c {
        '\u{2018}' | '\u{2019}' | '\u{b4}' | '`' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'Á' | 'À' | 'Â' | 'Ä' | 'Ã' | 'Å' | 'ą' | 'Ą' => {
            'a'
        }
        'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' | 'ę' | 'Ę' | 'ě' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'Í' | 'Î' | 'ı' | 'İ' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'Ó' | 'Ô' | 'Ö' | 'Õ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'Ú' | 'Û' | 'Ü' => 'u',
        'ç' | 'Ç' | 'ć' | 'č' => 'c',
        'ñ' | 'Ñ' | 'ń' => 'n',
        'ł' | 'Ł' => 'l',
        'ś' | 'š' | 'ş' => 's',
        'ź' | 'ż' | 'ž' => 'z',
        'ğ' => 'g',
        other => return Folded::Many(other.to_lowercase()),
    };
    Folded::One(Some(plain))
}

/// One character, or those of a lower case.
enum Folded {
    One(Option<char>),
    Many(std::char::ToLowercase),
}

impl Iterator for Folded {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::One(c) => c.take(),
            Self::Many(lower) => lower.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ReplyText;
    use crate::Reply;

    #[test]
    fn a_reply_is_read_as_one_line_of_plain_words() {
        for (code, lines, text, addresses) in [
            (
                550,
                &["5.1.1 <A@Example.org>: User", "5.1.1 unknown"][..],
                " @ user unknown ",
                &["a@example.org"][..],
            ),
            (
                554,
                &["Client host [192.0.2.1] blocked; see https://example.org/?ip=192.0.2.1"],
                " client host # blocked; see https://example.org/?ip=192.0.2.1 ",
                &[],
            ),
            (
                552,
                &["5.2.2 Boîte   du destinataire’s pleine"],
                " boite du destinataire's pleine ",
                &[],
            ),
            (
                550,
                &["rcpt=<b@example.org>... not here (c@example.net)."],
                " @ not here @ ",
                &["b@example.org", "c@example.net"],
            ),
            (
                450,
                &["from 2001:db8::1, [2001:db8::2]: later @ once"],
                " from # # later @ once ",
                &[],
            ),
            (250, &[], " ", &[]),
        ] {
            let reply = Reply::new(code, lines.iter().map(|line| line.as_bytes()));
            let read = ReplyText::of(&reply);
            assert_eq!(read.text, text);
            assert_eq!(read.addresses, addresses);
        }
    }
}
