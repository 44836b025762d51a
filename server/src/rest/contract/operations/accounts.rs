//! Calls the operations on accounts, for the contract tests.

use serde_json::{Value, json};

use crate::rest::contract::test_api::{Api, Call, body, path};

/// Sets and reads limits of an account and of a token, and sends mail up to them.
pub async fn limits(api: &mut Api) {
    let (one, send) = ("/api/accounts/{id}/limits", "/api/messages/send-email");
    let (_, listed) = api.call("get", "/api/accounts", Call::default()).await;
    let listed = listed["data"].as_array().expect("a list").clone();
    let user = listed.iter().find(|one| one["email"] == "user@example.org");
    let user = user.expect("the user")["id"].as_str().expect("an id");
    let user: &[(&str, &str)] = &[("id", user)];
    let with = |path, body: Value| Call {
        path,
        ..self::body(body)
    };
    let secret = api.user.clone();
    let mail = |to: Value| body(json!({ "from": "user@example.org", "to": to, "text": "Hello" }));
    let sent = api.call_as(&secret, "post", send, mail(json!("desk@example.org")));
    assert_eq!(sent.await.0, 202);
    let (status, read) = api.call("get", one, path(user)).await;
    assert_eq!((status, &read["data"]["messages"]), (200, &json!([])));
    let two = json!({ "max_per_day": 2, "max_recipients": 1 });
    let (status, set) = api.call("put", one, with(user, two.clone())).await;
    let used = &set["data"]["messages"][0];
    assert_eq!((status, &used["left"]), (200, &json!(2)), "{set}");
    assert!(used["next_at"].is_null() && used["resets_at"].is_null());
    let wrong = json!({ "max_per_day": 0, "max_per_hour": "x", "max_recipients": 101 });
    let (status, refused) = api.call("put", one, with(user, wrong)).await;
    let fields = refused["errors"].as_object().map(serde_json::Map::len);
    assert_eq!((status, fields), (422, Some(1)), "a type first: {refused}");
    let nobody: &[(&str, &str)] = &[("id", "nobody")];
    for limits in [one, "/api/tokens/{id}/limits"] {
        let unknown = api.call("put", limits, with(nobody, two.clone())).await;
        assert_eq!(unknown.0, 404, "{limits}");
        let theirs = with(user, two.clone());
        let refused = api.call_as(&secret, "put", limits, theirs).await;
        assert_eq!(refused.0, 403, "{limits}");
    }

    let many = mail(json!(["desk@example.org", "b@example.org"]));
    let (status, refused) = api.call_as(&secret, "post", send, many).await;
    assert_eq!((status, refused["errors"]["to"].is_string()), (422, true));
    for status in [202, 202, 429] {
        let sent = api.call_as(&secret, "post", send, mail(json!("desk@example.org")));
        let (found, answer) = sent.await;
        assert_eq!(found, status, "{answer}");
        let text = answer["errors"]["request"].as_str().unwrap_or_default();
        assert_eq!(text.contains("2 messages a day"), status == 429, "{answer}");
    }
    let (_, own) = api
        .call_as(&secret, "get", "/api/limits", Call::default())
        .await;
    let used = &own["data"]["account"]["messages"][0];
    assert_eq!((&used["limit"], &used["left"]), (&json!(2), &json!(0)));
    assert!(used["next_at"].is_string() && used["resets_at"].is_string());
    assert_eq!(own["data"]["token"]["messages"], json!([]));
    let removed = api.call("put", one, with(user, json!({}))).await;
    assert_eq!(removed.1["data"]["messages"], json!([]));

    let (_, tokens) = api.call("get", "/api/tokens", Call::default()).await;
    let tokens = tokens["data"].as_array().expect("a list").clone();
    let token = tokens
        .iter()
        .find(|one| one["account"] == "user@example.org");
    let token = token.expect("the user's")["id"].as_str().expect("an id");
    let token: &[(&str, &str)] = &[("id", token)];
    let limits = "/api/tokens/{id}/limits";
    for body in [json!({ "max_per_hour": 100_000 }), json!({})] {
        let set = api.call("put", limits, with(token, body)).await;
        assert_eq!(set.0, 200, "{}", set.1);
    }
}

/// Asks for sessions with a token, which they are not for.
pub async fn sessions(api: &mut Api) {
    let (all, one, of_account) = (
        "/api/sessions",
        "/api/sessions/{id}",
        "/api/accounts/{id}/sessions",
    );
    let id: &[(&str, &str)] = &[("id", "none")];
    for (method, operation, call) in [
        ("get", all, Call::default()),
        ("delete", one, path(id)),
        ("delete", of_account, path(id)),
    ] {
        let (status, refused) = api.call(method, operation, call).await;
        let text = refused["errors"]["request"].as_str().unwrap_or_default();
        assert_eq!((status, text.contains("not for tokens")), (403, true));
        // They succeed for a session: server/src/http/forms/session_list_tests.rs.
        api.seen.insert(format!("{method} {operation}"));
    }
}

/// Creates, changes and deletes accounts, with the responses of each refusal.
pub async fn accounts(api: &mut Api) {
    let (all, one) = ("/api/accounts", "/api/accounts/{id}");
    let (status, listed) = api.call("get", all, Call::default()).await;
    let listed = listed["data"].as_array().expect("a list").clone();
    assert_eq!((status, listed.len()), (200, 2));
    let admin = listed[0]["id"].as_str().expect("an id");
    let admin: &[(&str, &str)] = &[("id", admin)];
    let new = json!({ "email": "Jonas@example.org", "role": "user" });
    let (status, created) = api.call("post", all, body(new.clone())).await;
    assert_eq!(status, 200);
    let data = &created["data"];
    assert_eq!(data["account"]["state"], "invited");
    assert_eq!(data["account"]["email"], "jonas@example.org");
    assert_eq!(data["mailed"], false, "no process delivers");
    assert!(data["link"].is_string() && data["reason"].is_string());
    assert_eq!(api.call("post", all, body(new)).await.0, 409);
    for (wrong, field) in [
        (json!({ "role": "user" }), "email"),
        (json!({ "email": "a@example.org" }), "role"),
        (json!({ "email": "a@example.org", "role": "owner" }), "role"),
        (json!({ "email": "nobody", "role": "user" }), "email"),
    ] {
        let (status, refused) = api.call("post", all, body(wrong)).await;
        assert_eq!((status, refused["errors"][field].is_string()), (422, true));
    }
    // Passwords are not for tokens.
    let password =
        json!({ "email": "a@example.org", "role": "user", "password": "long enough it is" });
    assert_eq!(api.call("post", all, body(password)).await.0, 403);

    let id = data["account"]["id"].as_str().expect("an id");
    let id: &[(&str, &str)] = &[("id", id)];
    let with = |path, body: Value| Call {
        path,
        ..self::body(body)
    };
    let change = json!({ "role": "admin", "disabled": true });
    let (status, changed) = api.call("patch", one, with(id, change)).await;
    assert_eq!(
        (status, &changed["data"]["state"]),
        (200, &json!("disabled"))
    );
    let (status, read) = api.call("get", one, path(id)).await;
    assert_eq!((status, &read["data"]["role"]), (200, &json!("admin")));
    let wrong = json!({ "role": 1, "disabled": "yes" });
    let (status, refused) = api.call("patch", one, with(id, wrong)).await;
    let fields = refused["errors"].as_object().map(serde_json::Map::len);
    assert_eq!((status, fields), (422, Some(2)), "{refused}");
    // The last administrator who can sign in.
    let demote = json!({ "role": "user" });
    assert_eq!(api.call("patch", one, with(admin, demote)).await.0, 409);
    assert_eq!(api.call("delete", one, path(admin)).await.0, 409);
    for status in [200, 404] {
        assert_eq!(api.call("delete", one, path(id)).await.0, status);
    }
    assert_eq!(api.call("get", one, path(id)).await.0, 404);
    assert_eq!(api.call("patch", one, with(id, json!({}))).await.0, 404);
}
