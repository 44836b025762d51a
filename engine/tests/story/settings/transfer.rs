//! Export of the settings of all relays, and the import of their passwords elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::account::Role;
use domain::settings::document::{SettingsDocument, parse};
use domain::settings::relay::RelayChange;
use domain::settings::{PasswordChange, PasswordState};
use domain::{Form, Kind, Label};
use engine::{Actor, ExportKey, ImportKey, Postern};
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey};

use crate::environment::{TestEnv, browser_key, form};

const SECRET: &str = "hunter2 of the relay";

/// The keys of the operator who exports and of the one who imports.
fn keys() -> (ExportKey, ImportKey) {
    let pem = |label: &str, der: &[u8]| {
        let body = STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let private = browser_key();
    let public = private.to_public_key().to_public_key_der();
    let public = pem("PUBLIC KEY", public.expect("encodes").as_bytes());
    let private = pem(
        "PRIVATE KEY",
        private.to_pkcs8_der().expect("encodes").as_bytes(),
    );
    (
        ExportKey::from_pem(&public).expect("a public key"),
        ImportKey::from_pem(&private).expect("a private key"),
    )
}

impl TestEnv {
    /// A first relay with a password, and a second one without settings.
    async fn with_two_relays(&self) {
        let admin = self.admin().await;
        let sealed = self.sealed(SECRET).await;
        let saved = self.postern.settings().save(&admin, form(), sealed, None);
        saved.await.expect("saved");
        let new = RelayChange {
            name: Some("Backup".to_owned()),
            ..RelayChange::default()
        };
        let added = self.postern.relays().create(&admin, new).await;
        added.expect("added");
    }

    async fn exported(&self, key: Option<&ExportKey>) -> SettingsDocument {
        let exported = self.postern.relays().export(&Actor::local(0), key).await;
        let document = exported.expect("exported");
        let text = serde_json::to_string(&document).expect("serialises");
        assert!(!text.contains("hunter2") && !text.contains('*'), "{text}");
        parse(&text).expect("what is written can be read")
    }
}

async fn an_export_without_a_key_has_no_passwords(env: TestEnv) {
    env.with_two_relays().await;
    let document = env.exported(None).await;
    let [first, second] = &document.relays[..] else {
        panic!("{document:?}");
    };
    assert!(first.first && first.has_password && first.password.is_none());
    assert_eq!(first.form().as_ref(), Some(&form()));
    assert_eq!((second.name.as_str(), second.first), ("Backup", false));
    assert!(second.settings.is_none() && !second.has_password);
}

async fn an_exported_password_is_imported_with_its_private_key(env: TestEnv) {
    env.with_two_relays().await;
    let (public, private) = keys();
    let document = env.exported(Some(&public)).await;
    let first = &document.relays[0];
    let sealed = first.password.as_deref().expect("a password");
    let other = Postern::open(env.empty().await).await.expect("opens");
    let local = Actor::local(0);
    let form = first.form().expect("settings");
    let change = other.relays().exported_password(sealed, &form, &private);
    let change = change.await.expect("opened");
    let saved = other.settings().save(&local, form, change, None).await;
    assert_eq!(saved.expect("saved").password, PasswordState::Saved);
    let table = other.relays().configured().await.expect("a table");
    assert!(table.relays[0].has_password());
}

async fn an_edited_document_takes_no_password_elsewhere(env: TestEnv) {
    env.with_two_relays().await;
    let (public, private) = keys();
    let document = env.exported(Some(&public)).await;
    let first = &document.relays[0];
    let sealed = first.password.as_deref().expect("a password");
    for (label, value, accepted) in [
        (Label::Host, "evil.example", false),
        (Label::Port, "25", false),
        (Label::Username, "somebody", false),
        (Label::ConnectionType, "None", false),
        (Label::CertificateCheck, "Off", false),
        (Label::PlaintextAuth, "1", false),
        (Label::FromName, "Alerts", true),
    ] {
        let edited: Form = first.form().expect("settings").with(label, value);
        let opened = env.postern.relays();
        let opened = opened.exported_password(sealed, &edited, &private).await;
        match opened {
            Ok(change) => assert!(accepted && matches!(change, PasswordChange::Sealed(_))),
            Err(refusal) => {
                assert!(!accepted, "{label:?}: {refusal}");
                assert!(refusal.fields.contains_key("smtp_password"));
            }
        }
    }
}

async fn only_administrators_export_and_it_is_audited(env: TestEnv) {
    env.with_two_relays().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let refused = env.postern.relays().export(&user, None).await;
    assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
    let (public, _) = keys();
    env.exported(Some(&public)).await;
    let trail = env.postern.audit().trail(&Actor::local(0), 100).await;
    let rows = trail.expect("readable");
    let row = rows
        .iter()
        .find(|row| row.action == "export settings" && row.outcome == "done");
    assert!(row.is_some_and(|row| row.detail.contains(public.fingerprint())));
}

stories! {
    both {
        an_export_without_a_key_has_no_passwords;
        an_exported_password_is_imported_with_its_private_key;
        an_edited_document_takes_no_password_elsewhere;
        only_administrators_export_and_it_is_audited;
    }
}
