//! Calls the operations on relays and the policy, as a part of the contract test.

use serde_json::{Value, json};

use crate::rest::contract::configuration::{SETTINGS_PATH, settings};
use crate::rest::contract::test_api::{Api, Call, body, path};

pub async fn relays(api: &mut Api) {
    let (all, one) = ("/api/relays", "/api/relays/{id}");
    let new = json!({ "name": "News", "from_domain": "News.example.org", "per_hour": 100 });
    let (status, created) = api.call("post", all, body(json!({ "data": new }))).await;
    assert_eq!(status, 200);
    assert_eq!(created["data"]["from_domain"], "news.example.org");
    let id = created["data"]["id"].as_str().expect("an id").to_owned();
    let id: &[(&str, &str)] = &[("id", &id)];
    let with = |body: Value| Call {
        path: id,
        ..self::body(body)
    };
    let same = json!({ "data": { "name": "NEWS", "max_connections": 0, "position": 9 } });
    let (status, refused) = api.call("post", all, body(same)).await;
    let fields = refused["errors"].as_object().map(serde_json::Map::len);
    assert_eq!((status, fields), (422, Some(3)), "{refused}");

    let first = json!({ "data": { "position": 1, "per_hour": null }, "revision": 1 });
    let (status, changed) = api.call("post", one, with(first.clone())).await;
    assert_eq!((status, &changed["data"]["position"]), (200, &json!(1)));
    assert_eq!(changed["data"]["per_hour"], Value::Null);
    assert_eq!(api.call("post", one, with(first)).await.0, 409);
    let (_, listed) = api.call("get", all, Call::default()).await;
    let order: Vec<_> = (0..2).map(|at| listed["data"][at]["id"].clone()).collect();
    assert_eq!(order, [json!(id[0].1), json!("global")]);
    assert_eq!(listed["data"][1]["address"], "127.0.0.1:1");

    let smtp = "/api/relays/{id}/email_smtp";
    let mut fields = settings();
    fields["smtp_port"] = 2.into();
    let saved = api
        .call("post", smtp, with(json!({ "data": fields })))
        .await;
    assert_eq!(saved.0, 200);
    let (status, read) = api.call("get", smtp, path(id)).await;
    assert_eq!((status, &read["data"]["smtp_port"]), (200, &json!("2")));
    let stale = Call {
        headers: &[("if-match", "\"0\"")],
        ..with(json!({ "data": settings() }))
    };
    assert_eq!(api.call("post", smtp, stale).await.0, 409);
    let (_, global) = api.call("get", SETTINGS_PATH, Call::default()).await;
    assert_eq!(global["data"]["smtp_port"], "1", "another relay");
    let (status, read) = api.call("get", one, path(id)).await;
    assert_eq!(
        (status, &read["data"]["address"]),
        (200, &json!("127.0.0.1:2"))
    );
    assert_eq!(read["data"]["health"]["state"], "unknown", "not checked");
    let none = json!({ "delivered": 0, "deferred": 0, "failed": 0, "p50_ms": null });
    assert_eq!(read["data"]["last_day"], none);
    assert_eq!(read["data"]["connections"], 0);
    assert_eq!(listed["data"][1]["last_day"], none);
    assert_eq!(listed["data"][1]["connections"], 0);
    let (health, check) = ("/api/relays/{id}/health", "/api/relays/{id}/check");
    assert_eq!(api.call("post", check, path(id)).await.0, 200);
    let (status, read) = api.call("get", health, path(id)).await;
    assert_eq!(
        (status, &read["data"]["health"]["state"]),
        (200, &json!("unknown"))
    );
    assert_eq!(read["data"]["history"][0]["state"], "unknown");
    assert_eq!(read["data"]["connections"], 0);
    let diagnosis = "/api/relays/{id}/diagnosis";
    let (status, diagnosed) = api.call("post", diagnosis, with(json!({}))).await;
    assert_eq!(
        (status, &diagnosed["data"]["relay"]),
        (200, &json!("127.0.0.1:2"))
    );
    let test = "/api/relays/{id}/email_test/{address}";
    let address = [id[0], ("address", "desk@example.org")];
    assert_eq!(api.call("post", test, path(&address)).await.0, 502);
    // It cannot succeed without a relay; the specs have one.
    api.seen.insert(format!("post {test}"));

    assert_eq!(
        api.call("delete", one, path(&[("id", "global")])).await.0,
        422
    );
    for status in [200, 404] {
        assert_eq!(api.call("delete", one, path(id)).await.0, status);
    }
    for gone in [id, &[("id", "x")]] {
        assert_eq!(api.call("get", one, path(gone)).await.0, 404);
        assert_eq!(api.call("get", smtp, path(gone)).await.0, 404);
        assert_eq!(api.call("get", health, path(gone)).await.0, 404);
        assert_eq!(api.call("post", check, path(gone)).await.0, 404);
        for (path, change) in [
            (one, json!({ "data": {} })),
            (smtp, json!({ "data": settings() })),
            (diagnosis, json!({ "data": settings() })),
        ] {
            let call = Call {
                path: gone,
                ..body(change)
            };
            assert_eq!(api.call("post", path, call).await.0, 404, "{path}");
        }
        let address = [gone[0], ("address", "desk@example.org")];
        assert_eq!(api.call("post", test, path(&address)).await.0, 404);
    }
}

pub async fn policy(api: &mut Api) {
    let policy = "/api/policy";
    let (status, before) = api.call("get", policy, Call::default()).await;
    let policy_with = |fallback: bool| {
        json!({
            "own_relays": true, "fallback": fallback, "second_factor_for_administrators": false,
            "open_tracking": true,
        })
    };
    assert_eq!((status, &before["data"]), (200, &policy_with(true)));
    let change = body(json!({ "fallback": false }));
    let (status, after) = api.call("put", policy, change).await;
    let expected = policy_with(false);
    assert_eq!((status, &after["data"]), (200, &expected), "absent stays");
    let wrong = body(json!({ "own_relays": "no" }));
    let (status, refused) = api.call("put", policy, wrong).await;
    let named = refused["errors"]["own_relays"].is_string();
    assert_eq!((status, named), (422, true), "{refused}");
}
