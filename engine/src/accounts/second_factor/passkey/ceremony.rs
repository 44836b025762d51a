//! The checks of registrations and assertions (Web Authentication Level 2, 7.1 and 7.2).
//!
//! Attestation is not asked for (`none`): which authenticator people use is theirs to choose.

use base64::Engine as _;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::authenticator_data::AuthenticatorData;
use super::public_key::PublicKey;
use super::relying_party::RelyingParty;
use crate::accounts::BASE64URL;

/// The client data of a ceremony (section 5.8.1).
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// What a browser answers to a registration: the parts of `RegistrationResponseJSON` (Level 3, section 5.1.8)
/// that are checked, with octets in base64url.
#[derive(Deserialize)]
struct Registration {
    response: AttestationResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    public_key: String,
}

/// What a browser answers to a sign-in: the parts of `AuthenticationResponseJSON` (Level 3, section 5.1.8) that
/// are checked, with octets in base64url.
#[derive(Deserialize)]
pub struct Assertion {
    /// The id of the credential.
    pub id: String,
    response: AssertionResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
}

/// A credential that was made for this console.
#[derive(Debug, PartialEq, Eq)]
pub struct Registered {
    /// The id of the credential, in base64url.
    pub id: String,
    /// The `SubjectPublicKeyInfo`, in base64url.
    pub public_key: String,
    pub sign_count: u32,
}

/// Decodes base64url.
fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

/// Whether client data is of this kind, answers the challenge, and comes from a page of the console that no
/// other site frames.
fn is_answer(client_data: &[u8], kind: &str, challenge: &str, party: &RelyingParty) -> bool {
    serde_json::from_slice::<ClientData>(client_data).is_ok_and(|data| {
        data.kind == kind
            && data.challenge == challenge
            && data.origin == party.origin
            && !data.cross_origin
    })
}

/// Checks the answer to a registration with this challenge; `None` where a check fails.
pub fn registered(party: &RelyingParty, challenge: &str, answer: &str) -> Option<Registered> {
    let Registration { response: answer } = serde_json::from_str(answer).ok()?;
    let client_data = decode(&answer.client_data)?;
    if !is_answer(&client_data, "webauthn.create", challenge, party) {
        return None;
    }
    let data = decode(&answer.authenticator_data)?;
    let data = AuthenticatorData::parse(&data).filter(|data| data.is_for(&party.id))?;
    let public_key = decode(&answer.public_key)?;
    PublicKey::parse(&public_key)?;
    Some(Registered {
        id: BASE64URL.encode(data.credential_id?),
        public_key: BASE64URL.encode(public_key),
        sign_count: data.sign_count,
    })
}

impl Assertion {
    /// The assertion in an answer; `None` for other texts.
    pub fn parse(answer: &str) -> Option<Self> {
        serde_json::from_str(answer).ok()
    }

    /// Checks the assertion with this challenge and the public key of its credential. Returns the counter of
    /// the authenticator; `None` where a check fails.
    pub fn verify(&self, party: &RelyingParty, challenge: &str, public_key: &str) -> Option<u32> {
        let answer = &self.response;
        let client_data = decode(&answer.client_data)?;
        if !is_answer(&client_data, "webauthn.get", challenge, party) {
            return None;
        }
        // Section 7.2: the signature is over the authenticator data and the hash of the client data.
        let mut signed = decode(&answer.authenticator_data)?;
        let data = AuthenticatorData::parse(&signed).filter(|data| data.is_for(&party.id))?;
        let sign_count = data.sign_count;
        signed.extend(Sha256::digest(&client_data));
        let key = PublicKey::parse(&decode(public_key)?)?;
        let is_signed = key.verifies(&signed, &decode(&answer.signature)?);
        is_signed.then_some(sign_count)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use testkit::authenticator::Authenticator;

    use super::*;

    fn party() -> RelyingParty {
        RelyingParty::of("https://mail.example.org").expect("a relying party")
    }

    fn authenticator() -> Authenticator {
        Authenticator::new("mail.example.org", "https://mail.example.org")
    }

    /// The counter of the assertion in an answer to the challenge `YQ`.
    fn verify(answer: &str, key: &str) -> Option<u32> {
        Assertion::parse(answer)?.verify(&party(), "YQ", key)
    }

    #[test]
    fn a_registration_and_its_assertions_are_right() {
        for mut authenticator in [authenticator(), authenticator().with_ed25519()] {
            let registered = registered(&party(), "YQ", &authenticator.register("YQ"));
            let registered = registered.expect("right");
            assert_eq!(registered.id, authenticator.id());
            let answer = authenticator.sign("YQ");
            let assertion = Assertion::parse(&answer).expect("one");
            assert_eq!(assertion.id, registered.id);
            let counter = verify(&answer, &registered.public_key).expect("right");
            assert!(counter > registered.sign_count);
        }
    }

    #[test]
    fn what_is_made_for_another_page_is_refused() {
        let hostile: [fn(&mut Authenticator); 7] = [
            |it| it.origin = "https://mail.example.org.evil.example".to_owned(),
            |it| it.origin = "https://mail.example.org:8443".to_owned(),
            |it| it.origin = "http://mail.example.org".to_owned(),
            |it| it.relying_party = "example.org".to_owned(),
            |it| it.relying_party = "evil.example".to_owned(),
            |it| it.user_present = false,
            |it| it.cross_origin = true,
        ];
        for (number, change) in hostile.iter().enumerate() {
            let mut authenticator = authenticator();
            let right = registered(&party(), "YQ", &authenticator.register("YQ"));
            let right = right.expect("right");
            change(&mut authenticator);
            let wrong = registered(&party(), "YQ", &authenticator.register("YQ"));
            assert_eq!(wrong, None, "{number}");
            let wrong = verify(&authenticator.sign("YQ"), &right.public_key);
            assert_eq!(wrong, None, "{number}");
        }
    }

    #[test]
    fn another_challenge_is_not_answered() {
        let mut authenticator = authenticator();
        let right = registered(&party(), "YQ", &authenticator.register("YQ"));
        let right = right.expect("right");
        for other in ["Yg", "", "YQ==", "yq", "YQ\\u0000"] {
            let wrong = registered(&party(), "YQ", &authenticator.register(other));
            assert_eq!(wrong, None, "{other}");
            let wrong = verify(&authenticator.sign(other), &right.public_key);
            assert_eq!(wrong, None, "{other}");
        }
    }

    #[test]
    fn an_assertion_is_signed_with_the_key_over_all_of_it() {
        let mut authenticator = authenticator();
        let right = registered(&party(), "YQ", &authenticator.register("YQ"));
        let right = right.expect("right");
        let other = self::authenticator().register("YQ");
        let other = registered(&party(), "YQ", &other).expect("right");
        let answer = authenticator.sign("YQ");
        assert!(verify(&answer, &right.public_key).is_some());
        assert_eq!(verify(&answer, &other.public_key), None, "another key");
        let value: Value = serde_json::from_str(&answer).expect("JSON");
        for part in ["clientDataJSON", "authenticatorData", "signature"] {
            let text = value["response"][part].as_str().expect("text");
            let mut changed = decode(text).expect("base64url");
            // Of the counter, of the signature, and after the end of the client data.
            match part {
                "clientDataJSON" => changed.push(b' '),
                _ => *changed.last_mut().expect("octets") ^= 1,
            }
            for text in [BASE64URL.encode(changed), format!("{text}="), String::new()] {
                let mut value = value.clone();
                value["response"][part] = text.into();
                let verified = verify(&value.to_string(), &right.public_key);
                assert_eq!(verified, None, "{part}");
            }
        }
    }

    #[test]
    fn other_texts_are_no_answers() {
        let mut authenticator = authenticator();
        let (registration, assertion) = (authenticator.register("YQ"), authenticator.sign("YQ"));
        assert_eq!(registered(&party(), "YQ", &assertion), None);
        assert!(Assertion::parse(&registration).is_none());
        let twice = assertion.replacen('{', r#"{"id":"other","#, 1);
        let flat = assertion
            .replace(r#""response":{"#, "")
            .replacen("}}", "}", 1);
        let nested = "[".repeat(10_000);
        let texts = ["", "{}", "[]", "null", "123456", "\0"];
        for text in texts.into_iter().chain([&*twice, &*flat, &*nested]) {
            assert!(Assertion::parse(text).is_none(), "{text}");
            assert_eq!(registered(&party(), "YQ", text), None, "{text}");
        }
    }

    #[test]
    fn client_data_is_checked_part_by_part() {
        let right =
            r#"{"type":"webauthn.get","challenge":"YQ","origin":"https://mail.example.org"}"#;
        let check = |text: &str| is_answer(text.as_bytes(), "webauthn.get", "YQ", &party());
        assert!(check(right));
        assert!(check(
            &right.replace('}', r#","crossOrigin":false,"other":[1]}"#)
        ));
        for (from, to) in [
            ("webauthn.get", "webauthn.create"),
            ("webauthn.get", "payment.get"),
            (r#""YQ""#, "null"),
            ("https://mail.example.org", "https://MAIL.example.org"),
            ("https://mail.example.org", "https://mail.example.org/"),
            ("https://mail.example.org", "null"),
            ("}", r#","crossOrigin":true}"#),
            ("}", r#","type":"webauthn.get"}"#),
            ("}", ""),
            ("{", "\u{feff}{"),
        ] {
            assert!(!check(&right.replace(from, to)), "{from} {to}");
        }
        assert!(!is_answer(&[0xff, 0xfe], "webauthn.get", "YQ", &party()));
    }
}
