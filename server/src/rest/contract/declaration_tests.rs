//! Tests of the `OpenAPI` document against what every operation answers and reads.

use app::audit::EXPORT_FILE;
use app::figures::FIGURES_FILE;

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
