//! Calls the operations on the audit log, for the contract tests.

use serde_json::json;

use crate::rest::contract::test_api::{Api, Call};

const LIST: &str = "/api/audit";
const EXPORT: &str = "/api/audit/export";

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
    for query in ["?format=csv", "?format=lines&object=account"] {
        let (status, _) = api.call("get", EXPORT, with(query)).await;
        assert_eq!(status, 200, "{query}");
    }
    for (operation, query, field) in [
        (LIST, "?object=thing", "object"),
        (LIST, "?action=nothing", "action"),
        (LIST, "?outcome=maybe", "outcome"),
        (LIST, "?since=soon", "since"),
        (LIST, "?before=x", "before"),
        (LIST, "?format=csv", "format"),
        (EXPORT, "?format=json", "format"),
        (EXPORT, "?before=1.01JD0000000000000000000000", "before"),
        (EXPORT, "?action=nothing", "action"),
    ] {
        let (status, refused) = api.call("get", operation, with(query)).await;
        let named = refused["errors"][field].is_string();
        assert_eq!((status, named), (422, true), "{query}: {refused}");
    }
    let exported = "?action=export+audit";
    let (_, read) = api.call("get", LIST, with(exported)).await;
    let rows = read["data"].as_array().expect("rows");
    let done = rows.iter().filter(|row| row["outcome"] == "done").count();
    assert_eq!(done, 2, "{read}");
    let by_object = |row: &serde_json::Value| row["detail"] == "rows by object account";
    assert!(rows.iter().any(by_object), "{read}");
    let user = api.user.clone();
    for operation in [LIST, EXPORT] {
        let (status, _) = api.call_as(&user, "get", operation, with("")).await;
        assert_eq!(status, 403, "{operation}");
    }
}
