//! Calls the operations on revisions of configurations, as a part of the contract test.

use serde_json::{Value, json};

use super::smtp_settings;
use crate::rest::contract::configuration::settings;
use crate::rest::contract::test_api::{Api, Call, body, path};

const LIST: &str = "/api/relays/{id}/revisions";
const RESTORE: &str = "/api/relays/{id}/revisions/{number}/restore";

/// Saves, lists and brings back revisions of a relay, and of an own relay.
pub async fn revisions(api: &mut Api) {
    let new = json!({ "data": { "name": "With a history" } });
    let (_, created) = api.call("post", "/api/relays", body(new)).await;
    let id = created["data"]["id"].as_str().expect("an id").to_owned();
    let id: &[(&str, &str)] = &[("id", &id)];
    let (status, listed) = api.call("get", LIST, path(id)).await;
    assert_eq!((status, &listed["data"]), (200, &json!([])));
    for port in [2, 3] {
        let mut fields = settings();
        fields["smtp_port"] = port.into();
        let save = Call {
            path: id,
            ..body(json!({ "data": fields }))
        };
        let saved = api.call("post", "/api/relays/{id}/email_smtp", save).await;
        assert_eq!(saved.0, 200);
    }
    let (_, listed) = api.call("get", LIST, path(id)).await;
    let newest = &listed["data"][0];
    let change = json!({ "field": "smtp_port", "before": "2", "after": "3" });
    assert_eq!(newest["changes"], json!([change]), "{newest}");
    assert_eq!(newest["number"], 2);
    assert_eq!(newest["saved_by"], "admin@example.org");
    assert_eq!(newest["saved_from"], "127.0.0.1");
    assert_eq!(newest["password"], "none");

    let numbered = [id[0], ("number", "1")];
    let with = |body: Value| Call {
        path: &numbered,
        ..self::body(body)
    };
    let stale = Call {
        headers: &[("if-match", "\"1\"")],
        ..with(json!({}))
    };
    assert_eq!(api.call("post", RESTORE, stale).await.0, 409);
    let wrong = with(json!({ "smtp_password": 1 }));
    let (status, refused) = api.call("post", RESTORE, wrong).await;
    let named = refused["errors"]["smtp_password"].is_string();
    assert_eq!((status, named), (422, true), "{refused}");
    let rollback = with(json!({ "revision": 2, "smtp_password": null }));
    let (status, restored) = api.call("post", RESTORE, rollback).await;
    assert_eq!((status, &restored["data"]["revision"]), (200, &json!(3)));
    let (_, listed) = api.call("get", LIST, path(id)).await;
    assert_eq!(listed["data"][0]["restored_from"], 1);
    for number in ["9", "x"] {
        let missing = Call {
            path: &[id[0], ("number", number)],
            ..body(json!({}))
        };
        assert_eq!(api.call("post", RESTORE, missing).await.0, 404, "{number}");
    }
    let removed = api.call("delete", "/api/relays/{id}", path(id)).await;
    assert_eq!(removed.0, 200);
    assert_eq!(api.call("get", LIST, path(id)).await.0, 404);
    let gone = with(json!({}));
    assert_eq!(api.call("post", RESTORE, gone).await.0, 404);
    of_own_relay(api).await;
}

/// The history of the own relay of the user, with a token that may change it, and with one that may not.
async fn of_own_relay(api: &mut Api) {
    let token = smtp_settings::token(api).await;
    for (host, password) in [("smtp.example.org", "one"), ("smtp.example.net", "two")] {
        let own = json!({ "host": host, "port": 465, "user": "ann", "pass": password });
        let settings = smtp_settings::SETTINGS;
        let (status, saved) = api.call_as(&token, "post", settings, body(own)).await;
        assert_eq!(status, 200, "{saved}");
    }
    let own = [("id", "own")];
    let (_, of_admin) = api.call("get", LIST, path(&own)).await;
    assert_eq!(of_admin["data"], json!([]), "the administrator has none");
    let (status, listed) = api.call_as(&token, "get", LIST, path(&own)).await;
    let newest = &listed["data"][0];
    let host = json!({
        "field": "smtp_host", "before": "smtp.example.org", "after": "smtp.example.net",
    });
    let secret = json!({ "field": "smtp_password", "before": null, "after": null });
    assert_eq!((status, &newest["changes"]), (200, &json!([host, secret])));
    assert_eq!(newest["password"], "kept");
    let before = listed["data"][1]["number"].to_string();
    let numbered = [own[0], ("number", before.as_str())];
    let call = || Call {
        path: &numbered,
        ..body(json!({}))
    };
    let reader = api.user.clone();
    let (status, _) = api.call_as(&reader, "get", LIST, path(&own)).await;
    assert_eq!(status, 200, "it reads");
    let (status, refused) = api.call_as(&reader, "post", RESTORE, call()).await;
    assert_eq!(status, 403, "{refused}");
    let (status, restored) = api.call_as(&token, "post", RESTORE, call()).await;
    assert_eq!(status, 200, "{restored}");
    let (_, listed) = api.call_as(&token, "get", LIST, path(&own)).await;
    assert_eq!(listed["data"][0]["restored_from"].to_string(), before);
}
