//! Distinguished names as text (RFC 4514), in the order in which the certificate has them.

use std::fmt::Write;

use domain::sanitize::is_control_or_format;
use x509_parser::asn1_rs::{Any, BmpString, Tag, ToDer};
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::text::cut;

/// As in `O=A Bank, CN=relay.example.org`. Values are escaped, so that none reads as an attribute of
/// its own (RFC 4514 section 2.4).
pub(super) fn distinguished_name(name: &X509Name<'_>) -> String {
    let relative = name.iter_rdn().map(|relative| {
        let attributes: Vec<String> = relative.iter().map(attribute).collect();
        attributes.join("+")
    });
    cut(relative.collect::<Vec<_>>().join(", "))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let (kind, value) = (attribute.attr_type(), attribute.attr_value());
    match (oid2abbrev(kind, oid_registry()), text(value)) {
        (Ok(known), Some(text)) => format!("{known}={}", escaped(&text)),
        (Ok(known), None) => format!("{known}={}", hexadecimal(value)),
        (Err(_), _) => format!("{}={}", kind.to_id_string(), hexadecimal(value)),
    }
}

fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::NumericString
        | Tag::VisibleString
        | Tag::PrintableString
        | Tag::GeneralString
        | Tag::T61String
        | Tag::Utf8String
        | Tag::Ia5String => String::from_utf8(value.data.to_vec()).ok(),
        Tag::BmpString => BmpString::try_from(value.clone())
            .map(|text| text.string())
            .ok(),
        _ => None,
    }
}

/// The encoding of a value that is no text, in hexadecimal.
fn hexadecimal(value: &Any<'_>) -> String {
    let mut shown = String::from("#");
    for octet in value.to_der_vec_raw().unwrap_or_default() {
        // Writing to a string does not fail.
        let _ = write!(shown, "{octet:02X}");
    }
    shown
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut shown = String::with_capacity(value.len());
    for (place, c) in value.chars().enumerate() {
        let at_an_end = (c == ' ' && (place == 0 || place == last)) || (c == '#' && place == 0);
        if is_control_or_format(c) {
            let mut octets = [0; 4];
            for octet in c.encode_utf8(&mut octets).bytes() {
                // Writing to a string does not fail.
                let _ = write!(shown, "\\{octet:02X}");
            }
            continue;
        }
        if at_an_end || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            shown.push('\\');
        }
        shown.push(c);
    }
    shown
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
    use x509_parser::certificate::X509Certificate;
    use x509_parser::prelude::FromDer;

    use super::*;

    #[test]
    fn values_are_escaped_unambiguously() {
        for (value, shown) in [
            ("relay", "relay"),
            ("relay, O=A Bank", r"relay\, O=A Bank"),
            ("relay+O=A Bank", r"relay\+O=A Bank"),
            (r#"a"b<c>d;e\f"#, r#"a\"b\<c\>d\;e\\f"#),
            ("#1 = one", r"\#1 = one"),
            (" a # b ", r"\ a # b\ "),
            (" ", r"\ "),
            ("", ""),
            ("relay\0.test", r"relay\00.test"),
            ("a\u{202e}b", r"a\E2\80\AEb"),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(escaped(value), shown);
        }
    }

    #[test]
    fn attributes_keep_their_order() {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "A Bank, Ltd.");
        name.push(
            DnType::CommonName,
            DnValue::Ia5String("b@c".try_into().expect("ASCII")),
        );
        name.push(
            DnType::LocalityName,
            DnValue::BmpString("Köln".try_into().expect("in the BMP")),
        );
        name.push(DnType::CustomDnType(vec![1, 2, 3]), "AB");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let (_, read) = X509Certificate::from_der(certificate.der()).expect("DER");
        // An attribute without a name has its value in hexadecimal (RFC 4514 section 2.4).
        assert_eq!(
            distinguished_name(read.subject()),
            r"O=A Bank\, Ltd., CN=b@c, L=Köln, 1.2.3=#0C024142"
        );
    }
}
