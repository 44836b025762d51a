//! DMARC (RFC 7489): the record of a domain or of a parent, and the alignment of SPF and DKIM.
//!
//! There is no list of public suffixes here. The organisational domain is approximated as in the revision
//! of DMARC: the record of a parent is found by walking up the labels, down to two of them. Below registries
//! of two labels, as `co.uk`, that asks one name too many, where a registry rarely has a record.

use super::dns::{self, Dns};
use crate::smtp::DnsFailure;

/// The most names that are asked.
const LOOKUPS: usize = 8;

/// What receivers are to do with mail that is not aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcPolicy {
    None,
    Quarantine,
    Reject,
}

impl DmarcPolicy {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "quarantine" => Self::Quarantine,
            "reject" => Self::Reject,
            _ => return None,
        })
    }
}

/// How alike two domains have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcAlignment {
    /// The same organisational domain.
    Relaxed,
    /// The same domain.
    Strict,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmarcRecord {
    pub policy: DmarcPolicy,
    /// For domains below that of the record.
    pub subdomain_policy: DmarcPolicy,
    pub dkim: DmarcAlignment,
    pub spf: DmarcAlignment,
}

impl DmarcRecord {
    /// Parses a record that begins with `v=DMARC1`. Unknown tags are ignored.
    ///
    /// # Errors
    /// The first fault, as in `"p=all" is no policy`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut policy, mut subdomains) = (None, None);
        let mut reports = false;
        let (mut dkim, mut spf) = (DmarcAlignment::Relaxed, DmarcAlignment::Relaxed);
        for tag in text.split(';').skip(1).map(str::trim) {
            if tag.is_empty() {
                continue;
            }
            let (name, value) = tag
                .split_once('=')
                .ok_or_else(|| format!("\"{tag}\" is no tag with a value"))?;
            let value = value.trim();
            let parsed = |value: &str| {
                let parsed = DmarcPolicy::parse(value);
                parsed.ok_or_else(|| format!("\"{tag}\" is no policy"))
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "p" => policy = Some(parsed(value)?),
                "sp" => subdomains = Some(parsed(value)?),
                "adkim" => dkim = alignment(tag, value)?,
                "aspf" => spf = alignment(tag, value)?,
                "rua" => reports = !value.is_empty(),
                _ => {}
            }
        }
        // RFC 7489 section 6.6.3: with an address for reports it is as `none`.
        let policy = match (policy, reports) {
            (Some(policy), _) => policy,
            (None, true) => DmarcPolicy::None,
            (None, false) => return Err("the tag \"p\" is missing".to_owned()),
        };
        Ok(Self {
            policy,
            subdomain_policy: subdomains.unwrap_or(policy),
            dkim,
            spf,
        })
    }
}

fn alignment(tag: &str, value: &str) -> Result<DmarcAlignment, String> {
    match value.to_ascii_lowercase().as_str() {
        "r" => Ok(DmarcAlignment::Relaxed),
        "s" => Ok(DmarcAlignment::Strict),
        _ => Err(format!("\"{tag}\" is neither r nor s")),
    }
}

/// Whether a text is a DMARC record (RFC 7489 section 6.4).
pub fn is_dmarc(text: &str) -> bool {
    let version = text.split(';').next().unwrap_or_default();
    version.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("v") && value.trim() == "DMARC1"
    })
}

/// The records that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDmarc {
    /// The domain that has them, without `_dmarc`; the one that was asked for where there are none.
    pub domain: String,
    pub texts: Vec<String>,
}

/// Looks the record of a domain up, else that of the next parent that has one.
///
/// # Errors
/// [`DnsFailure`] where DNS does not say whether there is one.
pub async fn find(dns: &dyn Dns, domain: &str) -> Result<FoundDmarc, DnsFailure> {
    for name in names(domain) {
        let mut texts = dns::texts(dns, &format!("_dmarc.{name}")).await?;
        texts.retain(|text| is_dmarc(text));
        if !texts.is_empty() {
            let domain = name.to_owned();
            return Ok(FoundDmarc { domain, texts });
        }
    }
    Ok(FoundDmarc {
        domain: domain.to_owned(),
        texts: Vec::new(),
    })
}

/// A domain and its parents with at least two labels; of long names those with few labels.
fn names(domain: &str) -> Vec<&str> {
    let walk = std::iter::successors(Some(domain), |name| {
        name.split_once('.').map(|(_, parent)| parent)
    });
    let all: Vec<&str> = walk
        .filter(|name| name.contains('.') || *name == domain)
        .collect();
    match all.len() > LOOKUPS {
        true => {
            let parents = &all[all.len() - LOOKUPS + 1..];
            [&all[..1], parents].concat()
        }
        false => all,
    }
}

/// Whether SPF or DKIM of `authenticated` counts for mail from `from`. `organisation` is the domain whose
/// record applies: domains below it are one organisation.
pub fn is_aligned(
    alignment: DmarcAlignment,
    from: &str,
    authenticated: &str,
    organisation: &str,
) -> bool {
    let is_below = |name: &str| {
        let rest = name.strip_suffix(organisation);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    match alignment {
        DmarcAlignment::Strict => from == authenticated,
        DmarcAlignment::Relaxed => {
            from == authenticated || (is_below(from) && is_below(authenticated))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domains::zone_tests::TestZone;

    #[test]
    fn records_are_parsed() {
        use DmarcAlignment::{Relaxed, Strict};
        use DmarcPolicy::{None, Quarantine, Reject};
        let record = |policy, subdomain_policy, dkim, spf| DmarcRecord {
            policy,
            subdomain_policy,
            dkim,
            spf,
        };
        for (text, expected) in [
            // Those of RFC 7489 appendix B.2.
            (
                "v=DMARC1; p=none; rua=mailto:d@example.com",
                record(None, None, Relaxed, Relaxed),
            ),
            (
                "v=DMARC1; p=none; rua=mailto:d@example.com; ruf=mailto:a@example.com",
                record(None, None, Relaxed, Relaxed),
            ),
            (
                "v=DMARC1; p=quarantine; rua=mailto:d@example.com,mailto:t@thirdparty.example.net!10m; pct=25",
                record(Quarantine, Quarantine, Relaxed, Relaxed),
            ),
            (
                "v=DMARC1;p=reject",
                record(Reject, Reject, Relaxed, Relaxed),
            ),
            (
                "v=DMARC1; p=reject; sp=none;",
                record(Reject, None, Relaxed, Relaxed),
            ),
            (
                "v = DMARC1 ; P = Reject ; ADKIM = s ; aspf=S",
                record(Reject, Reject, Strict, Strict),
            ),
            (
                "v=DMARC1; rua=mailto:d@example.com",
                record(None, None, Relaxed, Relaxed),
            ),
            (
                "v=DMARC1; p=none; new=1",
                record(None, None, Relaxed, Relaxed),
            ),
        ] {
            assert!(is_dmarc(text), "{text}");
            assert_eq!(DmarcRecord::parse(text), Ok(expected), "{text}");
        }
        for text in [
            "v=DMARC1",
            "v=DMARC1; rua=",
            "v=DMARC1; p=all",
            "v=DMARC1; p=none; sp=x",
            "v=DMARC1; p=none; adkim=relaxed",
            "v=DMARC1; p none",
        ] {
            assert!(DmarcRecord::parse(text).is_err(), "{text}");
        }
        for text in [
            "v=DMARC2; p=none",
            "p=none; v=DMARC1",
            "v=dmarc1; p=none",
            "",
            "DMARC1",
        ] {
            assert!(!is_dmarc(text), "{text}");
        }
    }

    #[tokio::test]
    async fn the_record_of_a_parent_applies() {
        let zone = TestZone::parse(
            "_dmarc.example.org TXT v=DMARC1; p=reject
            _dmarc.own.example.org TXT v=DMARC1; p=none
            _dmarc.own.example.org TXT other
            _dmarc.broken.example.net FAIL
            _dmarc.net TXT v=DMARC1; p=reject",
        );
        for (domain, expected) in [
            ("example.org", Some("example.org")),
            ("mail.example.org", Some("example.org")),
            ("a.b.mail.example.org", Some("example.org")),
            ("own.example.org", Some("own.example.org")),
            ("a.own.example.org", Some("own.example.org")),
            ("example.com", None),
            // One label is no organisation.
            ("example.net", None),
        ] {
            let found = find(&zone, domain).await.expect("answers");
            let has = (!found.texts.is_empty()).then_some(found.domain.as_str());
            assert_eq!(has, expected, "{domain}");
            assert!(found.texts.len() <= 1, "{domain}");
        }
        assert!(find(&zone, "a.broken.example.net").await.is_err());
    }

    #[test]
    fn names_of_many_labels_are_cut() {
        let name = "a.b.c.d.e.f.g.h.i.example.org";
        let asked = names(name);
        assert_eq!(asked.len(), LOOKUPS);
        assert_eq!((asked[0], asked[1]), (name, "d.e.f.g.h.i.example.org"));
        assert_eq!(asked.last(), Some(&"example.org"));
        assert_eq!(names("localhost"), ["localhost"]);
    }

    #[test]
    fn alignment_is_relaxed_or_strict() {
        use DmarcAlignment::{Relaxed, Strict};
        // As in RFC 7489 appendix B.1.
        for (alignment, from, authenticated, expected) in [
            (Strict, "example.com", "example.com", true),
            (Strict, "example.com", "child.example.com", false),
            (Relaxed, "example.com", "child.example.com", true),
            (Relaxed, "child.example.com", "example.com", true),
            (Relaxed, "example.com", "example.net", false),
            (Relaxed, "example.com", "notexample.com", false),
        ] {
            let aligned = is_aligned(alignment, from, authenticated, "example.com");
            assert_eq!(aligned, expected, "{alignment:?} {from} {authenticated}");
        }
    }

    proptest! {
        #[test]
        fn any_record_is_parsed_or_refused(text in "(v=DMARC1)?(;|=| |p|sp|adkim|[a-zü]){0,20}") {
            let is_valid = DmarcRecord::parse(&text).is_ok();
            prop_assert!(!is_valid || text.contains(';'), "{}", text);
        }
    }
}
