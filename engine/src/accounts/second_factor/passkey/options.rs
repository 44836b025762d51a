//! The options of ceremonies, which pages pass to the browser, in JSON.
//!
//! They are those of Web Authentication Level 2, sections 5.4 and 5.5, with octets in base64url. The
//! authenticator need not verify its person (`preferred`): the password is the first factor.

use base64::Engine as _;
use serde_json::{Value, json};

use super::public_key::ALGORITHMS;
use super::relying_party::RelyingParty;
use crate::accounts::BASE64URL;
use crate::store::accounts::Account;
use crate::store::accounts::passkeys::Passkey;

/// How long a browser waits for its person, in milliseconds.
const TIMEOUT: u32 = 120_000;

fn descriptors(passkeys: &[Passkey]) -> Vec<Value> {
    let ids = passkeys.iter().map(|passkey| &passkey.id);
    ids.map(|id| json!({ "type": "public-key", "id": id }))
        .collect()
}

/// The options of a registration. An authenticator with one of the `known` passkeys makes no other.
pub fn creation(
    party: &RelyingParty,
    account: &Account,
    challenge: &str,
    known: &[Passkey],
) -> String {
    let algorithms = ALGORITHMS.map(|number| json!({ "type": "public-key", "alg": number }));
    json!({
        "challenge": challenge,
        "rp": { "id": party.id, "name": "Postern" },
        "user": {
            "id": BASE64URL.encode(&account.id),
            "name": account.email,
            "displayName": account.email,
        },
        "pubKeyCredParams": algorithms,
        "excludeCredentials": descriptors(known),
        "authenticatorSelection": { "residentKey": "discouraged", "userVerification": "preferred" },
        "attestation": "none",
        "timeout": TIMEOUT,
    })
    .to_string()
}

/// The options of an assertion with one of the `known` passkeys.
pub fn request(party: &RelyingParty, challenge: &str, known: &[Passkey]) -> String {
    json!({
        "challenge": challenge,
        "rpId": party.id,
        "allowCredentials": descriptors(known),
        "userVerification": "preferred",
        "timeout": TIMEOUT,
    })
    .to_string()
}
