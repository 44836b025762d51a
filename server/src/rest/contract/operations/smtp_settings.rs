//! Calls the operations on the own relay of an account, as a part of the contract test.

use serde_json::{Value, json};

use crate::rest::contract::test_api::{Api, Call, body};

pub const SETTINGS: &str = "/api/smtp/settings";
pub const TEST: &str = "/api/smtp/test";

/// A token of the user that may change its own relay.
pub async fn token(api: &mut Api) -> String {
    let new = json!({
        "name": "own relay", "account": "user@example.org", "scopes": ["read", "send", "admin"],
    });
    let (status, created) = api.call("post", "/api/tokens", body(new)).await;
    assert_eq!(status, 200, "{created}");
    let secret = created["data"]["token"].as_str();
    secret.expect("a secret").to_owned()
}

pub async fn smtp_settings(api: &mut Api) {
    let token = token(api).await;
    let (status, global) = api.call_as(&token, "get", SETTINGS, Call::default()).await;
    let expected = json!({
        "host": "127.0.0.1", "port": 1, "secure": false, "user": "", "hasPassword": false,
        "isGlobal": true, "updatedAt": null, "updatedBy": null,
    });
    assert_eq!(
        (status, global),
        (200, expected),
        "that of the organisation"
    );
    let (_, seen) = api.call("get", SETTINGS, Call::default()).await;
    assert_eq!(seen["updatedBy"], "admin@example.org", "for administrators");

    let own = json!({
        "host": "smtp.example.org", "port": 465, "user": "ann", "pass": "correct horse",
    });
    let (status, saved) = api
        .call_as(&token, "post", SETTINGS, body(own.clone()))
        .await;
    assert_eq!(
        (status, saved["message"].is_string()),
        (200, true),
        "{saved}"
    );
    let settings = &saved["settings"];
    assert_eq!(settings["port"], 465);
    assert_eq!(settings["secure"], true, "by itself at 465");
    assert_eq!(settings["updatedBy"], "user@example.org");
    assert!(
        settings["updatedAt"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    let (_, read) = api.call_as(&token, "get", SETTINGS, Call::default()).await;
    assert_eq!(read["host"], "smtp.example.org");
    assert_eq!(
        (&read["hasPassword"], &read["isGlobal"]),
        (&json!(true), &json!(false))
    );
    assert!(!read.to_string().contains("correct horse"));
    let (_, of_admin) = api.call("get", SETTINGS, Call::default()).await;
    assert_eq!(of_admin["isGlobal"], true, "that of another account");

    let mail = json!({ "to": "desk@example.org", "text": "Hello" });
    let send = "/api/messages/send-email";
    let (_, sent) = api.call_as(&token, "post", send, body(mail.clone())).await;
    assert_eq!(sent["queue"], "own_relay");
    let (_, sent) = api.call("post", send, body(json!([mail]))).await;
    assert_eq!(sent["queue"], "organisation");

    refusals(api, &token, &own).await;

    for _ in 0..2 {
        let (status, removed) = api
            .call_as(&token, "delete", SETTINGS, Call::default())
            .await;
        assert_eq!((status, removed["message"].is_string()), (200, true));
    }
    let (_, read) = api.call_as(&token, "get", SETTINGS, Call::default()).await;
    assert_eq!(read["isGlobal"], true);
    // It cannot succeed without a relay; the specs have one.
    api.seen.insert(format!("post {TEST}"));
}

async fn refusals(api: &mut Api, token: &str, own: &Value) {
    // The saved password is for the relay that it was given for.
    let mut elsewhere = own.clone();
    elsewhere["host"] = "smtp.example.net".into();
    elsewhere.as_object_mut().expect("an object").remove("pass");
    for path in [SETTINGS, TEST] {
        let (status, refused) = api
            .call_as(token, "post", path, body(elsewhere.clone()))
            .await;
        let named = refused["errors"]["pass"].is_string();
        assert_eq!((status, named), (422, true), "{path}: {refused}");
        assert_eq!(
            refused["success"] == json!(false),
            path == TEST,
            "{refused}"
        );
    }
    let wrong = json!({ "host": "a b", "port": 0, "secure": "yes" });
    let (status, refused) = api.call_as(token, "post", SETTINGS, body(wrong)).await;
    assert_eq!(status, 422);
    assert!(refused["errors"]["secure"].is_string(), "{refused}");
    let wrong = json!({ "host": "a b", "port": 0 });
    let (status, refused) = api.call_as(token, "post", SETTINGS, body(wrong)).await;
    let fields = refused["errors"].as_object().expect("errors").keys();
    let fields: Vec<&str> = fields.map(String::as_str).collect();
    assert_eq!((status, fields), (422, vec!["host", "port"]));
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );

    let inward = json!({ "host": "127.0.0.1", "port": 1 });
    let (status, refused) = api.call_as(token, "post", TEST, body(inward)).await;
    assert_eq!((status, &refused["success"]), (502, &json!(false)));
    let text = refused["error"].as_str().unwrap_or_default();
    assert!(text.contains("POSTERN_USER_RELAY_ALLOW"), "{text}");

    // The token of the user that reads and sends.
    let reader = api.user.clone();
    let read = api.call_as(&reader, "get", SETTINGS, Call::default()).await;
    assert_eq!(read.0, 200);
    for (method, path) in [("post", SETTINGS), ("delete", SETTINGS), ("post", TEST)] {
        let call = match method {
            "post" => body(own.clone()),
            _ => Call::default(),
        };
        let (status, refused) = api.call_as(&reader, method, path, call).await;
        assert_eq!(status, 403, "{method} {path}: {refused}");
    }
    let off = body(json!({ "own_relays": false }));
    assert_eq!(api.call("put", "/api/policy", off).await.0, 200);
    let (status, refused) = api
        .call_as(token, "post", SETTINGS, body(own.clone()))
        .await;
    let text = refused["error"].as_str().unwrap_or_default();
    assert_eq!(
        (status, text.contains("does not allow")),
        (403, true),
        "{text}"
    );
    let (_, read) = api.call_as(token, "get", SETTINGS, Call::default()).await;
    assert_eq!(read["isGlobal"], true, "the own one is not used");
    let on = body(json!({ "own_relays": true }));
    assert_eq!(api.call("put", "/api/policy", on).await.0, 200);
}
