//! Tests of signatures, with a verifier from RFC 6376 that shares no code with the signer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::mail::dkim::DkimAlgorithm;
use proptest::prelude::*;
use ring::signature::{ED25519, UnparsedPublicKey};
use rsa::pkcs8::DecodePublicKey as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256};

use super::key::{NewDkimKey, PrivateDkimKey};
use super::{DkimSigner, DkimSigners};

/// The key of RFC 8463 appendix A.2: a PKCS #8 of its seed, and the tag `p=`.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// The header fields of the message of RFC 8463 appendix A.3.
const HEADER: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";

const BODY: &str = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

/// Its signature, without the value of `b=`.
const SIGNATURE: &str = "v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
    d=football.example.com; i=@football.example.com;\r\n \
    q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
    subject : date : message-id : from : subject : date;\r\n \
    bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";

const VALUE: &str =
    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";

/// The beginning of a `DigestInfo` with SHA-256 (RFC 8017 section 9.2).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The private key of RFC 8463 as a PKCS #8 (RFC 8410 section 7), in Base64.
fn example_key() -> String {
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend(STANDARD.decode(SEED).expect("Base64"));
    STANDARD.encode(der)
}

/// The fields of a header, each with its name and its value, still folded.
fn fields(header: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in header.split_terminator("\r\n") {
        match fields.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => *value += line,
            _ => {
                let (name, value) = line.split_once(':').expect("a field");
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    fields
}

fn words(text: &str) -> String {
    let words: Vec<&str> = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

fn relaxed(name: &str, value: &str) -> String {
    format!("{}:{}\r\n", name.to_lowercase(), words(value))
}

/// The hash of a body, as RFC 6376 section 3.4.4 has it.
fn body_hash(body: &str) -> String {
    let mut lines: Vec<String> = body
        .split("\r\n")
        .map(|line| {
            let indent = match line.starts_with([' ', '\t']) && !words(line).is_empty() {
                true => " ",
                false => "",
            };
            format!("{indent}{}", words(line))
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    STANDARD.encode(Sha256::digest(text))
}

/// Verifies the first field of a message, which is a signature.
///
/// # Errors
/// Why it is not valid.
fn verify(message: &str, public: &str) -> Result<(), String> {
    let (header, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let all = fields(&format!("{header}\r\n"));
    let ((name, value), rest) = all.split_first().expect("a field");
    assert_eq!(name, "DKIM-Signature");
    let tag = |wanted: &str| {
        let tags = value.split(';').filter_map(|tag| tag.split_once('='));
        let mut found = tags.filter(|(tag, _)| tag.trim() == wanted);
        let (_, value) = found
            .next()
            .unwrap_or_else(|| panic!("{wanted}= in {message}"));
        value.split_ascii_whitespace().collect::<String>()
    };
    assert_eq!(
        (tag("v").as_str(), tag("c").as_str()),
        ("1", "relaxed/relaxed")
    );
    if tag("bh") != body_hash(body) {
        return Err("the body was changed".to_owned());
    }
    let mut unused: Vec<&(String, String)> = rest.iter().collect();
    let mut data = String::new();
    for name in tag("h").split(':') {
        let last = unused
            .iter()
            .rposition(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some(at) = last {
            let (name, value) = unused.remove(at);
            data += &relaxed(name, value);
        }
    }
    let signature = tag("b");
    let at = value.find(" b=").or_else(|| value.find("\tb="));
    let end = at.expect("the signature") + " b=".len();
    data += relaxed("dkim-signature", &value[..end]).trim_end_matches("\r\n");
    let signature = STANDARD
        .decode(signature)
        .map_err(|error| error.to_string())?;
    let public = STANDARD.decode(public).expect("Base64");
    let hash = Sha256::digest(data);
    let verified = match tag("a").as_str() {
        "ed25519-sha256" => UnparsedPublicKey::new(&ED25519, public)
            .verify(&hash, &signature)
            .is_ok(),
        "rsa-sha256" => {
            let scheme = Pkcs1v15Sign {
                hash_len: Some(32),
                prefix: DIGEST_INFO.into(),
            };
            let key = RsaPublicKey::from_public_key_der(&public).expect("a key");
            key.verify(scheme, &hash, &signature).is_ok()
        }
        other => panic!("{other}"),
    };
    match verified {
        true => Ok(()),
        false => Err("the header was changed".to_owned()),
    }
}

fn example_signers() -> DkimSigners {
    let mut signers = DkimSigners::default();
    let key = example_key();
    let signer = DkimSigner::new(
        "football.example.com",
        "brisbane",
        DkimAlgorithm::Ed25519,
        &key,
    );
    signers.add(signer.expect("a key"));
    signers
}

fn signed(message: &str) -> String {
    let message = message.as_bytes().to_vec();
    let signed = example_signers().sign(message, Timestamp(1_528_637_909_999));
    String::from_utf8(signed).expect("text")
}

#[test]
fn the_example_of_rfc_8463_is_signed_and_verified() {
    let key = PrivateDkimKey::parse(DkimAlgorithm::Ed25519, &example_key()).expect("a key");
    let order = ["from", "to", "subject", "date", "message-id"];
    let mut data: String = fields(HEADER)
        .iter()
        .zip(order)
        .map(|((name, value), expected)| {
            assert_eq!(name.to_lowercase(), expected);
            relaxed(name, value)
        })
        .collect();
    data += relaxed("DKIM-Signature", &SIGNATURE.replace("\r\n", "")).trim_end_matches("\r\n");
    assert_eq!(key.sign(data.as_bytes()).as_deref(), Some(VALUE));

    let message = format!("DKIM-Signature: {SIGNATURE}{VALUE}\r\n{HEADER}\r\n{BODY}");
    assert_eq!(verify(&message, PUBLIC), Ok(()));
}

#[test]
fn a_signature_covers_the_header_and_the_body() {
    let message = format!("{HEADER}\r\n{BODY}");
    let signed = signed(&message);
    assert!(signed.ends_with(&message), "{signed}");
    assert_eq!(verify(&signed, PUBLIC), Ok(()));
    for part in [
        "d=football.example.com;",
        "s=brisbane; t=1528637909;",
        "h=From:From:Subject:Date:To:Message-ID;",
    ] {
        assert!(signed.contains(part), "{part}: {signed}");
    }
    for tag in ["l=", "x=", "i="] {
        assert!(!signed.contains(&format!("; {tag}")), "{tag}: {signed}");
    }
    for line in signed.split("\r\n") {
        assert!(line.len() <= 78, "{line}");
    }
    // What relays may change, and what nobody may.
    for (from, to, valid) in [
        ("game.  Are", "game. \t Are", true),
        ("Subject: Is dinner", "Subject:  Is\r\n dinner", true),
        ("Joe.\r\n", "Joe. \r\n\r\n\r\n", true),
        ("Subject: Is", "Received: by a\r\nSubject: Is", true),
        ("Is dinner ready?", "Is lunch ready?", false),
        ("Joe.\r\n", "Jane.\r\n", false),
        ("From: Joe", "From: eve@example.com\r\nFrom: Joe", false),
        ("To: Suzie", "To: Eve", false),
    ] {
        let at = signed.find(from).expect("is there");
        let changed = format!("{}{to}{}", &signed[..at], &signed[at + from.len()..]);
        assert_eq!(verify(&changed, PUBLIC).is_ok(), valid, "{to:?}");
    }
}

#[test]
fn only_mail_of_the_domain_is_signed() {
    for (from, expected) in [
        ("joe@football.example.com", true),
        ("Joe <joe@FOOTBALL.Example.com>", true),
        ("joe@example.com", false),
        ("joe@club.football.example.com", false),
        ("no address", false),
    ] {
        let message = format!("From: {from}\r\nSubject: Hi\r\n\r\nHi\r\n");
        let signed = signed(&message);
        assert_eq!(signed.starts_with("DKIM-Signature: "), expected, "{from}");
        if expected {
            assert_eq!(verify(&signed, PUBLIC), Ok(()), "{from}");
        } else {
            assert_eq!(signed, message);
        }
    }
    let message = b"From: joe@football.example.com\r\n\r\n".to_vec();
    assert_eq!(
        DkimSigners::default().sign(message.clone(), Timestamp(0)),
        message
    );
}

#[test]
fn new_keys_of_both_algorithms_sign() {
    let mut signers = DkimSigners::default();
    let keys = DkimAlgorithm::ALL.iter().map(|&algorithm| {
        let key = NewDkimKey::generate(algorithm).expect("a key");
        let selector = algorithm.as_str();
        let signer = DkimSigner::new("football.example.com", selector, algorithm, &key.private);
        signers.add(signer.expect("its own algorithm"));
        let other = match algorithm {
            DkimAlgorithm::Rsa => DkimAlgorithm::Ed25519,
            DkimAlgorithm::Ed25519 => DkimAlgorithm::Rsa,
        };
        assert!(DkimSigner::new("a", "b", other, &key.private).is_none());
        key
    });
    let keys: Vec<NewDkimKey> = keys.collect();
    let message = format!("{HEADER}\r\n{BODY}");
    let signed = signers.sign(message.clone().into_bytes(), Timestamp(0));
    let signed = String::from_utf8(signed).expect("text");
    assert!(signed.ends_with(&message));
    assert_eq!(signed.matches("DKIM-Signature: ").count(), 2);
    // Each signature verifies on its own; the first one is that of the first key.
    let second = signed[1..].find("DKIM-Signature: ").expect("two") + 1;
    assert_eq!(verify(&signed, &keys[0].public), Ok(()));
    assert_eq!(verify(&signed[second..], &keys[1].public), Ok(()));
}

#[test]
fn a_message_without_a_body_is_signed() {
    for message in [
        "From: joe@football.example.com\r\n\r\n",
        "From: joe@football.example.com\r\n",
    ] {
        let signed = signed(message);
        let end = match message.ends_with("\r\n\r\n") {
            true => "",
            false => "\r\n",
        };
        assert_eq!(verify(&format!("{signed}{end}"), PUBLIC), Ok(()));
    }
}

#[test]
fn a_header_of_many_fields_has_a_short_signature() {
    let many = "To: suzie@shopping.example.net\r\n".repeat(10_000);
    let message = format!("{many}From: joe@football.example.com\r\n\r\nHi\r\n");
    let signed = signed(&message);
    let signature = signed.len() - message.len();
    assert!(signature < 1000, "{signature} octets");
    assert_eq!(verify(&signed, PUBLIC), Ok(()));
}

proptest! {
    #[test]
    fn every_message_verifies(
        subject in "[!-~]{1,9}((\r\n)?[ \t][!-~]{1,9}){0,3}",
        to in proptest::collection::vec("[a-z]{1,9}@example\\.net", 0..4),
        body in "([ \t!-~]{0,9}\r\n){0,6}[ \t!-~]{0,9}",
    ) {
        let to: String = to.iter().map(|to| format!("To: {to}\r\n")).collect();
        let message = format!("{to}From: joe@football.example.com\r\nSubject: {subject}\r\n\r\n{body}");
        prop_assert_eq!(verify(&signed(&message), PUBLIC), Ok(()), "{}", message);
    }
}
