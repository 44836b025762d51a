//! Calls the operations on webhooks, for the contract tests.

use serde_json::{Value, json};

use crate::rest::contract::test_api::{Api, Call, body, path};

const ALL: &str = "/api/webhooks";
const ONE: &str = "/api/webhooks/{id}";
const SECRET: &str = "/api/webhooks/{id}/secret";
const TEST: &str = "/api/webhooks/{id}/test";
const DELIVERIES: &str = "/api/webhooks/{id}/deliveries";

/// Adds, changes, tests and removes a webhook, with the responses of each refusal.
pub async fn webhooks(api: &mut Api) {
    let new = |url: &str| body(json!({ "url": url }));
    let user = api.user.clone();
    let url = "https://example.org/hooks";
    assert_eq!(api.call_as(&user, "post", ALL, new(url)).await.0, 403);
    for wrong in [
        json!({}),
        json!({ "url": "example.org" }),
        json!({ "url": 1 }),
    ] {
        let (status, refused) = api.call("post", ALL, body(wrong)).await;
        let named = refused["errors"]["url"].is_string();
        assert_eq!((status, named), (422, true), "{refused}");
    }
    let (status, created) = api.call("post", ALL, new(url)).await;
    assert_eq!(status, 200);
    let secret = created["data"]["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(api.call("post", ALL, new(url)).await.0, 409);
    let id = created["data"]["id"].as_str().expect("an id").to_owned();
    let ids: &[(&str, &str)] = &[("id", id.as_str())];

    assert_eq!(api.call("post", TEST, path(ids)).await.0, 200);
    let (status, listed) = api.call("get", DELIVERIES, path(ids)).await;
    assert_eq!(status, 200);
    let delivery = &listed["data"][0];
    assert_eq!(delivery["event"], "webhook.test");
    assert_eq!(delivery["state"], "queued");
    assert_eq!(delivery["http_status"], Value::Null);
    let (status, listed) = api.call("get", ALL, Call::default()).await;
    assert_eq!((status, &listed["data"][0]["queued"]), (200, &json!(1)));
    assert_eq!(listed["data"][0]["secret"], "saved");
    assert!(!listed.to_string().contains("whsec_"), "it is shown once");

    let update = |fields: Value| Call {
        path: ids,
        ..body(fields)
    };
    let (status, changed) = api
        .call("patch", ONE, update(json!({ "enabled": false })))
        .await;
    assert_eq!((status, &changed["data"]["enabled"]), (200, &json!(false)));
    assert_eq!(changed["data"]["queued"], 0);
    assert_eq!(api.call("post", TEST, path(ids)).await.0, 409);
    let wrong = update(json!({ "url": "http://example.org/", "on": true }));
    assert_eq!(api.call("patch", ONE, wrong).await.0, 422);
    let (status, renewed) = api.call("post", SECRET, path(ids)).await;
    assert_eq!(status, 200);
    assert_ne!(renewed["data"]["secret"], secret);

    let nobody: &[(&str, &str)] = &[("id", "1")];
    for (method, operation) in [("post", TEST), ("post", SECRET), ("get", DELIVERIES)] {
        assert_eq!(api.call(method, operation, path(nobody)).await.0, 404);
    }
    for status in [200, 404] {
        assert_eq!(api.call("delete", ONE, path(ids)).await.0, status);
    }
}
