//! The findings about DKIM: the record of each key of Postern, as it is and as it should be.

use domain::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::domain_check::{CheckKind, CheckState, DomainFinding};
use futures::future::join_all;

use super::subject::{CheckedDomain, finding, unknown};
use crate::domains::dns::{self, Dns};
use crate::smtp::DnsFailure;

pub(super) async fn check(dns: &dyn Dns, checked: &CheckedDomain<'_>) -> Vec<DomainFinding> {
    let mut findings = join_all(checked.keys.iter().map(|key| of_key(dns, key))).await;
    let is_signed = checked
        .keys
        .iter()
        .any(|key| key.state == DkimKeyState::Active);
    if !is_signed {
        let why = "Postern signs no mail of this domain. Unless a relay signs it, receivers cannot tell whether mail was changed, and DMARC depends on SPF alone. Make a key, put its record into DNS, and activate it.";
        let name = checked.record_name(CheckKind::Dkim);
        findings.insert(0, finding(CheckKind::Dkim, name, CheckState::Warning, why));
    }
    findings
}

async fn of_key(dns: &dyn Dns, key: &DkimKeyView) -> DomainFinding {
    match published(dns, key).await {
        Ok(published) => compared(key, published),
        Err(failure) => unknown(CheckKind::Dkim, key.record_name(), &failure),
    }
}

/// The records at the name of a key.
pub struct PublishedKey {
    texts: Vec<String>,
}

impl PublishedKey {
    /// Whether there is one record, with the public key.
    pub fn is(&self, key: &DkimKeyView) -> bool {
        matches!(&self.texts[..], [only] if has_key(only, key))
    }
}

/// Looks the records of a key up.
///
/// # Errors
/// [`DnsFailure`] where DNS does not say whether there is one.
pub async fn published(dns: &dyn Dns, key: &DkimKeyView) -> Result<PublishedKey, DnsFailure> {
    let texts = dns::texts(dns, &key.record_name()).await?;
    Ok(PublishedKey { texts })
}

/// Whether a record has the public key (RFC 6376 section 3.6.1).
fn has_key(record: &str, key: &DkimKeyView) -> bool {
    let tags = record.split(';').filter_map(|tag| tag.split_once('='));
    let mut version = "DKIM1";
    let mut algorithm = DkimAlgorithm::Rsa.as_str();
    let mut public = String::new();
    for (name, value) in tags {
        match name.trim() {
            "v" => version = value.trim(),
            "k" => algorithm = value.trim(),
            "p" => public = value.split_ascii_whitespace().collect(),
            _ => {}
        }
    }
    version == "DKIM1" && algorithm == key.algorithm.as_str() && public == key.public_key
}

fn compared(key: &DkimKeyView, published: PublishedKey) -> DomainFinding {
    let is_there = published.is(key);
    let is_other = !published.texts.is_empty();
    let (state, why) = match (key.state, is_there) {
        (DkimKeyState::Pending | DkimKeyState::Active, _) if !key.is_usable => (
            CheckState::Fault,
            "The private key cannot be opened, as the key file that it was sealed with is lost: it signs nothing. Remove it and make another one.".to_owned(),
        ),
        (DkimKeyState::Pending, true) => (
            CheckState::Ok,
            "The record of the new key is in DNS: activate the key, and it signs.".to_owned(),
        ),
        (DkimKeyState::Pending, false) => (
            CheckState::Warning,
            "The new key signs nothing yet. Put its record into DNS, then activate it.".to_owned(),
        ),
        (DkimKeyState::Active, true) => (
            CheckState::Ok,
            "Mail is signed with this key, and receivers can verify it.".to_owned(),
        ),
        (DkimKeyState::Active, false) if is_other => (
            CheckState::Fault,
            "Mail is signed with this key, but the record in DNS is another one: receivers find the signatures wrong. Put this record in its place.".to_owned(),
        ),
        (DkimKeyState::Active, false) => (
            CheckState::Fault,
            "Mail is signed with this key, but its record is not in DNS: receivers cannot verify it.".to_owned(),
        ),
        (DkimKeyState::Retiring, true) => (
            CheckState::Ok,
            "Mail on its way is still signed with this key. Keep its record until the key is deleted here.".to_owned(),
        ),
        (DkimKeyState::Retiring, false) => (
            CheckState::Warning,
            "Mail on its way is still signed with this key, and receivers can no longer verify it. Keep its record until the key is deleted here.".to_owned(),
        ),
    };
    DomainFinding {
        found: published.texts,
        expected: (!is_there).then(|| key.record()),
        ..finding(CheckKind::Dkim, key.record_name(), state, why)
    }
}
