//! A browser of an administrator in tests, over the router and with a clock that passes.

use std::net::SocketAddr;

use app::interfaces::ProgramFile;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use domain::SecretString;
use domain::account::Role;
use engine::{Actor, Clock, Config, HashCost, Postern};
use tower::ServiceExt;

use super::origin::address::TrustedProxies;
use super::origin::allowed_hosts::AllowedHosts;
use super::origin::public_url::PublicUrl;
use super::router;
use super::state::{SharedState, test_interface};

pub const PASSWORD: &str = "correct horse battery staple";

pub const FORM: &str = "application/x-www-form-urlencoded";

/// A Postern behind its router, with a browser that an administrator signed in with.
pub struct TestBrowser {
    _folder: tempfile::TempDir,
    pub clock: Clock,
    pub postern: Postern,
    router: Router,
    /// Its session, as it sends it.
    pub cookie: String,
    /// An API token that it sends in the place of the session.
    pub token: Option<String>,
    /// Its address, as a trusted proxy names it; `None` for one of this machine.
    pub address: Option<&'static str>,
    /// The media types that it accepts, which requests name.
    pub accept: Option<&'static str>,
}

/// What a browser gets.
pub struct BrowserAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl TestBrowser {
    pub async fn signed_in() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::default();
        let config = Config {
            data: folder.path().to_owned(),
            clock: clock.clone(),
            hash_cost: HashCost::Least,
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let (operator, password) = (Actor::local(0), SecretString::new(PASSWORD));
        let accounts = postern.accounts();
        let created = accounts.create(&operator, "admin@example.org", Role::Admin, password);
        created.await.expect("an account");
        let url = PublicUrl::parse("http://127.0.0.1:3000").expect("a URL");
        let router = router(
            SharedState {
                hosts: AllowedHosts::new([url.host()]),
                interface: test_interface(&postern),
                postern: postern.clone(),
                url,
                program: ProgramFile::default(),
                proxies: TrustedProxies::parse("127.0.0.1").expect("an address"),
                local_metrics: true,
            }
            .into(),
        );
        let mut browser = Self {
            _folder: folder,
            clock,
            postern,
            router,
            cookie: String::new(),
            token: None,
            address: None,
            accept: None,
        };
        let answer = browser.sign_in("admin@example.org").await;
        browser.cookie = answer.session().expect("a session");
        browser
    }

    /// Posts the sign-in of an account, without a session.
    pub async fn sign_in(&mut self, email: &str) -> BrowserAnswer {
        self.cookie = String::new();
        let fields = [("email", email), ("password", PASSWORD)];
        self.post("/login", &fields).await
    }

    pub async fn get(&self, path: &str) -> BrowserAnswer {
        self.send("GET", path, FORM, String::new()).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> BrowserAnswer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        self.send("POST", path, FORM, body).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: String,
    ) -> BrowserAnswer {
        let peer: SocketAddr = ([127, 0, 0, 1], 40_000).into();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "127.0.0.1:3000")
            .header("sec-fetch-site", "same-origin")
            .header(CONTENT_TYPE, media_type)
            .extension(ConnectInfo(peer));
        request = match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request.header(COOKIE, &self.cookie),
        };
        if let Some(address) = self.address {
            request = request.header("x-forwarded-for", address);
        }
        if let Some(accept) = self.accept {
            request = request.header(ACCEPT, accept);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("answers");
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        BrowserAnswer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

impl BrowserAnswer {
    /// The session cookie that the answer sets.
    pub fn session(&self) -> Option<String> {
        let cookies = self.headers.get_all(SET_COOKIE).iter();
        let mut cookies = cookies.filter_map(|value| value.to_str().ok());
        let cookie = cookies.find(|cookie| cookie.starts_with("postern="))?;
        cookie.split(';').next().map(str::to_owned)
    }
}
