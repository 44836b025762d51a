//! The check of a From domain over DNS: findings about SPF, DKIM, DMARC and MX.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::Timestamp;

/// The severity of a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum CheckState {
    /// The record is as it should be.
    Ok,
    /// Mail arrives, but receivers may trust it less, or DNS gave no result.
    Warning,
    /// Receivers are likely to refuse mail, or to treat it as spam.
    Fault,
}

impl CheckState {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The subject of a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "UPPERCASE")]
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
    /// All kinds, in the order of pages.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name on pages.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The type of the DNS records.
    pub fn record_type(self) -> &'static str {
        match self {
            Self::Mx => "MX",
            Self::Spf | Self::Dkim | Self::Dmarc => "TXT",
        }
    }
}

/// The finding about a record.
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
    /// The subject of the finding.
    pub kind: CheckKind,
    /// The severity of the finding.
    pub state: CheckState,
    /// The DNS name that was looked up.
    pub name: String,
    /// The records that exist; empty if there is none.
    pub found: Vec<String>,
    /// The record as it should be; null if the record is correct, or the correct one is not known.
    pub expected: Option<String>,
    /// The reason of the finding, in one or two sentences.
    pub why: String,
}

/// The check of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainCheck {
    /// The domain in ASCII.
    pub domain: String,
    /// When DNS was queried.
    pub checked_at: Timestamp,
    /// The findings, at least one of each kind, in the order of kinds.
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
    /// Whether DNS answered before the end of the diagnosis.
    pub answered: bool,
    /// The findings; empty if DNS did not answer in time.
    pub findings: Vec<DomainFinding>,
}

/// A From domain in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromDomain {
    /// The domain in ASCII.
    pub domain: String,
    /// The uses of the domain, such as `the From address of Main relay`.
    pub used_by: Vec<String>,
    /// The check of the domain.
    pub check: DomainCheck,
}

/// The list of From domains in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromDomains {
    /// The domains in alphabetical order, at most [`FromDomains::MAX`].
    pub listed: Vec<FromDomain>,
    /// The number of further domains in use.
    pub left_out: usize,
}

impl FromDomains {
    /// The maximum number of listed domains; each of them is checked.
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
        let kinds = || CheckKind::ALL.iter().copied();
        let states = kinds().map(|kind| check.state_of(kind).as_str());
        assert!(states.eq(["ok", "fault", "warning", "ok"]));
        assert_eq!(check.state(), CheckState::Fault);
        let types = kinds().map(CheckKind::record_type);
        assert!(types.eq(["TXT", "TXT", "TXT", "MX"]));
    }
}
