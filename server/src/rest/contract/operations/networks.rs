//! Calls the operations on the networks of administrators, for the contract tests.

use serde_json::json;

use crate::rest::contract::test_api::{Api, Call, body};

/// Sets networks with and without the address of the tests, and removes them.
pub async fn networks(api: &mut Api) {
    let path = "/api/policy/networks";
    let (status, none) = api.call("get", path, Call::default()).await;
    assert_eq!((status, &none["data"]["networks"]), (200, &json!([])));
    for (wrong, field) in [
        (json!({}), "networks"),
        (json!({ "networks": "127.0.0.1" }), "networks"),
        (json!({ "networks": ["office"] }), "networks"),
        (json!({ "networks": null }), "networks"),
        (json!({ "networks": ["192.0.2.0/24"] }), "confirm_lockout"),
        (
            json!({ "networks": ["192.0.2.0/24"], "confirm_lockout": false }),
            "confirm_lockout",
        ),
        (
            json!({ "networks": [], "confirm_lockout": 1 }),
            "confirm_lockout",
        ),
    ] {
        let (status, refused) = api.call("put", path, body(wrong)).await;
        let named = refused["errors"][field].is_string();
        assert_eq!((status, named), (422, true), "{refused}");
    }
    let own = json!({ "networks": ["192.0.2.7/24", "127.0.0.1"] });
    let (status, set) = api.call("put", path, body(own)).await;
    let expected = json!(["127.0.0.1", "192.0.2.0/24"]);
    assert_eq!((status, &set["data"]["networks"]), (200, &expected));
    let (status, read) = api.call("get", path, Call::default()).await;
    assert_eq!((status, &read["data"]["networks"]), (200, &expected));
    let everywhere = api.call("put", path, body(json!({ "networks": [] })));
    let (status, set) = everywhere.await;
    assert_eq!((status, &set["data"]["networks"]), (200, &json!([])));
}
