//! `/healthz` and `/readyz`: whether the process answers, and whether it can accept and deliver.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use engine::{DeliveryPulse, ReadinessReport};
use serde_json::{Value, json};

use crate::http::state::AppState;
use crate::rest::response::refusal::method_not_allowed;

/// The path that answers while the process does.
pub const HEALTH: &str = "/healthz";

/// The path that answers 503 where the process cannot work.
pub const READINESS: &str = "/readyz";

/// Both paths. They are open to all, as probes have no token: the answers name no account.
pub fn router() -> Router<AppState> {
    Router::new()
        .route(HEALTH, get(health).fallback(method_not_allowed))
        .route(READINESS, get(readiness).fallback(method_not_allowed))
}

async fn health() -> Response {
    respond(StatusCode::OK, &json!({ "status": "ok" }))
}

async fn readiness(State(state): State<AppState>) -> Response {
    let report = state.postern.readiness().report().await;
    let status = match report.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    respond(status, &document(&report))
}

fn respond(status: StatusCode, document: &Value) -> Response {
    let kind = [(CONTENT_TYPE, "application/json")];
    (status, kind, document.to_string()).into_response()
}

fn document(report: &ReadinessReport) -> Value {
    let state = |works: Option<bool>| match works {
        Some(true) => "ok",
        Some(false) => "failed",
        None => "unknown",
    };
    let delivery = match report.delivery {
        DeliveryPulse::Running => "ok",
        DeliveryPulse::Stuck => "failed",
        DeliveryPulse::Off => "off",
    };
    let age = report.oldest.map(|age| age.as_secs());
    json!({
        "status": if report.is_ready() { "ready" } else { "not_ready" },
        "checks": {
            "database": { "state": state(Some(report.database)) },
            "keys": { "state": state(report.keys) },
            "delivery": { "state": delivery },
            "oldest_mail": {
                "state": state(report.database.then_some(true)),
                "age_seconds": age,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use app::interfaces::ProgramFile;
    use axum::body::{Body, to_bytes};
    use axum::extract::ConnectInfo;
    use axum::http::Request;
    use axum::http::header::HOST;
    use engine::{Config, Postern};
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::metrics_router;
    use crate::http::origin::address::TrustedProxies;
    use crate::http::origin::allowed_hosts::AllowedHosts;
    use crate::http::origin::public_url::PublicUrl;
    use crate::http::state::{SharedState, test_interface};

    async fn ask(router: &Router, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(HOST, "192.0.2.7:3000").body(Body::empty());
        let mut request = request.expect("a request");
        let peer: SocketAddr = ([192, 0, 2, 8], 40_000).into();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 4096).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn probes_need_no_token_on_either_port() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().to_owned(),
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let url = PublicUrl::parse("https://mail.example.org").expect("a URL");
        let state = AppState::from(SharedState {
            hosts: AllowedHosts::new([url.host()]),
            interface: test_interface(&postern),
            postern: postern.clone(),
            url,
            program: ProgramFile::default(),
            proxies: TrustedProxies::default(),
            local_metrics: false,
        });
        for router in [crate::http::router(state.clone()), metrics_router(state)] {
            let (status, health) = ask(&router, "GET", HEALTH).await;
            assert_eq!((status, health), (200, json!({ "status": "ok" })));
            let (status, ready) = ask(&router, "GET", READINESS).await;
            assert_eq!(status, 200, "{ready}");
            assert_eq!(ready["checks"]["delivery"]["state"], "off", "{ready}");
            let age = &ready["checks"]["oldest_mail"]["age_seconds"];
            assert_eq!(*age, Value::Null);
            assert_eq!(ask(&router, "HEAD", READINESS).await.0, 200);
            assert_eq!(ask(&router, "POST", HEALTH).await.0, 405);
        }
        postern.close().await;
    }

    #[test]
    fn each_check_has_a_state() {
        let works = ReadinessReport {
            database: true,
            keys: Some(true),
            delivery: DeliveryPulse::Running,
            oldest: Some(Duration::from_millis(90_500)),
        };
        let cut = ReadinessReport {
            database: false,
            keys: None,
            delivery: DeliveryPulse::Stuck,
            oldest: None,
        };
        for (report, expected) in [
            (works, ["ready", "ok", "ok", "ok", "ok"]),
            (cut, ["not_ready", "failed", "unknown", "failed", "unknown"]),
            (
                ReadinessReport {
                    keys: Some(false),
                    delivery: DeliveryPulse::Off,
                    ..works
                },
                ["not_ready", "ok", "failed", "off", "ok"],
            ),
        ] {
            let document = document(&report);
            let checks = ["database", "keys", "delivery", "oldest_mail"];
            let states = checks.map(|check| &document["checks"][check]["state"]);
            assert_eq!(document["status"], expected[0], "{document}");
            assert_eq!(states, expected[1..], "{document}");
        }
        let age = &document(&works)["checks"]["oldest_mail"]["age_seconds"];
        assert_eq!(*age, 90);
    }
}
