//! The Postern of the tests of tenancy, with its accounts, behind its router.

use std::net::SocketAddr;
use std::time::Duration;

use app::interfaces::ProgramFile;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{Request, Response};
use domain::mail::dkim::DkimAlgorithm;
use domain::settings::PasswordChange;
use domain::settings::relay::{Change, RelayChange};
use domain::timestamp::DAY;
use domain::{Form, Label, SecretString};
use engine::smtp::PublicAddresses;
use engine::{
    AccountChange, Actor, Config, DeliveryConfig, HashCost, NewToken, Origin, Postern, Retention,
    WebhookOwner,
};
use serde_json::{Value, json};
use testkit::{Relay, RelayScript};
use tokio::sync::oneshot;
use tower::ServiceExt;
use url::form_urlencoded;

use super::tenant::{NO_DOMAIN, SPECS, Spec, Tenant};
use crate::http;
use crate::http::origin::address::TrustedProxies;
use crate::http::origin::allowed_hosts::AllowedHosts;
use crate::http::origin::public_url::PublicUrl;
use crate::http::state::SharedState;
use crate::test_key::browser_key;

const PASSWORD: &str = "correct horse battery staple";

pub const SCOPES: [&str; 3] = ["send", "read", "admin"];

/// How long the worker waits for results when it stops.
const GRACE: Duration = Duration::from_secs(30);

pub struct TenantServer {
    _folder: tempfile::TempDir,
    postern: Postern,
    router: Router,
    pub tenants: Vec<Tenant>,
    /// A further relay of the organisation.
    pub relay_id: String,
    pub webhook_id: String,
    pub dkim_key_id: String,
}

/// Who asks.
#[derive(Clone, Copy)]
pub enum Credential<'c> {
    Nobody,
    Token(&'c str),
    /// The cookie of a session.
    Session(&'c str),
}

/// What is asked.
pub struct TenantRequest<'r> {
    pub method: &'r str,
    /// The path and query.
    pub url: String,
    pub media_type: &'static str,
    pub body: String,
    pub idempotency_key: Option<&'static str>,
}

/// What is answered.
pub struct TenantAnswer {
    pub status: u16,
    /// All of it: header fields and body.
    pub text: String,
    pub json: Value,
}

impl TenantRequest<'_> {
    pub fn get(url: &str) -> Self {
        Self {
            method: "GET",
            url: url.to_owned(),
            media_type: "",
            body: String::new(),
            idempotency_key: None,
        }
    }

    pub fn with_idempotency_key(self, key: &'static str) -> Self {
        Self {
            idempotency_key: Some(key),
            ..self
        }
    }

    pub fn post_json(url: &str, body: &Value) -> Self {
        Self {
            method: "POST",
            media_type: "application/json",
            body: body.to_string(),
            ..Self::get(url)
        }
    }

    pub fn post_form(url: &str, fields: &[(&str, String)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        Self {
            method: "POST",
            media_type: "application/x-www-form-urlencoded",
            body: form.extend_pairs(fields).finish(),
            ..Self::get(url)
        }
    }
}

impl TenantServer {
    /// Opens a Postern whose accounts have relays, tokens, sessions and messages in each state.
    pub async fn open() -> Self {
        let mut server = Self::without_accounts().await;
        for spec in SPECS {
            let tenant = server.create(spec).await;
            server.tenants.push(tenant);
        }
        server.set_up_relays().await;
        server.send_mail().await;
        server.disable().await;
        server
    }

    pub async fn without_accounts() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().to_owned(),
            account_relays: PublicAddresses::parse("127.0.0.0/8").expect("a network"),
            browser_key: Some(browser_key()),
            hash_cost: HashCost::Least,
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let url = PublicUrl::parse("http://127.0.0.1:3000").expect("a URL");
        let router = http::router(
            SharedState {
                hosts: AllowedHosts::new([url.host()]),
                interface: http::state::test_interface(&postern),
                postern: postern.clone(),
                url,
                program: ProgramFile::default(),
                proxies: TrustedProxies::default(),
                local_metrics: true,
            }
            .into(),
        );
        Self {
            _folder: folder,
            postern,
            router,
            tenants: Vec::new(),
            relay_id: String::new(),
            webhook_id: String::new(),
            dkim_key_id: String::new(),
        }
    }

    async fn create(&self, spec: Spec) -> Tenant {
        let (operator, accounts) = (Actor::local(0), self.postern.accounts());
        let (email, password) = (spec.email(), SecretString::new(PASSWORD));
        let account = accounts.create(&operator, &email, spec.role, password);
        let id = account.await.expect("an account").id;
        let name = format!("{}-app", spec.mark);
        let token = self.create_token(&spec, &name, &SCOPES).await;
        let mut narrow = Vec::new();
        for scope in SCOPES {
            let name = format!("{}-{scope}", spec.mark);
            narrow.push((scope, self.create_token(&spec, &name, &[scope]).await));
        }
        let tokens = accounts.tokens(&operator).await.expect("a list");
        let listed = tokens.into_iter().find(|token| token.name == name);
        let cookie = self.sign_in(&email).await;
        let sessions = accounts.sessions_of(&operator, &id).await;
        let session = sessions.expect("a list").pop().expect("a session");
        let address = format!("further@{}.example", spec.mark);
        let sender = self.postern.senders().add_for(&operator, &id, &address);
        let sender = sender.await.expect("a sender address");
        let relay = Relay::start_at(spec.host, RelayScript::pipelining());
        // The organisation's relay has the mail of several accounts.
        for spec in SPECS {
            let refused = format!("RCPT TO:<{}>", spec.nobody());
            let reply = format!("550 5.1.1 {} is no such user here", spec.nobody());
            relay.reply_to(&refused, &reply);
        }
        Tenant {
            spec,
            id,
            relay,
            token,
            token_id: listed.expect("listed").id,
            sender_id: sender.id,
            webhook_id: String::new(),
            narrow,
            cookie,
            session_id: session.id,
            messages: Vec::new(),
        }
    }

    async fn create_token(&self, spec: &Spec, name: &str, scopes: &[&str]) -> String {
        let new = NewToken {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..NewToken::new(&spec.email(), name)
        };
        let (operator, accounts) = (Actor::local(0), self.postern.accounts());
        let created = accounts.create_token(&operator, new).await;
        created.expect("a token")
    }

    /// The cookie of a new session.
    async fn sign_in(&self, email: &str) -> String {
        let fields = [
            ("email", email.to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        let request = TenantRequest::post_form("/login", &fields);
        let answer = self.answer(Credential::Nobody, request).await;
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let mut cookies = cookies.filter_map(|value| value.to_str().ok());
        let cookie = cookies.find(|cookie| cookie.starts_with("postern="));
        let cookie = cookie.expect("a session").split(';').next();
        cookie.unwrap_or_default().to_owned()
    }

    /// The account that has the relay of the organisation.
    pub fn admin(&self) -> &Tenant {
        &self.tenants[0]
    }

    async fn set_up_relays(&mut self) {
        let admin = self.actor(self.admin()).await;
        let (form, password) = self.settings(self.admin()).await;
        let form = form.with(Label::FromAddress, "alerts@example.org");
        let settings = self.postern.settings();
        let saved = settings.save(&admin, form, password, None).await;
        saved.expect("saved");
        let further = RelayChange {
            name: Some(format!("{} further", self.admin().spec.mark)),
            from_domain: Change::Set("further.example".to_owned()),
            ..RelayChange::default()
        };
        let added = self.postern.relays().create(&admin, further).await;
        self.relay_id = added.expect("added").id;
        let (notifications, domains) = (self.postern.notifications(), self.postern.domains());
        let webhooks = notifications.webhooks(WebhookOwner::Organisation);
        let webhook = webhooks.create(&admin, "https://hooks.example/postern");
        self.webhook_id = webhook.await.expect("added").view.id;
        let key = domains.create_key(&admin, NO_DOMAIN, DkimAlgorithm::Ed25519);
        self.dkim_key_id = key.await.expect("made").id;
        for tenant in &self.tenants {
            self.restore(tenant).await;
        }
        for at in 0..self.tenants.len() {
            let actor = self.actor(&self.tenants[at]).await;
            let url = format!("https://{}-hooks.example/", self.tenants[at].spec.mark);
            let webhooks = notifications.webhooks(WebhookOwner::Account);
            let webhook = webhooks.create(&actor, &url).await;
            self.tenants[at].webhook_id = webhook.expect("added").view.id;
        }
    }

    /// Sets up the own relay of an account that has one.
    pub async fn restore(&self, tenant: &Tenant) {
        if !tenant.spec.has_own_relay {
            return;
        }
        let actor = self.actor(tenant).await;
        let (form, password) = self.settings(tenant).await;
        let own = self.postern.settings().of_account(&actor);
        let own = own.expect("an account");
        let saved = own.save(&actor, form, password, None).await;
        saved.expect("saved");
    }

    async fn actor(&self, tenant: &Tenant) -> Actor {
        let accounts = self.postern.accounts();
        let found = accounts.token_actor(&tenant.token, Origin::default()).await;
        found.expect("asks").expect("a token in use")
    }

    /// Settings for the relay of an account, which sign in.
    async fn settings(&self, tenant: &Tenant) -> (Form, PasswordChange) {
        let form = Form::default()
            .with(Label::FromAddress, &tenant.spec.email())
            .with(Label::Host, &tenant.spec.host.to_string())
            .with(Label::Port, &tenant.relay.address.port().to_string())
            .with(Label::Username, &tenant.spec.login())
            .with(Label::AuthenticationType, "Plain")
            .with(Label::PlaintextAuth, "1");
        let password = SecretString::new(tenant.spec.relay_password());
        let sealed = self.postern.keys().seal(&password).await;
        (form, PasswordChange::Sealed(sealed.expect("a key")))
    }

    /// Sends a mail of each account that is delivered, one that fails, and one that stays queued.
    async fn send_mail(&mut self) {
        for at in 0..self.tenants.len() {
            for kind in ["delivered", "failed"] {
                let id = self.submit(&self.tenants[at], kind).await;
                self.tenants[at].messages.push(id);
            }
        }
        let all = async {
            for tenant in &self.tenants {
                let (relay, spec) = (&self.relay_of(tenant).relay, &tenant.spec);
                let refused = format!("RCPT TO:<{}>", spec.nobody());
                relay.wait_for(&refused, 1).await;
                relay
                    .wait_for(&format!("END Subject: {} delivered", spec.mark), 1)
                    .await;
            }
        };
        self.deliver_until(all).await;
        for at in 0..self.tenants.len() {
            let id = self.submit(&self.tenants[at], "queued").await;
            self.tenants[at].messages.push(id);
            let tenant = &self.tenants[at];
            for (id, state) in tenant
                .messages
                .iter()
                .zip(["delivered", "failed", "queued"])
            {
                let url = format!("/api/messages/{id}");
                let request = TenantRequest::get(&url);
                let read = self.send(Credential::Token(&tenant.token), request).await;
                let found = &read.json["data"]["recipients"][0]["state"];
                assert_eq!(found, &json!(state), "{}: {}", tenant.spec.mark, read.text);
            }
        }
    }

    /// The account whose relay takes the mail of an account.
    pub fn relay_of<'t>(&'t self, tenant: &'t Tenant) -> &'t Tenant {
        match tenant.spec.has_own_relay {
            true => tenant,
            false => self.admin(),
        }
    }

    async fn submit(&self, tenant: &Tenant, kind: &str) -> String {
        let mark = tenant.spec.mark;
        let to = match kind {
            "failed" => tenant.spec.nobody(),
            _ => tenant.spec.desk(),
        };
        let subject = format!("{mark} {kind}");
        let mail = json!({ "to": to, "subject": subject, "text": format!("Hello {mark}") });
        let request = TenantRequest::post_json("/api/messages/send-email", &mail);
        let sent = self.send(Credential::Token(&tenant.token), request).await;
        let id = sent.json["id"].as_str();
        id.unwrap_or_else(|| panic!("{}", sent.text)).to_owned()
    }

    /// Delivers until something has happened at the relays, and its results are recorded.
    pub async fn deliver_until(&self, happened: impl Future<Output = ()>) {
        let (stop, stopped) = oneshot::channel::<()>();
        let postern = self.postern.clone();
        let config = DeliveryConfig {
            connections: 4,
            in_doubt: 64,
            lease: Duration::from_secs(60),
            retention: Retention {
                bodies: DAY,
                rows: DAY,
                suppressions: DAY,
                audit: 30 * DAY,
            },
        };
        let worker = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            postern.delivery().run(config, GRACE, stopped).await;
        });
        happened.await;
        drop(stop);
        worker.await.expect("it ends");
    }

    async fn disable(&self) {
        let disabled = self.tenants.iter().filter(|one| one.spec.is_disabled);
        for tenant in disabled {
            let change = AccountChange {
                role: None,
                disabled: Some(true),
            };
            let accounts = self.postern.accounts();
            let changed = accounts.change(&Actor::local(0), &tenant.id, change).await;
            changed.expect("disabled");
        }
    }

    /// The answer to a request from this machine.
    pub async fn answer(
        &self,
        credential: Credential<'_>,
        request: TenantRequest<'_>,
    ) -> Response<Body> {
        let peer: SocketAddr = ([127, 0, 0, 1], 40_000).into();
        let mut built = Request::builder()
            .method(request.method)
            .uri(request.url)
            .header(HOST, "127.0.0.1:3000")
            .header("sec-fetch-site", "same-origin")
            .extension(ConnectInfo(peer));
        if !request.media_type.is_empty() {
            built = built.header(CONTENT_TYPE, request.media_type);
        }
        if request.media_type == "application/json" {
            built = built.header(ACCEPT, "application/json");
        }
        if let Some(key) = request.idempotency_key {
            built = built.header("idempotency-key", key);
        }
        built = match credential {
            Credential::Nobody => built,
            Credential::Token(token) => built.header(AUTHORIZATION, format!("Bearer {token}")),
            Credential::Session(cookie) => built.header(COOKIE, cookie),
        };
        let request = built.body(Body::from(request.body)).expect("a request");
        self.router.clone().oneshot(request).await.expect("answers")
    }

    /// As [`TenantServer::answer`], read to its end.
    pub async fn send(
        &self,
        credential: Credential<'_>,
        request: TenantRequest<'_>,
    ) -> TenantAnswer {
        let (parts, body) = self.answer(credential, request).await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let body = String::from_utf8_lossy(&bytes);
        TenantAnswer {
            status: parts.status.as_u16(),
            text: format!("{} {:?} {body}", parts.status, parts.headers),
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}

impl TenantAnswer {
    /// Checks that another account's secrets are nowhere in the answer.
    pub fn expect_nothing_of(&self, owner: &Spec, caller: &Spec, what: &str) {
        let text = self.text.to_lowercase();
        for secret in owner.secrets_from(caller) {
            assert!(
                !text.contains(&secret),
                "{}: {what} shows {secret} of {}: {}",
                caller.mark,
                owner.mark,
                self.text
            );
        }
    }
}
