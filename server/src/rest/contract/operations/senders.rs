//! Calls the operations on sender addresses, for the contract tests.

use serde_json::{Value, json};

use crate::rest::contract::test_api::{Api, Call, body, path};

/// Adds and removes sender addresses, with the responses of each refusal.
pub async fn senders(api: &mut Api) {
    own_senders(api).await;
    senders_of_an_account(api).await;
    any_sender(api).await;
}

async fn own_senders(api: &mut Api) {
    let (all, one) = ("/api/senders", "/api/senders/{id}");
    let user = api.user.clone();
    let (status, listed) = api.call_as(&user, "get", all, Call::default()).await;
    assert_eq!(status, 200);
    assert_eq!(listed["data"][0]["address"], "user@example.org");
    assert_eq!(listed["data"][0]["state"], "own");
    assert_eq!(listed["data"][0]["id"], Value::Null);
    let new = || body(json!({ "address": "team@example.org" }));
    // It has no scope for that.
    assert_eq!(api.call_as(&user, "post", all, new()).await.0, 403);
    for (wrong, status) in [
        (json!({}), 422),
        (json!({ "address": "nobody@" }), 422),
        (json!({ "address": "example.org" }), 422),
        (json!({ "address": "Admin@example.org" }), 409),
    ] {
        let (answered, refused) = api.call("post", all, body(wrong)).await;
        let named = refused["errors"]["address"].is_string();
        assert_eq!((answered, named), (status, true), "{refused}");
    }
    // No process delivers here: it succeeds in the stories.
    assert_eq!(api.call("post", all, new()).await.0, 503);
    api.seen.insert(format!("post {all}"));
    assert_eq!(api.call("delete", one, path(&[("id", "1")])).await.0, 404);
}

async fn senders_of_an_account(api: &mut Api) {
    let all = "/api/accounts/{id}/senders";
    let one = "/api/accounts/{id}/senders/{sender}";
    let (_, accounts) = api.call("get", "/api/accounts", Call::default()).await;
    let ids: Vec<&str> = ["admin@example.org", "user@example.org"]
        .map(|email| {
            let accounts = accounts["data"].as_array().expect("a list").iter();
            let mut found = accounts.filter(|account| account["email"] == email);
            found
                .next()
                .and_then(|account| account["id"].as_str())
                .expect("an id")
        })
        .into();
    let id: &[(&str, &str)] = &[("id", ids[1])];
    let add = |address: &str| Call {
        path: id,
        ..body(json!({ "address": address }))
    };
    let send = "/api/messages/send-email";
    let mail = |from: &str| body(json!({ "from": from, "to": "desk@example.org", "text": "Hi" }));
    let user = api.user.clone();
    let (status, refused) = api
        .call_as(&user, "post", send, mail("team@example.net"))
        .await;
    let text = refused["errors"]["from"].as_str().unwrap_or_default();
    assert_eq!(status, 422);
    assert!(
        text.contains("user@example.org") && text.contains("/senders"),
        "{text}"
    );

    let (status, added) = api.call("post", all, add("example.net")).await;
    assert_eq!((status, &added["data"]["domain"]), (200, &json!(true)));
    assert_eq!(added["data"]["state"], "administrator");
    assert_eq!(added["data"]["added_by"], "admin@example.org");
    assert_eq!(api.call("post", all, add("@Example.NET")).await.0, 409);
    assert_eq!(api.call("post", all, add("nobody@")).await.0, 422);
    assert_eq!(
        api.call_as(&user, "post", all, add("example.com")).await.0,
        403
    );
    let sent = api.call_as(&user, "post", send, mail("team@example.net"));
    assert_eq!(sent.await.0, 202);
    let (_, listed) = api
        .call_as(&user, "get", "/api/senders", Call::default())
        .await;
    assert_eq!(listed["data"][1]["added_by"], "an administrator");

    let (status, listed) = api.call("get", all, path(id)).await;
    let listed = listed["data"].as_array().expect("a list").clone();
    assert_eq!((status, listed.len()), (200, 2));
    let sender = listed[1]["id"].as_str().expect("an id");
    // It is another account's.
    let others: &[(&str, &str)] = &[("id", ids[0]), ("sender", sender)];
    assert_eq!(api.call("delete", one, path(others)).await.0, 404);
    assert_eq!(
        api.call("delete", "/api/senders/{id}", path(&[("id", sender)]))
            .await
            .0,
        404
    );
    let theirs: &[(&str, &str)] = &[("id", ids[1]), ("sender", sender)];
    for status in [200, 404] {
        assert_eq!(api.call("delete", one, path(theirs)).await.0, status);
    }
    let refused = api.call_as(&user, "post", send, mail("team@example.net"));
    assert_eq!(refused.await.0, 422);
    let nobody: &[(&str, &str)] = &[("id", "1")];
    assert_eq!(api.call("get", all, path(nobody)).await.0, 404);

    // What an account removes itself.
    let own: &[(&str, &str)] = &[("id", ids[0])];
    let added = Call {
        path: own,
        ..body(json!({ "address": "ops@example.org" }))
    };
    let (_, added) = api.call("post", all, added).await;
    let sender = added["data"]["id"].as_str().expect("an id");
    let removed: &[(&str, &str)] = &[("id", sender)];
    let (status, _) = api.call("delete", "/api/senders/{id}", path(removed)).await;
    assert_eq!(status, 200);
}

/// A token that sends from any address is an administrator's.
async fn any_sender(api: &mut Api) {
    let tokens = "/api/tokens";
    let new = |account: &str| {
        body(json!({ "name": "any", "account": account, "any_sender": true, "scopes": ["send"] }))
    };
    let (status, refused) = api.call("post", tokens, new("user@example.org")).await;
    let named = refused["errors"]["any_sender"].is_string();
    assert_eq!((status, named), (422, true), "{refused}");
    let (status, created) = api.call("post", tokens, new("admin@example.org")).await;
    assert_eq!(status, 200);
    let secret = created["data"]["token"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let mail = body(json!({ "from": "any@example.com", "to": "desk@example.org", "text": "Hi" }));
    let sent = api.call_as(&secret, "post", "/api/messages/send-email", mail);
    assert_eq!(sent.await.0, 202);
    let (_, listed) = api.call("get", tokens, Call::default()).await;
    let listed = listed["data"].as_array().expect("a list");
    let any = listed.iter().find(|token| token["name"] == "any");
    assert_eq!(any.expect("listed")["any_sender"], true);
}
