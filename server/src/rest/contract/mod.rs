//! Tests of the REST interface as its clients see it, against the `OpenAPI` document.

mod configuration;
mod contract_tests;
mod document_examples;
mod open_tracking_tests;
mod operations;
mod schema;
mod smtp_client_tests;
mod test_api;
