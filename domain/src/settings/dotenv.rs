//! Reads the lines `NAME=value` of a `.env` file, as dotenv and Docker Compose write them.

use crate::{Kind, Refusal};

/// A variable and its text, in the order of the file.
pub type Assignment = (String, String);

/// Reads the variables of a file.
///
/// A line is `NAME=value`, with or without `export` before it. A value in single quotes is not changed;
/// in double quotes `\n`, `\t`, `\"`, `\\` and `\$` are replaced. Quoted values may span several lines.
/// In a value without quotes a `#` after white space begins a comment. Variables are not expanded.
///
/// # Errors
/// [`Kind::Invalid`] with the first line that cannot be read. The text shows no
/// value.
pub fn parse(text: &str) -> Result<Vec<Assignment>, Refusal> {
    let mut found = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut number = 1;
    while !rest.is_empty() {
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = &rest[line.len()..];
            number += 1;
            continue;
        }
        let Some(equals) = line.find('=') else {
            return Err(fault(number, "has no “=”; a line is NAME=value"));
        };
        let name = line[..equals].trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        if !is_name(name) {
            let text = "has no name before the “=”; a name has letters, digits and _";
            return Err(fault(number, text));
        }
        let after = &rest[equals + 1..];
        let start = after.trim_start_matches([' ', '\t']);
        let (value, taken) = match start.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let Some((value, length)) = quoted(&start[1..], quote) else {
                    return Err(fault(number, "has a quote that is never closed"));
                };
                let behind = &start[1 + length..];
                let behind = behind.split('\n').next().unwrap_or_default().trim();
                if !(behind.is_empty() || behind.starts_with('#')) {
                    return Err(fault(number, "goes on behind its closing quote"));
                }
                (value, after.len() - start.len() + 1 + length)
            }
            _ => {
                let plain = after.split('\n').next().unwrap_or_default();
                (unquoted(plain), plain.len())
            }
        };
        found.push((name.to_owned(), value));
        let end = equals + 1 + taken;
        let end = rest[end..].find('\n').map_or(rest.len(), |at| end + at + 1);
        number += rest[..end].matches('\n').count();
        rest = &rest[end..];
    }
    Ok(found)
}

fn fault(line: usize, text: &str) -> Refusal {
    Refusal::new(Kind::Invalid, format!("Line {line} {text}."))
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(starts) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value after an opening quote, and the number of octets including the closing one.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some((value, at + quote.len_utf8()));
        }
        if character != '\\' || quote == '\'' {
            value.push(character);
            continue;
        }
        match characters.next()?.1 {
            'n' => value.push('\n'),
            't' => value.push('\t'),
            escaped @ ('"' | '\\' | '$') => value.push(escaped),
            other => value.extend(['\\', other]),
        }
    }
    None
}

/// A value without quotes, without its comment.
fn unquoted(text: &str) -> String {
    let mut before = ' ';
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        if character == '#' && before.is_whitespace() {
            end = at;
            break;
        }
        before = character;
    }
    text[..end].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_line_is_read() {
        for (text, value) in [
            ("A=b", "b"),
            ("A = b ", "b"),
            ("export A=b\r\n", "b"),
            ("  A=", ""),
            ("A=b # a comment", "b"),
            ("A=b#c", "b#c"),
            ("A=# a comment", ""),
            ("A=\"b # c\" # a comment", "b # c"),
            ("A='b\\n$c'", "b\\n$c"),
            ("A=\"b\\n\\\"c\\\" \\\\ \\$d \\e\"", "b\n\"c\" \\ $d \\e"),
            ("A=\"b\nc\"", "b\nc"),
            ("A=b=c==", "b=c=="),
            ("\u{feff}A=b", "b"),
            ("A='ü'", "ü"),
        ] {
            let expected = vec![("A".to_owned(), value.to_owned())];
            assert_eq!(parse(text).as_ref(), Ok(&expected), "{text:?}");
        }
    }

    #[test]
    fn variables_keep_their_order() {
        let text = "# mail\n\nSMTP_HOST=a\nB='1\n2'\nSMTP_HOST=c";
        let read = parse(text).expect("readable");
        let names: Vec<(&str, &str)> = read.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(
            names,
            [("SMTP_HOST", "a"), ("B", "1\n2"), ("SMTP_HOST", "c")]
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_without_its_value() {
        for (text, line) in [
            ("A=1\nhunter2", "Line 2 has no “=”"),
            ("A='1\n2'\n=hunter2", "Line 3 has no name"),
            ("A=1\nB C=hunter2", "Line 2 has no name"),
            ("\nA=\"hunter2", "Line 2 has a quote"),
            ("A='hunter2'hunter2", "Line 1 goes on"),
        ] {
            let fault = parse(text).expect_err("refused").to_string();
            assert!(fault.starts_with(line), "{text:?}: {fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}
