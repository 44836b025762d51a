//! The calls of the per-user SMTP service, as its clients make them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::settings::PasswordChange;
use domain::{Form, Label, SecretString};
use engine::{Actor, Origin};
use serde_json::{Value, json};
use testkit::{Action, Relay, RelayScript};

use super::configuration::{SETTINGS_PATH, settings as organisation};
use super::operations::smtp_settings::{SETTINGS, TEST, token};
use super::test_api::{Api, Call, HTTP, OWN_RELAYS, body};

const USER: &str = "user@example.org";

const PASS: &str = "correct horse battery";

/// A client with a token of the user.
struct SmtpClient {
    api: Api,
    token: String,
}

impl SmtpClient {
    async fn open() -> Self {
        Self::open_at(HTTP).await
    }

    async fn open_at(url: &str) -> Self {
        let mut api = Api::open_at(url).await;
        let token = token(&mut api).await;
        Self { api, token }
    }

    async fn call(&mut self, method: &str, path: &str, call: Call<'_>) -> (u16, Value) {
        let (status, value) = self.api.call_as(&self.token, method, path, call).await;
        assert!(!value.to_string().contains(PASS), "{value}");
        (status, value)
    }

    async fn post(&mut self, path: &str, value: Value) -> (u16, Value) {
        self.call("post", path, body(value)).await
    }

    async fn settings(&mut self) -> Value {
        let (status, value) = self.call("get", SETTINGS, Call::default()).await;
        assert_eq!(status, 200, "{value}");
        value
    }

    async fn remove(&mut self) -> Value {
        let (status, value) = self.call("delete", SETTINGS, Call::default()).await;
        assert_eq!(status, 200, "{value}");
        value
    }

    /// A test that must fail, with its status.
    async fn expect_failure(&mut self, value: Value, expected: u16) -> Value {
        let (status, value) = self.post(TEST, value).await;
        assert_eq!(status, expected, "{value}");
        assert_eq!(names(&value), ["error", "errors", "success"]);
        assert_eq!(value["success"], false);
        assert_ne!(value["error"], "");
        value
    }

    /// Saves settings of the own relay as the page does, where more can be set than by the calls.
    async fn save_on_the_page(&self, form: Form, password: PasswordChange) {
        let postern = &self.api.postern;
        let actor = postern
            .accounts()
            .token_actor(&self.token, Origin::default());
        let actor: Actor = actor.await.expect("asks").expect("a token in use");
        let own = postern.settings().of_account(&actor).expect("an account");
        own.save(&actor, form, password, None).await.expect("saved");
    }
}

/// The names of the members of an object, sorted.
fn names(value: &Value) -> Vec<&str> {
    let members = value.as_object().expect("an object").keys();
    let mut names: Vec<&str> = members.map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn start(script: RelayScript) -> Relay {
    Relay::start_at(OWN_RELAYS, script)
}

fn form(relay: &Relay) -> Form {
    Form::default()
        .with(Label::FromAddress, USER)
        .with(Label::Host, &OWN_RELAYS.to_string())
        .with(Label::Port, &relay.address.port().to_string())
}

#[tokio::test]
async fn answers_have_the_fields_of_the_service() {
    let mut client = SmtpClient::open().await;
    let global = client.settings().await;
    let expected = json!({
        "host": "", "port": null, "secure": false, "user": "", "hasPassword": false,
        "isGlobal": true, "updatedAt": null, "updatedBy": null,
    });
    assert_eq!(global, expected, "no relay at all");

    let typed = json!({ "host": "smtp.example.org", "port": 587 });
    let (status, saved) = client.post(SETTINGS, typed).await;
    assert_eq!((status, names(&saved)), (200, vec!["message", "settings"]));
    assert!(saved["message"].is_string());
    let settings = &saved["settings"];
    let at = settings["updatedAt"].clone();
    assert!(
        at.as_str()
            .is_some_and(|at| at.contains('T') && at.ends_with('Z'))
    );
    let expected = json!({
        "host": "smtp.example.org", "port": 587, "secure": false, "user": "", "updatedAt": at,
        "updatedBy": USER,
    });
    assert_eq!(settings, &expected);
    let mut expected = expected;
    expected["hasPassword"] = false.into();
    expected["isGlobal"] = false.into();
    assert_eq!(client.settings().await, expected);

    let removed = client.remove().await;
    assert_eq!(names(&removed), ["message"]);
    assert!(removed["message"].is_string());
    assert_eq!(client.settings().await, global);
}

#[tokio::test]
async fn the_organisations_relay_is_shown_without_its_user() {
    let mut client = SmtpClient::open().await;
    let password = SecretString::new(PASS);
    let sealed = client.api.postern.keys().seal(&password).await;
    let mut fields = organisation();
    for (name, value) in [
        ("smtp_port", json!(465)),
        ("smtp_connection_type", json!("SSL")),
        ("smtp_username", json!("gate")),
        ("smtp_password", json!(sealed.expect("a key"))),
        ("smtp_authentication_type", json!("Plain")),
    ] {
        fields[name] = value;
    }
    let saved = client
        .api
        .call("post", SETTINGS_PATH, body(json!({ "data": fields })))
        .await;
    assert_eq!(saved.0, 200, "{}", saved.1);
    let global = json!({
        "host": "127.0.0.1", "port": 465, "secure": true, "user": "", "hasPassword": true,
        "isGlobal": true, "updatedAt": null, "updatedBy": null,
    });
    assert_eq!(client.settings().await, global);
    let (_, seen) = client.api.call("get", SETTINGS, Call::default()).await;
    assert_eq!(
        (&seen["user"], &seen["isGlobal"]),
        (&json!("gate"), &json!(true))
    );
    assert_eq!(seen["updatedBy"], "admin@example.org");
    assert!(seen["updatedAt"].is_string(), "{seen}");

    // An administrator has an own relay as everybody has.
    let typed = body(json!({ "host": "smtp.example.org", "port": 25 }));
    let (status, saved) = client.api.call("post", SETTINGS, typed).await;
    assert_eq!(
        (status, &saved["settings"]["updatedBy"]),
        (200, &json!("admin@example.org"))
    );
    let (_, seen) = client.api.call("get", SETTINGS, Call::default()).await;
    assert_eq!(
        (&seen["user"], &seen["isGlobal"]),
        (&json!(""), &json!(false))
    );
    assert_eq!(client.settings().await, global, "that of another account");
}

#[tokio::test]
async fn secure_is_set_by_itself_at_port_465() {
    let mut client = SmtpClient::open().await;
    for (typed, port, secure) in [
        (json!({ "port": 465 }), 465, true),
        (json!({ "port": "465", "secure": false }), 465, true),
        (json!({ "port": 465, "secure": true }), 465, true),
        (json!({ "port": 587 }), 587, false),
        (json!({ "port": "587", "secure": false }), 587, false),
        (
            json!({ "port": 25, "secure": null, "user": null, "pass": null }),
            25,
            false,
        ),
    ] {
        let mut typed = typed;
        typed["host"] = "smtp.example.org".into();
        let (status, saved) = client.post(SETTINGS, typed.clone()).await;
        assert_eq!(status, 200, "{typed}: {saved}");
        let read = client.settings().await;
        for settings in [&saved["settings"], &read] {
            let found = (&settings["port"], &settings["secure"]);
            assert_eq!(found, (&json!(port), &json!(secure)), "{typed}");
        }
    }
}

#[tokio::test]
async fn a_password_stays_with_its_relay() {
    let mut client = SmtpClient::open().await;
    let typed = json!({ "host": "smtp.example.org", "port": 465, "user": "ann" });
    let with = |name: &str, value: Value| {
        let mut typed = typed.clone();
        typed[name] = value;
        typed
    };
    let (status, saved) = client.post(SETTINGS, with("pass", PASS.into())).await;
    assert_eq!((status, &saved["settings"]["user"]), (200, &json!("ann")));
    assert_eq!(client.settings().await["hasPassword"], true);
    for again in [
        typed.clone(),
        with("pass", "".into()),
        with("pass", Value::Null),
    ] {
        let (status, saved) = client.post(SETTINGS, again.clone()).await;
        assert_eq!(status, 200, "{again}: {saved}");
        assert_eq!(client.settings().await["hasPassword"], true, "{again}");
    }
    let before = client.settings().await;
    for elsewhere in [
        with("host", "smtp.example.net".into()),
        with("port", 587.into()),
        with("user", "ben".into()),
    ] {
        let (status, refused) = client.post(SETTINGS, elsewhere.clone()).await;
        assert_eq!((status, names(&refused)), (422, vec!["error", "errors"]));
        let text = refused["errors"]["pass"].as_str().expect("a text");
        assert_eq!(refused["error"], text, "{elsewhere}");
        client.expect_failure(elsewhere, 422).await;
    }
    assert_eq!(client.settings().await, before, "nothing is saved");

    client.remove().await;
    assert_eq!(client.settings().await["hasPassword"], false);
    let (status, saved) = client.post(SETTINGS, typed.clone()).await;
    assert_eq!(status, 200, "{saved}");
    let found = client.settings().await["hasPassword"].clone();
    assert_eq!(found, false, "the password is deleted");
    let sealed = client
        .api
        .postern
        .keys()
        .seal(&SecretString::new(PASS))
        .await;
    let sealed = with("sealedPass", sealed.expect("a key").into());
    let (status, saved) = client.post(SETTINGS, sealed).await;
    assert_eq!(status, 200, "{saved}");
    assert_eq!(client.settings().await["hasPassword"], true);
}

#[tokio::test]
async fn a_password_in_the_clear_needs_https_or_this_machine() {
    let typed = json!({ "host": "smtp.example.org", "port": 465, "user": "ann", "pass": PASS });
    let far: &[(&str, &str)] = &[("x-forwarded-for", "192.0.2.7")];
    let near: &[(&str, &str)] = &[("x-forwarded-for", "::1")];
    for (url, headers, expected) in [
        (HTTP, far, 422),
        (HTTP, near, 200),
        (HTTP, &[][..], 200),
        ("https://127.0.0.1:3000", far, 200),
    ] {
        let mut client = SmtpClient::open_at(url).await;
        let call = |value: &Value| Call {
            headers,
            ..body(value.clone())
        };
        let (status, saved) = client.call("post", SETTINGS, call(&typed)).await;
        assert_eq!(status, expected, "{url} {headers:?}: {saved}");
        let is_saved = status == 200;
        assert_eq!(client.settings().await["hasPassword"], is_saved);
        if is_saved {
            continue;
        }
        for path in [SETTINGS, TEST] {
            let (status, refused) = client.call("post", path, call(&typed)).await;
            assert_eq!((status, names(&refused["errors"])), (422, vec!["pass"]));
            let text = refused["errors"]["pass"].as_str().expect("a text");
            assert!(text.contains("sealedPass"), "{text}");
        }
        // Sealed it may come from anywhere.
        let password = SecretString::new(PASS);
        let sealed = client.api.postern.keys().seal(&password).await;
        let mut typed = typed.clone();
        typed["pass"] = Value::Null;
        typed["sealedPass"] = sealed.expect("a key").into();
        let (status, saved) = client.call("post", SETTINGS, call(&typed)).await;
        assert_eq!(status, 200, "{saved}");
        assert_eq!(client.settings().await["hasPassword"], true);
    }
}

#[tokio::test]
async fn a_test_signs_in_and_sends_no_mail() {
    let mut client = SmtpClient::open().await;
    let relay = start(RelayScript::pipelining());
    let port = relay.address.port();
    let typed = |pass: Option<&str>| {
        json!({
            "host": OWN_RELAYS.to_string(), "port": port, "secure": false, "user": "ann",
            "pass": pass,
        })
    };
    let refused = client.expect_failure(typed(Some(PASS)), 502).await;
    let text = refused["error"].as_str().expect("a text");
    assert!(text.contains("encrypt"), "{text}");
    assert!(!relay.record().heard("AUTH"), "not in the clear");

    let sealed = client
        .api
        .postern
        .keys()
        .seal(&SecretString::new(PASS))
        .await;
    let form = form(&relay)
        .with(Label::Username, "ann")
        .with(Label::AuthenticationType, "Plain")
        .with(Label::PlaintextAuth, "1");
    let sealed = PasswordChange::Sealed(sealed.expect("a key"));
    client.save_on_the_page(form, sealed).await;
    let before = client.settings().await;
    for pass in [None, Some("another password")] {
        let (status, tested) = client.post(TEST, typed(pass)).await;
        assert_eq!(status, 200, "{tested}");
        assert_eq!(names(&tested), ["message", "success"]);
        assert_eq!(tested["success"], true);
        let plain = format!("\0ann\0{}", pass.unwrap_or(PASS));
        let plain = BASE64_STANDARD.encode(plain);
        let clear = relay.record().clear;
        assert!(String::from_utf8_lossy(&clear).contains(&plain), "{pass:?}");
    }
    assert!(relay.record().commands().is_empty(), "it ends after AUTH");
    assert_eq!(client.settings().await, before, "nothing is saved");

    relay.reply_to("AUTH", "535 5.7.8 Authentication failed");
    let refused = client.expect_failure(typed(None), 502).await;
    assert_eq!(names(&refused["errors"]), ["request"]);
}

#[tokio::test]
async fn a_failed_test_says_so_by_its_status() {
    let mut client = SmtpClient::open().await;
    let silent = start(RelayScript::default().at("GREETING", Action::Silence));
    let form = form(&silent).with(Label::CommandTimeout, "1");
    client.save_on_the_page(form, PasswordChange::Keep).await;
    let at = |port: u16| json!({ "host": OWN_RELAYS.to_string(), "port": port });
    client.expect_failure(at(silent.address.port()), 504).await;
    client.expect_failure(at(1), 502).await;
    let refused = client
        .expect_failure(json!({ "hostname": "smtp.example.org" }), 422)
        .await;
    assert_eq!(names(&refused["errors"]), ["host", "hostname", "port"]);
    let wrong = json!({ "host": "a b", "port": 70_000, "secure": "yes", "user": 1, "pass": true });
    let (status, refused) = client.post(SETTINGS, wrong).await;
    assert_eq!((status, names(&refused)), (422, vec!["error", "errors"]));
    for name in ["secure", "user", "pass"] {
        let text = refused["errors"][name].as_str().expect(name);
        let all = refused["error"].as_str().unwrap_or_default();
        assert!(all.contains(text), "{name}: {all}");
    }
}
