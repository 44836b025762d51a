//! Calls the operation on the audit log, for the contract tests.

use serde_json::json;

use super::test_api::{Api, Call};

const LIST: &str = "/api/audit";

fn with(query: &str) -> Call<'_> {
    Call {
        query,
        ..Call::default()
    }
}

/// Reads pages and files of the audit log.
pub async fn audit(api: &mut Api) {
    let (status, read) = api.call("get", LIST, with("?action=create+account")).await;
    let rows = read["data"].as_array().expect("rows");
    assert_eq!((status, rows.is_empty()), (200, false));
    for row in rows {
        assert_eq!(row["action"], "create account");
        assert_eq!(row["node"], "localhost");
        assert_eq!(row["hash"].as_str().map(str::len), Some(64));
    }
    for query in [
        "?actor=UID",
        "?object=account&outcome=done&origin=this&detail=ADMIN%40&since=2001-01-01",
    ] {
        let (status, read) = api.call("get", LIST, with(query)).await;
        let found = read["data"].as_array().map(|rows| !rows.is_empty());
        assert_eq!((status, found), (200, Some(true)), "{query}");
    }
    for query in [
        "?until=2001-01-01",
        "?actor=nobody",
        "?object=suppression&outcome=refused&actor=nobody",
    ] {
        let (status, read) = api.call("get", LIST, with(query)).await;
        assert_eq!((status, &read["data"]), (200, &json!([])), "{query}");
    }
    for query in [
        "?format=csv",
        "?format=lines&object=account",
        "?format=json",
    ] {
        assert_eq!(api.call("get", LIST, with(query)).await.0, 200, "{query}");
    }
    for (query, field) in [
        ("?object=thing", "object"),
        ("?action=nothing", "action"),
        ("?outcome=maybe", "outcome"),
        ("?since=soon", "since"),
        ("?before=x", "before"),
        ("?format=xml", "format"),
        ("?format=csv&before=1.01JD0000000000000000000000", "before"),
    ] {
        let (status, refused) = api.call("get", LIST, with(query)).await;
        let named = refused["errors"][field].is_string();
        assert_eq!((status, named), (422, true), "{query}: {refused}");
    }
    let exported = "?action=export+audit";
    let (_, read) = api.call("get", LIST, with(exported)).await;
    assert_eq!(read["data"].as_array().map(Vec::len), Some(2), "{read}");
    let rows = read["data"].as_array().expect("rows");
    let by_object = |row: &serde_json::Value| row["detail"] == "rows by object account";
    assert!(rows.iter().any(by_object), "{read}");
    let user = api.user.clone();
    for query in ["", "?format=csv"] {
        let (status, _) = api.call_as(&user, "get", LIST, with(query)).await;
        assert_eq!(status, 403, "{query}");
    }
}
