//! Calls the operations on accounts, for the contract tests.

use serde_json::{Value, json};

use super::test_api::{Api, Call, body, path};

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
