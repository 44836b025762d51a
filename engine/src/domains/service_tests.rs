//! Tests of the domains service with a zone of DNS: checks of domains in use, activation of keys.

use std::sync::Arc;

use domain::account::Role;
use domain::mail::dkim::{DkimAlgorithm, DkimKeyState};
use domain::mail::domain_check::{CheckKind, CheckState, FromDomains};
use domain::{Form, Kind, Label};

use super::DkimActivation;
use super::dns::Dns;
use super::service::{DomainServices, Domains};
use super::zone_tests::TestZone;
use crate::audit::Audit;
use crate::settings::Settings;
use crate::store::accounts::{self, Account};
use crate::store::settings::information;
use crate::store::{Scope, Store, commit};
use crate::vault::{BrowserKeys, KeyNode, Vault};
use crate::{Actor, Clock};

/// What services with different zones share.
pub(super) struct TestServices {
    _folder: tempfile::TempDir,
    store: Store,
    clock: Clock,
    audit: Audit,
    vault: Arc<Vault>,
    settings: Settings,
}

impl TestServices {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("a database");
        let clock = Clock::default();
        let keys = folder.path().join("keys");
        let vault = Vault::open(KeyNode::new("gate", keys), &store, clock.now(), false).await;
        let vault = Arc::new(vault.expect("a vault"));
        let keys = BrowserKeys::new(store.clone(), clock.clone(), vault.clone());
        // Nobody writes refusals: they are dropped.
        let (audit, _) = Audit::start(store.clone(), clock.clone(), "gate");
        let settings = Settings::new(
            store.clone(),
            clock.clone(),
            vault.clone(),
            Arc::new(keys),
            audit.clone(),
        );
        Self {
            _folder: folder,
            store,
            clock,
            audit,
            vault,
            settings,
        }
    }

    fn domains(&self, zone: &str) -> Domains {
        self.domains_with(Arc::new(TestZone::parse(zone)))
    }

    pub(super) fn domains_with(&self, dns: Arc<dyn Dns>) -> Domains {
        Domains::new(DomainServices {
            store: self.store.clone(),
            clock: self.clock.clone(),
            audit: self.audit.clone(),
            vault: self.vault.clone(),
            settings: self.settings.clone(),
            dns,
        })
    }

    /// Saves a relay with this From address.
    async fn save(&self, from: &str) {
        let form = Form::default()
            .with(Label::FromAddress, from)
            .with(Label::Host, "mail.example.org")
            .with(Label::Port, "25");
        let mut work = self.store.begin().await.expect("a transaction");
        let written = information::write(&mut work, Scope::Global, &form, None).await;
        written.expect("written");
        commit(work).await.expect("committed");
    }

    /// Adds accounts with these addresses, whose ids are the same.
    async fn add_accounts(&self, addresses: &[&str]) {
        let mut work = self.store.begin().await.expect("a transaction");
        for address in addresses {
            let account = Account {
                id: (*address).to_owned(),
                email: (*address).to_owned(),
                role: Role::User,
            };
            let added = accounts::add(&mut work, &account, "", self.clock.now()).await;
            added.expect("added");
        }
        commit(work).await.expect("committed");
    }

    async fn disable(&self, account: &str) {
        let mut work = self.store.begin().await.expect("a transaction");
        let disabled = accounts::set_disabled(&mut work, account, Some(self.clock.now()));
        disabled.await.expect("disabled");
        commit(work).await.expect("committed");
    }
}

#[tokio::test]
async fn domains_in_use_are_listed_with_their_checks() {
    let services = TestServices::open().await;
    let operator = Actor::local(0);
    let zone = "
        example.org TXT v=spf1 a:mail.example.org -all
        mail.example.org A 198.51.100.1
        example.org MX 10 mail.example.org
        _dmarc.example.org TXT v=DMARC1; p=reject
    ";
    let domains = services.domains(zone);
    assert_eq!(domains.list(&operator).await, Ok(FromDomains::default()));
    for offline in ["alerts@localhost", "alerts@[192.0.2.1]"] {
        services.save(offline).await;
        assert_eq!(
            domains.list(&operator).await,
            Ok(FromDomains::default()),
            "{offline}"
        );
    }
    services.save("alerts@Example.org").await;
    let addresses = ["mara@example.org", "tove@example.net", "ole@example.net"];
    services.add_accounts(&addresses).await;
    services
        .add_accounts(&["root@localhost", "left@example.edu"])
        .await;
    services.disable("left@example.edu").await;
    let key = domains.create_key(&operator, "news.example.com", DkimAlgorithm::Ed25519);
    key.await.expect("a key");
    let FromDomains { listed, left_out } = domains.list(&operator).await.expect("a list");
    assert_eq!(left_out, 0);
    let names: Vec<&str> = listed.iter().map(|one| one.domain.as_str()).collect();
    assert_eq!(names, ["example.net", "example.org", "news.example.com"]);
    assert_eq!(listed[0].used_by, ["the address of an account"]);
    let uses = [
        "the From address of Main relay",
        "the address of an account",
    ];
    assert_eq!(listed[1].used_by, uses);
    assert_eq!(listed[2].used_by, ["a DKIM key"]);
    let states = CheckKind::ALL.iter();
    let states: Vec<CheckState> = states.map(|kind| listed[1].check.state_of(*kind)).collect();
    let expected = [
        CheckState::Ok,
        // No key signs.
        CheckState::Warning,
        CheckState::Ok,
        CheckState::Ok,
    ];
    assert_eq!(states, expected, "{:?}", listed[1].check.findings);
    let other = domains
        .check(&operator, "Example.NET")
        .await
        .expect("a check");
    assert_eq!(other.domain, "example.net");
    assert_eq!(other.state(), CheckState::Fault);
    let wrong = domains.check(&operator, "nothing").await;
    assert!(wrong.is_err_and(|refusal| refusal.fields.contains_key("domain")));
}

#[tokio::test]
async fn domains_of_account_addresses_are_left_out_first() {
    let services = TestServices::open().await;
    let addresses: Vec<String> = (0..=FromDomains::MAX)
        .map(|number| format!("mara@mail-{number}.example"))
        .collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    services.add_accounts(&addresses).await;
    services.save("alerts@zebra.example").await;
    let list = services.domains("").list(&Actor::local(0)).await;
    let FromDomains { listed, left_out } = list.expect("a list");
    assert_eq!((listed.len(), left_out), (FromDomains::MAX, 2));
    assert!(listed.is_sorted_by_key(|one| &one.domain), "{listed:?}");
    let last = listed.last().expect("a domain");
    assert_eq!(last.domain, "zebra.example");
}

#[tokio::test]
async fn a_key_is_activated_when_its_record_is_in_dns() {
    let services = TestServices::open().await;
    let operator = Actor::local(0);
    let without = services.domains("");
    let made = without
        .create_key(&operator, "example.org", DkimAlgorithm::Rsa)
        .await;
    let key = made.expect("a key");
    assert_eq!(key.state, DkimKeyState::Pending);
    let activated = without.activate_key(
        &operator,
        "example.org",
        &key.id,
        DkimActivation::WhenPublished,
    );
    let refusal = activated.await.expect_err("no record");
    assert_eq!(refusal.kind, Kind::Conflict);
    assert!(refusal.text().contains(&key.record_name()), "{refusal:?}");

    let wrong = format!("{} TXT v=DKIM1; k=rsa; p=AAAA", key.record_name());
    for zone in [wrong, format!("{} FAIL", key.record_name())] {
        let domains = services.domains(&zone);
        let activated = domains.activate_key(
            &operator,
            "example.org",
            &key.id,
            DkimActivation::WhenPublished,
        );
        let refusal = activated.await.expect_err("another record");
        assert_eq!(refusal.kind, Kind::Conflict, "{zone}");
    }
    let published = format!("{} TXT {}", key.record_name(), key.record());
    let domains = services.domains(&published);
    let activated = domains.activate_key(
        &operator,
        "example.org",
        &key.id,
        DkimActivation::WhenPublished,
    );
    let activated = activated.await.expect("active");
    assert_eq!(activated.state, DkimKeyState::Active);
    assert!(activated.activated_at.is_some() && activated.removal_at.is_none());
    let checked = domains
        .check(&operator, "example.org")
        .await
        .expect("a check");
    assert_eq!(checked.state_of(CheckKind::Dkim), CheckState::Ok);
}
