//! Calls the operations on keys, for the contract tests.

use std::time::Duration;

use serde_json::json;

use crate::rest::contract::test_api::{Api, Call, path};

const ALL: &str = "/api/keys";
const BROWSER: &str = "/api/keys/browser";
const ONE: &str = "/api/keys/{id}";

/// Rotates both keys, and retires the one that stored secrets had.
pub async fn keys(api: &mut Api) {
    let user = api.user.clone();
    for (method, url) in [("get", ALL), ("post", ALL), ("post", BROWSER)] {
        let refused = api.call_as(&user, method, url, Call::default()).await.0;
        assert_eq!(refused, 403, "{method} {url}");
    }
    let (status, listed) = api.call("get", ALL, Call::default()).await;
    assert_eq!(status, 200);
    let first = &listed["data"]["sealing"][0];
    assert_eq!(first["state"], "active");
    let id = first["id"].as_str().expect("an id").to_owned();
    let ids: &[(&str, &str)] = &[("id", id.as_str())];
    assert_eq!(api.call("delete", ONE, path(ids)).await.0, 409, "it seals");
    let unknown = path(&[("id", "01JD0000000000000000000000")]);
    assert_eq!(api.call("delete", ONE, unknown).await.0, 404);

    let (status, published) = api.call("post", BROWSER, Call::default()).await;
    let newest = &published["data"]["browser"][0];
    assert_eq!((status, &newest["published"]), (200, &json!(true)));
    let (status, rotated) = api.call("post", ALL, Call::default()).await;
    assert_eq!(status, 200);
    let states = [0_usize, 1].map(|at| &rotated["data"]["sealing"][at]["state"]);
    assert_eq!(states, [&json!("active"), &json!("old")]);
    assert_ne!(rotated["data"]["to_seal_anew"], json!(0));
    api.clock.advance(Duration::from_secs(15));
    let (status, refused) = api.call("delete", ONE, path(ids)).await;
    assert_eq!(status, 409, "{refused}");

    let keys = api.postern.sealing_keys().clone();
    while keys.maintain().await.expect("maintains") {}
    let (status, left) = api.call("delete", ONE, path(ids)).await;
    assert_eq!(status, 200, "{left}");
    assert_eq!(left["data"]["to_seal_anew"], json!(0));
    assert_eq!(left["data"]["sealing"].as_array().map(Vec::len), Some(1));
}
