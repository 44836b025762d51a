//! The check of a From domain over DNS: findings about SPF, DKIM, DMARC and MX.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::Timestamp;

/// How a finding is to be taken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Mail arrives, but receivers may trust it less; or DNS does not tell.
    Warning,
    /// Receivers are likely to refuse mail, or to treat it as spam.
    Fault,
}

impl CheckState {
    /// As in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// Which hosts may send for the domain (RFC 7208).
    Spf,
    /// Signatures (RFC 6376).
    Dkim,
    /// The policy of the domain (RFC 7489).
    Dmarc,
    /// Where the domain receives mail (RFC 5321, RFC 7505).
    Mx,
}

impl CheckKind {
    /// All, in the order of pages.
    pub const ALL: [Self; 4] = [Self::Spf, Self::Dkim, Self::Dmarc, Self::Mx];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spf => "SPF",
            Self::Dkim => "DKIM",
            Self::Dmarc => "DMARC",
            Self::Mx => "MX",
        }
    }

    /// The type of its records.
    pub fn record_type(self) -> &'static str {
        match self {
            Self::Mx => "MX",
            Self::Spf | Self::Dkim | Self::Dmarc => "TXT",
        }
    }
}

/// What was found about a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(example = json!({
        "kind": "dmarc",
        "state": "ok",
        "name": "_dmarc.example.org",
        "found": ["v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"],
        "expected": null,
        "why": "Mail passes by SPF and by DKIM, both aligned with the From domain.",
    }))
)]
pub struct DomainFinding {
    /// What it is about.
    pub kind: CheckKind,
    /// How it is to be taken.
    pub state: CheckState,
    /// The name in DNS that was looked up.
    pub name: String,
    /// The records as they are; empty where there is none.
    pub found: Vec<String>,
    /// The record as it should be; null where it is as it should be, or Postern does not know.
    pub expected: Option<String>,
    /// Why, in a sentence or two.
    pub why: String,
}

/// The check of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainCheck {
    /// The domain in ASCII.
    pub domain: String,
    /// When DNS was asked.
    pub checked_at: Timestamp,
    /// At least one of each kind, in their order.
    pub findings: Vec<DomainFinding>,
}

impl DomainCheck {
    /// The worst state of the findings of a kind.
    pub fn state_of(&self, kind: CheckKind) -> CheckState {
        let of_kind = self.findings.iter().filter(|finding| finding.kind == kind);
        let states = of_kind.map(|finding| finding.state);
        states.max().unwrap_or(CheckState::Ok)
    }

    /// The worst state of all findings.
    pub fn state(&self) -> CheckState {
        let states = self.findings.iter().map(|finding| finding.state);
        states.max().unwrap_or(CheckState::Ok)
    }
}

/// The check of the From domain beside a diagnosis, for the relay that was connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiagnosedDomain {
    /// The domain in ASCII.
    pub domain: String,
    /// Whether DNS answered until the end of the diagnosis.
    pub answered: bool,
    /// What was found; empty where DNS did not answer in time.
    pub findings: Vec<DomainFinding>,
}

/// A From domain in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromDomain {
    /// The domain in ASCII.
    pub domain: String,
    /// What uses it, as in `the From address of Main relay`.
    pub used_by: Vec<String>,
    /// Its check.
    pub check: DomainCheck,
}

/// The From domains in use that are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromDomains {
    /// In alphabetical order, at most [`FromDomains::MAX`].
    pub listed: Vec<FromDomain>,
    /// How many more are in use.
    pub left_out: usize,
}

impl FromDomains {
    /// The most that are listed: each is checked.
    pub const MAX: usize = 200;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_of_a_kind_counts() {
        let finding = |kind, state| DomainFinding {
            kind,
            state,
            name: String::new(),
            found: Vec::new(),
            expected: None,
            why: String::new(),
        };
        let check = DomainCheck {
            domain: "example.org".to_owned(),
            checked_at: Timestamp(0),
            findings: vec![
                finding(CheckKind::Spf, CheckState::Ok),
                finding(CheckKind::Dkim, CheckState::Fault),
                finding(CheckKind::Dkim, CheckState::Ok),
                finding(CheckKind::Dmarc, CheckState::Warning),
            ],
        };
        let states = CheckKind::ALL.map(|kind| check.state_of(kind).as_str());
        assert_eq!(states, ["ok", "fault", "warning", "ok"]);
        assert_eq!(check.state(), CheckState::Fault);
        let types = CheckKind::ALL.map(CheckKind::record_type);
        assert_eq!(types, ["TXT", "TXT", "TXT", "MX"]);
    }
}
