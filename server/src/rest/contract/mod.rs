//! Tests of the REST interface as its clients see it, against the `OpenAPI` document.

mod configuration;
mod declaration_tests;
mod document_examples;
mod document_limits;
mod document_tests;
mod open_tracking_tests;
mod operations;
mod schema;
mod smtp_client_tests;
mod test_api;
