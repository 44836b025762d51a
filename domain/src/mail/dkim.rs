//! DKIM keys (RFC 6376, RFC 8463) as administrators see them, and their DNS records.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::Timestamp;

/// How long a key is kept after another one replaced it: receivers verify mail for some days.
pub const DKIM_RETENTION: Duration = Duration::from_hours(7 * 24);

/// The longest string of a TXT record, in octets (RFC 1035 section 3.3).
const STRING: usize = 255;

/// The algorithm of a key.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum DkimAlgorithm {
    /// RSA with 2048 bits, which every receiver verifies.
    Rsa,
    /// Ed25519 (RFC 8463): short, and not yet verified by every receiver.
    Ed25519,
}

impl DkimAlgorithm {
    /// Both algorithms, RSA first.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the database, in the API and in the tag `k=` of the record.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The tag `a=` of its signatures.
    pub fn signature(self) -> &'static str {
        match self {
            Self::Rsa => "rsa-sha256",
            Self::Ed25519 => "ed25519-sha256",
        }
    }
}

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "active"))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum DkimKeyState {
    /// The key was made, and signs no mail until it is activated.
    Pending,
    /// The key signs the mail of its domain.
    Active,
    /// Another key replaced this one, which is kept for [`DKIM_RETENTION`].
    Retiring,
}

impl DkimKeyState {
    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A key of a domain, without its private part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKeyView {
    /// The id, a ULID.
    pub id: String,
    /// The domain whose mail the key signs, in ASCII.
    pub domain: String,
    /// The name of the key below `_domainkey`.
    pub selector: String,
    /// The algorithm of the key.
    pub algorithm: DkimAlgorithm,
    /// The public key in Base64, as in the tag `p=`.
    pub public_key: String,
    /// The state of the key.
    pub state: DkimKeyState,
    /// Whether the private key can be unsealed. If not, no mail is signed with it.
    pub is_usable: bool,
    /// When the key was made.
    pub created_at: Timestamp,
    /// The account or local user that made the key.
    pub created_by: String,
    /// When the key was activated; it signs, or signed, mail since then.
    pub activated_at: Option<Timestamp>,
    /// When the key is deleted after another one replaced it.
    pub removal_at: Option<Timestamp>,
}

impl DkimKeyView {
    /// The name of the key's DNS record.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of the key's TXT record.
    pub fn record(&self) -> String {
        format!(
            "v=DKIM1; k={}; p={}",
            self.algorithm.as_str(),
            self.public_key
        )
    }

    /// The key's record as a line of a zone file, in strings of at most 255 octets.
    pub fn zone_line(&self) -> String {
        zone_line(&self.record_name(), &self.record())
    }
}

/// A TXT record as a line of a zone file (RFC 1035 section 5.1). The text is in ASCII.
pub fn zone_line(name: &str, text: &str) -> String {
    let strings: Vec<String> = text
        .as_bytes()
        .chunks(STRING)
        .map(|part| {
            let part = String::from_utf8_lossy(part);
            format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""))
        })
        .collect();
    match &strings[..] {
        [only] => format!("{name}. IN TXT {only}"),
        several => format!("{name}. IN TXT ( {} )", several.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: DkimAlgorithm, public_key: &str) -> DkimKeyView {
        DkimKeyView {
            id: String::new(),
            domain: "example.org".to_owned(),
            selector: "s1".to_owned(),
            algorithm,
            public_key: public_key.to_owned(),
            state: DkimKeyState::Pending,
            is_usable: true,
            created_at: Timestamp(0),
            created_by: String::new(),
            activated_at: None,
            removal_at: None,
        }
    }

    #[test]
    fn names_are_read_back() {
        for &algorithm in DkimAlgorithm::ALL {
            assert_eq!(algorithm.as_str().parse::<DkimAlgorithm>(), Ok(algorithm));
        }
        assert!("dsa".parse::<DkimAlgorithm>().is_err());
        for state in [
            DkimKeyState::Pending,
            DkimKeyState::Active,
            DkimKeyState::Retiring,
        ] {
            assert_eq!(state.as_str().parse::<DkimKeyState>(), Ok(state));
        }
        assert!("lost".parse::<DkimKeyState>().is_err());
    }

    #[test]
    fn a_record_names_its_key() {
        let key = key(
            DkimAlgorithm::Ed25519,
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        );
        assert_eq!(key.record_name(), "s1._domainkey.example.org");
        let text = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(key.record(), text);
        let line = format!("s1._domainkey.example.org. IN TXT \"{text}\"");
        assert_eq!(key.zone_line(), line);
    }

    #[test]
    fn a_long_record_is_several_strings() {
        let line = key(DkimAlgorithm::Rsa, &"A".repeat(392)).zone_line();
        let strings: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let lengths: Vec<usize> = strings.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [255, 155]);
        assert!(line.ends_with("\" )"), "{line}");
        assert!(zone_line("a", "say \"b\\c\"").ends_with(r#""say \"b\\c\"""#));
    }
}
