//! Calls the operation on interfaces, for the contract tests.

use domain::interface::{InterfaceEncryption, InterfaceKind};
use serde_json::{Value, json};

use crate::rest::contract::test_api::{Api, Call};

/// Lists the interfaces, before and after submission is opened.
pub async fn interfaces(api: &mut Api) {
    const ALL: &str = "/api/interfaces";
    let user = api.user.clone();
    let refused = api.call_as(&user, "get", ALL, Call::default()).await.0;
    assert_eq!(refused, 403);
    let (status, listed) = api.call("get", ALL, Call::default()).await;
    assert_eq!(status, 200);
    let data = &listed["data"];
    assert_eq!(data["public_url"], "http://127.0.0.1:3000");
    let http = &data["open"][0];
    assert_eq!(
        (&http["kind"], &http["encryption"], &http["address"]),
        (&json!("http"), &json!("none"), &json!("127.0.0.1:3000"))
    );
    assert_eq!(http["last_used_by"], "admin@example.org", "by this request");
    assert!(http["last_used"].is_string());
    let submission = json!({ "kind": "submission", "opened_by": "--submission 127.0.0.1:2525" });
    assert_eq!(data["closed"][0], submission);
    assert_eq!(data["closed"].as_array().map(Vec::len), Some(4));

    let opened = api.postern.interfaces().open(
        InterfaceKind::Submission,
        "192.0.2.1:2525".to_owned(),
        InterfaceEncryption::None,
        false,
    );
    let (_, listed) = api.call("get", ALL, Call::default()).await;
    let submission = &listed["data"]["open"][1];
    assert_eq!(submission["exposed"], true, "{submission}");
    assert_eq!(submission["last_used"], Value::Null);
    drop(opened);
}
