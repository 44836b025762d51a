//! The requests to make, activate and remove a DKIM key, as the forms have them.

use domain::mail::dkim::DkimAlgorithm;
use domain::{Fields, Refusal};

use super::domain_path;

/// A form that makes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDkimKeyForm {
    pub domain: String,
    pub algorithm: DkimAlgorithm,
}

impl NewDkimKeyForm {
    /// Parses names and values.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with the fault of each value, and of names that are
    /// repeated or unknown.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| {
            let domain = fields.take("domain").unwrap_or_default().to_owned();
            let algorithm = fields.take("algorithm");
            let algorithm = algorithm.and_then(|text| text.parse::<DkimAlgorithm>().ok());
            if algorithm.is_none() {
                fields.add("algorithm", "Choose RSA or Ed25519.");
            }
            Self {
                domain,
                algorithm: algorithm.unwrap_or(DkimAlgorithm::Rsa),
            }
        })
    }
}

/// The key that a form or a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKeyId {
    pub domain: String,
    pub id: String,
}

impl DkimKeyId {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`NewDkimKeyForm::parse`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            domain: fields.take("domain").unwrap_or_default().to_owned(),
            id: fields.take("id").unwrap_or_default().to_owned(),
        })
    }
}

/// A form that activates a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKeyActivation {
    pub key: DkimKeyId,
    /// Whether to activate it although its record is not in DNS.
    pub anyway: bool,
}

impl DkimKeyActivation {
    /// Parses names and values.
    ///
    /// # Errors
    /// As [`NewDkimKeyForm::parse`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        Fields::of(pairs).read(|fields| Self {
            key: DkimKeyId {
                domain: fields.take("domain").unwrap_or_default().to_owned(),
                id: fields.take("id").unwrap_or_default().to_owned(),
            },
            anyway: fields.take_number("anyway").unwrap_or_default() != 0,
        })
    }
}

/// The path of a domain as typed: what is in no name is escaped.
pub fn typed_domain_path(typed: &str) -> String {
    let escaped: String = typed
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    domain_path(&escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn a_new_key_has_a_domain_and_an_algorithm() {
        let pairs = owned(&[("domain", "example.org"), ("algorithm", "ed25519")]);
        let form = NewDkimKeyForm::parse(&pairs).expect("valid");
        assert_eq!(form.domain, "example.org");
        assert_eq!(form.algorithm, DkimAlgorithm::Ed25519);
        for wrong in [
            &[("domain", "example.org")][..],
            &[("domain", "example.org"), ("algorithm", "dsa")],
            &[("domain", "a"), ("algorithm", "rsa"), ("id", "x")],
        ] {
            assert!(NewDkimKeyForm::parse(&owned(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_typed_becomes_one_segment_of_a_path() {
        for (typed, path) in [
            ("example.org", "/domains/example.org"),
            ("a/b?c", "/domains/a%2Fb%3Fc"),
            ("ü.example", "/domains/%C3%BC.example"),
        ] {
            assert_eq!(typed_domain_path(typed), path);
        }
    }

    #[test]
    fn a_key_is_activated_anyway_where_the_form_says_so() {
        for (more, anyway) in [(&[("", ""); 0][..], false), (&[("anyway", "1")], true)] {
            let pairs = [&[("domain", "example.org"), ("id", "x")][..], more].concat();
            let form = DkimKeyActivation::parse(&owned(&pairs)).expect("valid");
            assert_eq!((form.key.id.as_str(), form.anyway), ("x", anyway));
        }
        let unknown = owned(&[("domain", "example.org"), ("id", "x"), ("anyway", "1")]);
        assert!(DkimKeyId::parse(&unknown).is_err());
    }
}
