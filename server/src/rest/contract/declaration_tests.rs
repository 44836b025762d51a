//! Tests of the `OpenAPI` document against what every operation answers and reads.

use std::collections::{BTreeMap, BTreeSet};

use app::audit::EXPORT_FILE;
use app::figures::FIGURES_FILE;
use domain::audit::{AuditPosition, AuditSearch};
use domain::figures::FigureParams;
use domain::outbox::{MessagePosition, Search, SuppressionSearch};
use serde_json::Value;
use utoipa::IntoParams;

use super::test_api::{Api, Call};
use crate::rest::audit::AuditFile;
use crate::rest::figures::FigureFormat;
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

/// The names of the parameters that a type decodes.
fn names<T: IntoParams>() -> Vec<String> {
    let parameters = T::into_params(|| None).into_iter();
    parameters.map(|parameter| parameter.name).collect()
}

/// The parameters that operations read, by path: those of the types that they decode.
fn read_parameters() -> BTreeMap<String, BTreeSet<String>> {
    let audit = names::<AuditSearch>;
    let read = [
        (
            "/api/messages",
            [names::<Search>(), names::<MessagePosition>()].concat(),
        ),
        ("/api/audit", [audit(), names::<AuditPosition>()].concat()),
        (EXPORT_FILE, [audit(), names::<AuditFile>()].concat()),
        (
            FIGURES_FILE,
            [names::<FigureParams>(), names::<FigureFormat>()].concat(),
        ),
        ("/api/suppressions", names::<SuppressionSearch>()),
    ];
    let mut parameters = BTreeMap::new();
    for (path, names) in read {
        parameters.insert(path.to_owned(), names.into_iter().collect());
    }
    parameters
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
