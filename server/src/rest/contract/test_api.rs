//! The REST interface in tests: an operation is called over the router, and its response checked.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use app::interfaces::ProgramFile;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Request, Response};
use domain::SecretString;
use domain::account::Role;
use engine::smtp::PublicAddresses;
use engine::{Actor, Clock, Config, HashCost, NewToken, Postern};
use serde_json::Value;
use tower::ServiceExt;

use super::schema::check;
use crate::http;
use crate::http::origin::address::TrustedProxies;
use crate::http::origin::allowed_hosts::AllowedHosts;
use crate::http::origin::public_url::PublicUrl;
use crate::http::state::SharedState;
use crate::rest::openapi;
use crate::test_key::browser_key;

/// The only address of this machine that the relays of accounts may have.
pub const OWN_RELAYS: Ipv4Addr = Ipv4Addr::new(127, 61, 8, 1);

/// The public URL, unless a test has another.
pub const HTTP: &str = "http://127.0.0.1:3000";

/// A Postern on SQLite behind its router, and the tokens of an administrator and of a user.
pub struct Api {
    _folder: tempfile::TempDir,
    pub postern: Postern,
    pub clock: Clock,
    router: Router,
    admin: String,
    pub user: String,
    pub document: Value,
    /// Operations that succeeded.
    pub seen: BTreeSet<String>,
}

/// A request of an operation.
#[derive(Default)]
pub struct Call<'c> {
    /// Values of the parameters in the path.
    pub path: &'c [(&'c str, &'c str)],
    pub query: &'c str,
    /// Those beside Accept, and beside Host where they have none.
    pub headers: &'c [(&'c str, &'c str)],
    pub body: Option<Value>,
}

impl Api {
    pub async fn open() -> Self {
        Self::open_at(HTTP).await
    }

    /// With this public URL of the same host and port. Requests name other clients by X-Forwarded-For.
    pub async fn open_at(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::default();
        let config = Config {
            data: folder.path().to_owned(),
            clock: clock.clone(),
            account_relays: PublicAddresses::parse(&OWN_RELAYS.to_string()).expect("an address"),
            browser_key: Some(browser_key()),
            hash_cost: HashCost::Least,
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let (operator, accounts) = (Actor::local(0), postern.accounts());
        let mut tokens = Vec::new();
        for (email, role) in [
            ("admin@example.org", Role::Admin),
            ("user@example.org", Role::User),
        ] {
            let password = SecretString::new("correct horse battery staple");
            accounts
                .create(&operator, email, role, password)
                .await
                .expect("an account");
            let token = NewToken {
                any_sender: role == Role::Admin,
                ..NewToken::new(email, "test")
            };
            tokens.push(
                accounts
                    .create_token(&operator, token)
                    .await
                    .expect("a token"),
            );
        }
        let url = PublicUrl::parse(url).expect("a URL");
        let user = tokens.pop().expect("two tokens");
        let router = http::router(
            SharedState {
                hosts: AllowedHosts::new([url.host()]),
                interface: http::state::test_interface(&postern),
                postern: postern.clone(),
                url,
                program: ProgramFile::default(),
                proxies: TrustedProxies::parse("127.0.0.1").expect("an address"),
                local_metrics: true,
            }
            .into(),
        );
        Self {
            _folder: folder,
            postern,
            clock,
            router,
            admin: tokens.pop().expect("two tokens"),
            user,
            document: openapi::published().clone(),
            seen: BTreeSet::new(),
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        let peer: SocketAddr = ([127, 0, 0, 1], 40_000).into();
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer")
    }

    /// Calls a documented operation as the administrator, and checks status, media type and body of
    /// the response against the document.
    pub async fn call(&mut self, method: &str, path: &str, call: Call<'_>) -> (u16, Value) {
        let token = self.admin.clone();
        self.call_as(&token, method, path, call).await
    }

    pub async fn call_as(
        &mut self,
        token: &str,
        method: &str,
        path: &str,
        call: Call<'_>,
    ) -> (u16, Value) {
        let named = format!("{method} {path}");
        let operation = &self.document["paths"][path][method];
        assert!(operation.is_object(), "{named} is not documented");
        let mut uri = path.to_owned();
        for (name, value) in call.path {
            uri = uri.replace(&format!("{{{name}}}"), value);
        }
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(format!("{uri}{}", call.query))
            .header(ACCEPT, "application/json");
        if call.headers.iter().all(|(name, _)| *name != "host") {
            request = request.header(HOST, "127.0.0.1:3000");
        }
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let body = match call.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let answer = self.send(request.body(body).expect("a request")).await;
        let status = answer.status().as_u16();
        let media_type = answer.headers()[CONTENT_TYPE]
            .to_str()
            .expect("text")
            .to_owned();
        let bytes = to_bytes(answer.into_body(), usize::MAX)
            .await
            .expect("a body");
        let documented = &operation["responses"][status.to_string()];
        let text = String::from_utf8_lossy(&bytes);
        assert!(documented.is_object(), "{named} answered {status}: {text}");
        let content = &documented["content"][&media_type];
        assert!(content.is_object(), "{named} answered {media_type}");
        let value = serde_json::from_slice(&bytes).unwrap_or_default();
        if media_type == "application/json"
            && let Err(fault) = check(&self.document, &content["schema"], &value)
        {
            panic!("{named} answered {status}: {fault} in {text}");
        }
        if status < 300 {
            self.seen.insert(named);
        }
        (status, value)
    }
}

pub fn body(body: Value) -> Call<'static> {
    Call {
        body: Some(body),
        ..Call::default()
    }
}

pub fn path<'c>(path: &'c [(&'c str, &'c str)]) -> Call<'c> {
    Call {
        path,
        ..Call::default()
    }
}
