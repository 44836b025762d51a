//! Calls every documented operation over the router and checks responses against the document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::configuration::{SETTINGS_PATH, settings};
use super::operations::accounts::{accounts, limits, sessions};
use super::operations::audit::audit;
use super::operations::domains::domains;
use super::operations::interfaces::interfaces;
use super::operations::keys::keys;
use super::operations::message_webhooks::message_webhooks;
use super::operations::networks::networks;
use super::operations::relays::{policy, relays};
use super::operations::revisions::revisions;
use super::operations::senders::senders;
use super::operations::smtp_settings::smtp_settings;
use super::operations::webhooks::webhooks;
use super::test_api::{Api, Call, body, path};

#[tokio::test]
async fn responses_match_the_document() {
    let mut api = Api::open().await;
    let operations: BTreeSet<String> = api.document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();

    configuration(&mut api).await;
    messages(&mut api).await;
    outbox(&mut api).await;
    senders(&mut api).await;
    limits(&mut api).await;
    tokens(&mut api).await;
    accounts(&mut api).await;
    sessions(&mut api).await;
    relays(&mut api).await;
    policy(&mut api).await;
    networks(&mut api).await;
    interfaces(&mut api).await;
    keys(&mut api).await;
    webhooks(&mut api).await;
    message_webhooks(&mut api).await;
    domains(&mut api).await;
    audit(&mut api).await;
    smtp_settings(&mut api).await;
    revisions(&mut api).await;
    let (status, document) = api.call("get", "/api/openapi.json", Call::default()).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    assert_eq!(api.seen, operations, "every operation succeeds once");
    headers_have_a_pattern(&document);
}

/// Headers have a grammar: without a pattern, most generated values are refused.
fn headers_have_a_pattern(document: &Value) {
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
    let parameters = operations.filter_map(|operation| operation["parameters"].as_array());
    let mut headers = 0;
    for parameter in parameters.flatten().filter(|one| one["in"] == "header") {
        let pattern = &parameter["schema"]["pattern"];
        assert!(pattern.is_string(), "{} has no pattern", parameter["name"]);
        headers += 1;
    }
    assert_eq!(headers, 4);
}

async fn configuration(api: &mut Api) {
    let (status, before) = api.call("get", SETTINGS_PATH, Call::default()).await;
    assert_eq!((status, &before["revision"]), (200, &json!(0)));
    let saved = api
        .call("post", SETTINGS_PATH, body(json!({ "data": settings() })))
        .await;
    assert_eq!(saved.0, 200);
    let (_, after) = api.call("get", SETTINGS_PATH, Call::default()).await;
    assert_eq!(after["data"]["smtp_port"], "1");
    // The answer may be posted back.
    assert_eq!(api.call("post", SETTINGS_PATH, body(after)).await.0, 200);
    let stale = Call {
        headers: &[("if-match", "\"0\"")],
        ..body(json!({ "data": settings() }))
    };
    assert_eq!(api.call("post", SETTINGS_PATH, stale).await.0, 409);
    let wrong = body(json!({ "data": { "smtp_port": true, "x": 1 }, "revision": "7" }));
    let (status, refused) = api.call("post", SETTINGS_PATH, wrong).await;
    assert_eq!(status, 422);
    let fields: Vec<_> = refused["errors"]
        .as_object()
        .expect("errors")
        .keys()
        .collect();
    assert!(
        fields.iter().any(|field| *field == "revision"),
        "{fields:?}"
    );
    assert!(
        fields.iter().any(|field| *field == "smtp_port"),
        "{fields:?}"
    );
    assert!(fields.iter().any(|field| *field == "x"), "{fields:?}");

    assert_eq!(
        api.call("get", "/api/keys/browser", Call::default())
            .await
            .0,
        200
    );
    let (status, diagnosed) = api.call("post", "/api/diagnosis", body(json!({}))).await;
    assert_eq!(
        (status, &diagnosed["data"]["outcome"]),
        (200, &json!("failed"))
    );
    // A password that is not sealed is refused even without authentication.
    let mut unsealed = settings();
    unsealed["smtp_password"] = "correct horse".into();
    let asked = body(json!({ "data": unsealed }));
    let (status, refused) = api.call("post", "/api/diagnosis", asked).await;
    assert_eq!(status, 422);
    assert!(refused["errors"]["smtp_password"].is_string(), "{refused}");
    let probe = body(json!({ "host": "127.0.0.1", "port": 1 }));
    let (status, probed) = api.call("post", "/api/probe", probe).await;
    assert_eq!((status, &probed["data"]["settings"]), (200, &json!({})));
    let test = "/api/setup/email_test/{address}";
    let address = &[("address", "desk@example.org")];
    let (status, refused) = api.call("post", test, path(address)).await;
    assert_eq!(status, 502);
    assert!(refused["errors"]["email_send"].is_string(), "{refused}");
    // It cannot succeed without a relay; the specs have one.
    api.seen.insert(format!("post {test}"));
}

async fn messages(api: &mut Api) {
    let send = "/api/messages/send-email";
    let mail = json!({ "to": "desk@example.org", "subject": "Fire", "priority": "high" });
    let (status, accepted) = api.call("post", send, body(mail.clone())).await;
    assert_eq!(status, 202);
    let id = accepted["id"].as_str().expect("an id").to_owned();
    let (status, accepted) = api.call("post", send, body(json!([mail, mail]))).await;
    assert_eq!(
        (status, accepted["ids"].as_array().map(Vec::len)),
        (202, Some(2))
    );
    for wrong in [json!([]), json!({}), json!({ "to": 1 }), json!([1])] {
        assert_eq!(api.call("post", send, body(wrong)).await.0, 422);
    }
    assert_eq!(api.call("post", send, body(json!("x"))).await.0, 400);
    assert_eq!(api.call("post", send, Call::default()).await.0, 415);

    let list = "/api/messages";
    let (status, listed) = api.call("get", list, Call::default()).await;
    assert_eq!(
        (status, listed["data"].as_array().map(Vec::len)),
        (200, Some(3))
    );
    for query in [
        "?state=lost",
        "?since=yesterday",
        "?before=x",
        "?id=a&id=b",
        "?subject=%ff",
    ] {
        let call = Call {
            query,
            ..Call::default()
        };
        assert!(
            matches!(api.call("get", list, call).await.0, 200 | 422),
            "{query}"
        );
    }
    let one = "/api/messages/{id}";
    let (status, read) = api.call("get", one, path(&[("id", &id)])).await;
    assert_eq!((status, &read["data"]["id"]), (200, &json!(id)));
    assert_eq!(read["data"]["priority"], "high");
    assert_eq!(listed["data"][0]["priority"], "high");
    for (id, refused) in [
        ("01JD0000000000000000000000", 404),
        ("x", 404),
        ("%ff", 422),
    ] {
        assert_eq!(
            api.call("get", one, path(&[("id", id)])).await.0,
            refused,
            "{id}"
        );
    }
    let source = "/api/messages/{id}/source";
    assert_eq!(api.call("get", source, path(&[("id", &id)])).await.0, 200);
    let act = "/api/messages/{id}/{act}";
    let (status, acted) = api
        .call("post", act, path(&[("id", &id), ("act", "hold")]))
        .await;
    assert_eq!((status, &acted["data"]["number"]), (200, &json!(1)));
    assert_eq!(
        api.call("post", act, path(&[("id", &id), ("act", "lose")]))
            .await
            .0,
        404
    );
    let many = "/api/messages/act";
    let all = json!({ "act": "cancel", "matching": {} });
    let (status, counted) = api.call("post", many, body(all)).await;
    assert_eq!((status, &counted["data"]["done"]), (200, &json!(false)));
    let up_to = &counted["data"]["up_to"];
    let fewer = json!({ "act": "cancel", "matching": {}, "number": 1, "up_to": up_to });
    assert_eq!(api.call("post", many, body(fewer)).await.0, 409);
    assert_eq!(api.call("delete", many, Call::default()).await.0, 404);
    // None runs for long enough to be stopped here; the specs stop one.
    api.seen.insert(format!("delete {many}"));
    let wrong = json!({ "act": "lose", "matching": { "state": null }, "number": "1" });
    let (status, refused) = api.call("post", many, body(wrong)).await;
    let fields = refused["errors"].as_object().map(serde_json::Map::len);
    assert_eq!((status, fields), (422, Some(3)), "{refused}");
}

async fn outbox(api: &mut Api) {
    for on in [true, false] {
        let pause = body(json!({ "on": on }));
        assert_eq!(api.call("post", "/api/outbox/pause", pause).await.0, 200);
        let (status, overview) = api.call("get", "/api/outbox", Call::default()).await;
        assert_eq!((status, overview["data"]["pause"].is_object()), (200, on));
    }
    let (status, mail) = api.call("get", "/api/status", Call::default()).await;
    assert_eq!((status, &mail["data"]["can_leave"]), (200, &json!(false)));
    assert_eq!(mail["data"]["state"], "no_worker");
    for wrong in [json!({}), json!({ "on": 1 }), json!({ "on": null })] {
        let (status, refused) = api.call("post", "/api/outbox/pause", body(wrong)).await;
        assert_eq!((status, refused["errors"]["on"].is_string()), (422, true));
    }
    let figures = "/api/figures";
    let (status, read) = api.call("get", figures, Call::default()).await;
    assert_eq!(status, 200);
    let rows = read["data"]["rows"].as_array().map(Vec::len);
    assert_eq!(rows, Some(24));
    assert_eq!(read["data"]["total"]["accepted"], 3);
    for (query, expected) in [
        ("?subject=relay&id=global&step=day", 200),
        ("?format=csv", 200),
        ("?subject=account&id=nobody", 404),
        ("?subject=relay", 422),
        ("?step=week", 422),
        ("?from=2001-01-01", 422),
        ("?format=xml", 422),
    ] {
        let call = Call {
            query,
            ..Call::default()
        };
        let (status, _) = api.call("get", figures, call).await;
        assert_eq!(status, expected, "{query}");
    }
    let list = "/api/suppressions";
    assert_eq!(api.call("get", list, Call::default()).await.0, 200);
    let remove = "/api/suppressions/{address}";
    let nobody = &[("address", "nobody@example.org")];
    assert_eq!(api.call("delete", remove, path(nobody)).await.0, 404);
    let many = "/api/suppressions/remove";
    for (number, done) in [(json!(null), false), (json!(0), true)] {
        let all = json!({ "matching": {}, "number": number });
        let (status, removed) = api.call("post", many, body(all)).await;
        assert_eq!((status, &removed["data"]["done"]), (200, &json!(done)));
    }
    for (wrong, field) in [
        (json!({}), "matching"),
        (json!({ "matching": { "adress": "a" } }), "adress"),
        (json!({ "matching": { "since": "soon" } }), "since"),
        (json!({ "matching": {}, "number": -1 }), "number"),
    ] {
        let (status, refused) = api.call("post", many, body(wrong)).await;
        assert_eq!((status, refused["errors"][field].is_string()), (422, true));
    }
    // None is on the list without a relay that refused it; the specs have one.
    api.seen.insert(format!("delete {remove}"));
}

async fn tokens(api: &mut Api) {
    let tokens = "/api/tokens";
    let limited = json!({
        "name": "billing", "account": "user@example.org", "scopes": ["send"],
        "senders": ["billing@example.org"], "expires_days": 30, "default_priority": "bulk",
        "highest_priority": "normal", "limits": { "max_per_day": 5 },
    });
    let (status, created) = api.call("post", tokens, body(limited)).await;
    assert_eq!(status, 200);
    let secret = created["data"]["token"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let wrong = json!({
        "name": "", "scopes": ["write"], "senders": ["x"], "expires_days": 0,
        "default_priority": "normal", "highest_priority": "bulk", "limits": { "max_per_hour": 0 },
    });
    let (status, refused) = api.call("post", tokens, body(wrong)).await;
    let fields = refused["errors"].as_object().map(serde_json::Map::len);
    assert_eq!((status, fields), (422, Some(6)), "{refused}");
    let nobody = json!({ "name": "x", "account": "nobody@example.org" });
    assert_eq!(api.call("post", tokens, body(nobody)).await.0, 404);
    let another = body(json!({ "name": "unlimited" }));
    assert_eq!(api.call_as(&secret, "post", tokens, another).await.0, 403);

    let (_, accounts) = api.call("get", "/api/accounts", Call::default()).await;
    let user = &accounts["data"][1];
    assert_eq!(user["email"], "user@example.org");
    let of_user: &[(&str, &str)] = &[("id", user["id"].as_str().expect("an id"))];
    let sender = Call {
        path: of_user,
        ..body(json!({ "address": "billing@example.org" }))
    };
    let added = api.call("post", "/api/accounts/{id}/senders", sender).await;
    assert_eq!(added.0, 200);
    let send = "/api/messages/send-email";
    let mail =
        |from: &str| body(json!({ "from": from, "to": "desk@example.org", "text": "Hello" }));
    let sent = api.call_as(&secret, "post", send, mail("billing@EXAMPLE.org"));
    assert_eq!(sent.await.0, 202);
    let (status, refused) = api
        .call_as(&secret, "post", send, mail("ceo@example.org"))
        .await;
    assert_eq!((status, refused["errors"]["from"].is_string()), (422, true));
    let urgent =
        json!({ "from": "billing@example.org", "to": "desk@example.org", "priority": "high" });
    let (status, refused) = api.call_as(&secret, "post", send, body(urgent)).await;
    let text = refused["errors"]["priority"].as_str().unwrap_or_default();
    assert_eq!((status, text.contains("normal or bulk")), (422, true));
    let read = api.call_as(&secret, "get", "/api/messages", Call::default());
    assert_eq!(read.await.0, 403);

    let (status, listed) = api.call("get", tokens, Call::default()).await;
    let listed = listed["data"].as_array().expect("a list").clone();
    assert_eq!((status, listed.len()), (200, 4));
    let token = &listed[3];
    assert_eq!(token["any_sender"], false);
    assert_eq!(token["scopes"], json!(["send"]));
    assert_eq!(token["senders"], json!(["billing@example.org"]));
    assert_eq!(token["default_priority"], "bulk");
    assert_eq!(token["highest_priority"], "normal");
    let used = &token["limits"]["messages"][0];
    assert_eq!((&used["period"], &used["left"]), (&json!("day"), &json!(4)));
    assert!(token["expires"].is_string() && token["revoked"].is_null());
    let id = token["id"].as_str().expect("an id");
    let revoke = "/api/tokens/{id}";
    for status in [200, 404] {
        assert_eq!(
            api.call("delete", revoke, path(&[("id", id)])).await.0,
            status
        );
    }
    assert_eq!(
        api.call_as(&secret, "get", "/api/tokens", Call::default())
            .await
            .0,
        401
    );
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let another = body(json!({ "name": "another" }));
        statuses.push(api.call("post", tokens, another).await.0);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

/// A mistyped condition must not match everything.
#[tokio::test]
async fn unknown_parameters_and_members_are_refused_by_name() {
    let mut api = Api::open().await;
    let paths = api.document["paths"].as_object().cloned().expect("paths");
    for (path, methods) in &paths {
        for (method, operation) in methods.as_object().expect("methods") {
            if path == "/api/openapi.json" {
                continue;
            }
            let call = Call {
                query: "?adress=a",
                ..Call::default()
            };
            let (status, refused) = api.call(method, path, call).await;
            let named = refused["errors"]["adress"].is_string();
            assert_eq!((status, named), (422, true), "{method} {path}: {refused}");
            if !operation["requestBody"].is_object() || path == "/api/messages/send-email" {
                continue;
            }
            let (status, refused) = api.call(method, path, body(json!({ "x": 1 }))).await;
            let named = refused["errors"]["x"].is_string();
            assert_eq!((status, named), (422, true), "{method} {path}: {refused}");
        }
    }
    for query in [
        "?limit=-1",
        "?limit=0",
        "?address=a&address=b",
        "?since=2026-02-30",
    ] {
        for path in ["/api/messages", "/api/suppressions"] {
            let call = Call {
                query,
                ..Call::default()
            };
            assert_eq!(api.call("get", path, call).await.0, 422, "{path}{query}");
        }
    }
    let pause = json!({ "on": true, "x": 1 });
    let (status, _) = api.call("post", "/api/outbox/pause", body(pause)).await;
    let (_, overview) = api.call("get", "/api/outbox", Call::default()).await;
    assert_eq!((status, &overview["data"]["pause"]), (422, &Value::Null));
    let schemas = &api.document["components"]["schemas"];
    for name in ["ActRequest", "MessageQuery", "PauseRequest", "TokenRequest"] {
        assert_eq!(
            schemas[name]["additionalProperties"],
            json!(false),
            "{name}"
        );
    }
    assert!(schemas["OutboxOverview"]["additionalProperties"].is_null());
}

#[tokio::test]
async fn operations_require_the_documented_role() {
    let mut api = Api::open().await;
    let paths = api.document["paths"].as_object().cloned().expect("paths");
    let user = api.user.clone();
    for (path, methods) in &paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let open = operation["security"] == json!([{}]);
            let (status, _) = api.call_as("", method, path, Call::default()).await;
            assert_eq!(status == 401, !open, "{method} {path}: {status}");
            // Documented, whatever it is.
            api.call_as(&user, method, path, Call::default()).await;
            api.call_as("postern_wrong", method, path, Call::default())
                .await;
        }
    }
}

#[tokio::test]
async fn a_user_is_refused_before_the_body_is_read() {
    let mut api = Api::open().await;
    let user = api.user.clone();
    for operation in [
        "/api/accounts",
        "/api/relays",
        "/api/webhooks",
        "/api/setup/email_smtp",
        "/api/diagnosis",
        "/api/probe",
        "/api/outbox/pause",
        "/api/messages/act",
        "/api/suppressions/remove",
    ] {
        let malformed = || body(Value::String("no object".to_owned()));
        let refused = api.call_as(&user, "post", operation, malformed()).await.0;
        assert_eq!(refused, 403, "{operation}");
        let malformed = api.call("post", operation, malformed()).await.0;
        assert_eq!(malformed, 400, "{operation}");
    }
}
