//! The findings about DKIM: the record of each key of Postern, as it is and as it should be.

use domain::mail::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};
use futures::future::join_all;

use super::subject::{CheckedDomain, finding, unknown};
use crate::domains::dns::{self, Dns};
use crate::smtp::DnsFailure;

/// The hash algorithm of signatures of Postern, as `h=` names it.
const HASH: &str = "sha256";

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
    /// Whether there is one record, with the public key, that receivers use for signatures of Postern.
    pub fn is(&self, key: &DkimKeyView) -> bool {
        let use_of_key = self.use_of(key);
        matches!(use_of_key, Some(KeyUse::Verify | KeyUse::Test))
    }

    /// What receivers use the records for; `None` where there are none.
    fn use_of(&self, key: &DkimKeyView) -> Option<KeyUse> {
        match &self.texts[..] {
            [] => None,
            [only] => Some(KeyUse::read(only, key)),
            _ => Some(KeyUse::OtherKey),
        }
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

/// What receivers use a record for that is published for a key of Postern (RFC 6376 section 3.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyUse {
    /// It verifies signatures.
    Verify,
    /// It verifies signatures as a test (`t=y`).
    Test,
    /// Its hash algorithms (`h=`) are others than that of Postern.
    OtherHash,
    /// Its services (`s=`) are others than mail.
    OtherService,
    /// It has another public key, or another version or algorithm.
    OtherKey,
}

impl KeyUse {
    fn read(record: &str, key: &DkimKeyView) -> Self {
        let tags = record.split(';').filter_map(|tag| tag.split_once('='));
        let mut version = "DKIM1";
        let mut algorithm = DkimAlgorithm::Rsa.as_str();
        let mut public = String::new();
        let (mut flags, mut hashes, mut services) = ("", HASH, "*");
        for (name, value) in tags {
            let value = value.trim();
            match name.trim() {
                "v" => version = value,
                "k" => algorithm = value,
                "p" => public = value.split_ascii_whitespace().collect(),
                "t" => flags = value,
                "h" => hashes = value,
                "s" => services = value,
                _ => {}
            }
        }
        let is_key =
            version == "DKIM1" && algorithm == key.algorithm.as_str() && public == key.public_key;
        if !is_key {
            Self::OtherKey
        } else if !names(hashes, HASH) {
            Self::OtherHash
        } else if !names(services, "*") && !names(services, "email") {
            Self::OtherService
        } else if names(flags, "y") {
            Self::Test
        } else {
            Self::Verify
        }
    }

    /// What follows for receivers, where it is not as it should be and the key is the right one.
    fn fault(self) -> Option<&'static str> {
        match self {
            Self::Verify | Self::OtherKey => None,
            Self::Test => Some(
                "The record is marked as a test (t=y): receivers may treat mail as not signed. Remove t=y from it.",
            ),
            Self::OtherHash => Some(
                "The record does not allow the hash algorithm of the signatures (h= without sha256): receivers ignore them. Put this record in its place.",
            ),
            Self::OtherService => Some(
                "The record is not for mail (s= without * or email): receivers ignore the signatures. Put this record in its place.",
            ),
        }
    }
}

/// Whether a list that is separated by colons has a name.
fn names(list: &str, name: &str) -> bool {
    let mut listed = list.split(':');
    listed.any(|listed| listed.trim().eq_ignore_ascii_case(name))
}

fn compared(key: &DkimKeyView, published: PublishedKey) -> DomainFinding {
    let is_there = published.is(key);
    let use_of_key = published.use_of(key);
    let is_other = use_of_key == Some(KeyUse::OtherKey);
    let fault = use_of_key.and_then(KeyUse::fault);
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
        (DkimKeyState::Active, false) if fault.is_some() => (
            CheckState::Fault,
            "Mail is signed with this key.".to_owned(),
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
    let (state, why) = match fault {
        Some(fault) => (state.max(CheckState::Warning), format!("{why} {fault}")),
        None => (state, why),
    };
    let is_right = use_of_key == Some(KeyUse::Verify);
    DomainFinding {
        found: published.texts,
        expected: (!is_right).then(|| key.record()),
        ..finding(CheckKind::Dkim, key.record_name(), state, why)
    }
}
