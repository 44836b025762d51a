//! Tests of the `OpenAPI` document against what every operation answers and reads.

use std::collections::{BTreeMap, BTreeSet};

use app::audit::EXPORT_FILE;
use app::figures::FIGURES_FILE;
use domain::Timestamp;
use domain::audit::{AuditObject, AuditOutcome, AuditSearch};
use domain::figures::{FigureQuery, FigureStep, FigureSubject};
use domain::outbox::{RecipientState, Search, SuppressionSearch};
use serde_json::Value;

use super::test_api::{Api, Call};
use crate::rest::openapi;

#[tokio::test]
async fn every_operation_documents_the_refusal_of_a_host() {
    let mut api = Api::open().await;
    let paths = api.document["paths"].as_object().cloned().expect("paths");
    for (path, methods) in &paths {
        for method in methods.as_object().expect("methods").keys() {
            for (headers, expected) in [
                (&[("host", "evil.example")][..], 421),
                (&[("host", "127.0.0.1:3000"), ("host", "evil.example")], 400),
            ] {
                let call = Call {
                    headers,
                    ..Call::default()
                };
                let (status, _) = api.call_as("", method, path, call).await;
                assert_eq!(status, expected, "{method} {path}");
            }
        }
    }
}

#[test]
fn files_of_pages_are_documented_operations() {
    let _ = crate::rest::router();
    let paths = &openapi::published()["paths"];
    for file in [EXPORT_FILE, FIGURES_FILE] {
        assert!(paths[file]["get"].is_object(), "{file}");
    }
}

/// The names in the query of a search, and those that its operation reads beside it.
fn names(pairs: &[(&'static str, String)], others: &[&'static str]) -> BTreeSet<String> {
    let names = pairs.iter().map(|(name, _)| *name);
    names
        .chain(others.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// The parameters that operations read, by path. Each search has every criterion, and the query that it
/// makes of them is the one that it is read from.
fn read_parameters() -> BTreeMap<String, BTreeSet<String>> {
    let at = Timestamp(1_795_151_610_000);
    let text = || "a".to_owned();
    let messages = Search {
        address: text(),
        subject: text(),
        id: text(),
        state: Some(RecipientState::Failed),
        since: Some(at),
        until: Some(at),
    };
    let audit = AuditSearch {
        actor: text(),
        action: text(),
        object: Some(AuditObject::Account),
        outcome: Some(AuditOutcome::Done),
        detail: text(),
        origin: text(),
        since: Some(at),
        until: Some(at),
    };
    let figures = FigureQuery {
        subject: FigureSubject::Token(text()),
        step: FigureStep::Hour,
        from: at,
        until: at,
    };
    let suppressions = SuppressionSearch {
        address: text(),
        reply: text(),
        since: Some(at),
    };
    let read = [
        ("/api/messages", names(&messages.pairs(), &["before"])),
        ("/api/audit", names(&audit.pairs(), &["before"])),
        (EXPORT_FILE, names(&audit.pairs(), &["format"])),
        (FIGURES_FILE, names(&figures.pairs(), &["format"])),
        ("/api/suppressions", names(&suppressions.pairs(), &[])),
    ];
    read.map(|(path, names)| (path.to_owned(), names)).into()
}

/// The parameters in the query of an operation of the document.
fn documented_parameters(operation: &Value) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let names = parameters
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().expect("a name").to_owned());
    names.collect()
}

#[tokio::test]
async fn the_documented_parameters_are_those_that_are_read() {
    let mut api = Api::open().await;
    let paths = api.document["paths"].as_object().cloned().expect("paths");
    let mut documented = BTreeMap::new();
    for (path, methods) in &paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let names = documented_parameters(operation);
            if names.is_empty() {
                continue;
            }
            // A name that is not read would be refused; an empty value matches everything.
            let pairs: Vec<String> = names.iter().map(|name| format!("{name}=")).collect();
            let query = format!("?{}", pairs.join("&"));
            let call = Call {
                query: &query,
                ..Call::default()
            };
            let (status, refused) = api.call(method, path, call).await;
            assert_eq!(status, 200, "{method} {path}{query}: {refused}");
            documented.insert(path.clone(), names);
        }
    }
    assert_eq!(documented, read_parameters());
}
