//! Calls the operations on webhooks of accounts, and submits mail that names one: contract tests.

use serde_json::{Value, json};

use crate::rest::contract::test_api::{Api, Call, body, path};

const ALL: &str = "/api/message-webhooks";
const ONE: &str = "/api/message-webhooks/{id}";
const SECRET: &str = "/api/message-webhooks/{id}/secret";
const TEST: &str = "/api/message-webhooks/{id}/test";
const DELIVERIES: &str = "/api/message-webhooks/{id}/deliveries";
const SEND: &str = "/api/messages/send-email";

/// Adds, names, changes, tests and removes a webhook, with the responses of each refusal.
pub async fn message_webhooks(api: &mut Api) {
    let new = |url: &str| body(json!({ "url": url }));
    let user = api.user.clone();
    let url = "https://example.org/messages";
    // It has no scope for that.
    assert_eq!(api.call_as(&user, "post", ALL, new(url)).await.0, 403);
    for wrong in [
        json!({}),
        json!({ "url": "http://127.0.0.1/hook" }),
        json!({ "url": 1 }),
    ] {
        let (status, refused) = api.call("post", ALL, body(wrong)).await;
        let named = refused["errors"]["url"].is_string();
        assert_eq!((status, named), (422, true), "{refused}");
    }
    let (status, created) = api.call("post", ALL, new(url)).await;
    assert_eq!(status, 200, "{created}");
    let secret = created["data"]["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(api.call("post", ALL, new(url)).await.0, 409);
    let id = created["data"]["id"].as_str().expect("an id").to_owned();
    let ids: &[(&str, &str)] = &[("id", id.as_str())];
    name_in_mail(api, &id).await;

    assert_eq!(api.call("post", TEST, path(ids)).await.0, 200);
    let (status, listed) = api.call("get", DELIVERIES, path(ids)).await;
    assert_eq!(status, 200);
    assert_eq!(listed["data"][0]["event"], "webhook.test");
    let (status, listed) = api.call("get", ALL, Call::default()).await;
    assert_eq!((status, &listed["data"][0]["queued"]), (200, &json!(1)));
    assert!(!listed.to_string().contains("whsec_"), "it is shown once");
    let (_, of_organisation) = api.call("get", "/api/webhooks", Call::default()).await;
    assert!(!of_organisation.to_string().contains(&id));
    let others = path(ids);
    assert_eq!(
        api.call("post", "/api/webhooks/{id}/test", others).await.0,
        404
    );

    let update = |fields: Value| Call {
        path: ids,
        ..body(fields)
    };
    let off = update(json!({ "enabled": false }));
    let (status, changed) = api.call("patch", ONE, off).await;
    assert_eq!((status, &changed["data"]["enabled"]), (200, &json!(false)));
    assert_eq!(api.call("post", TEST, path(ids)).await.0, 409);
    let wrong = update(json!({ "url": "http://localhost/", "on": true }));
    assert_eq!(api.call("patch", ONE, wrong).await.0, 422);
    let (status, renewed) = api.call("post", SECRET, path(ids)).await;
    assert_eq!(status, 200);
    assert_ne!(renewed["data"]["secret"], secret);
    for status in [200, 404] {
        assert_eq!(api.call("delete", ONE, path(ids)).await.0, status);
    }
    for (method, operation) in [("post", TEST), ("post", SECRET), ("get", DELIVERIES)] {
        assert_eq!(api.call(method, operation, path(ids)).await.0, 404);
    }
}

/// Mail names the webhook of its account, and no other one.
async fn name_in_mail(api: &mut Api, id: &str) {
    let mail = |webhook: Value| {
        json!({
            "from": "alerts@example.org", "to": "desk@example.org", "text": "Hi", "report": true,
            "webhook": webhook,
        })
    };
    assert_eq!(api.call("post", SEND, body(mail(json!(id)))).await.0, 202);
    let user = api.user.clone();
    let of_user = json!({ "to": "desk@example.org", "text": "Hi", "webhook": id });
    let (status, refused) = api.call_as(&user, "post", SEND, body(of_user)).await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused["errors"]["webhook"].is_string(), "{refused}");
    for wrong in [json!("01JD0000000000000000000000"), json!(""), json!(7)] {
        let both = json!([mail(json!(id)), mail(wrong)]);
        let (status, refused) = api.call("post", SEND, body(both)).await;
        let named = refused["errors"]["[1].webhook"].is_string();
        assert_eq!((status, named), (422, true), "{refused}");
    }
}
