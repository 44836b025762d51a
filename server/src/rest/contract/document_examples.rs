//! Every JSON body in the `OpenAPI` document has an example, and each example matches its schema.

use super::schema::check;
use crate::rest::examples::{compose, contents, type_name};
use crate::rest::openapi;

#[test]
fn every_json_body_has_an_example_that_matches_its_schema() {
    let _ = crate::rest::router();
    let document = openapi::published();
    let schemas = &document["components"]["schemas"];
    let mut examples = 0;
    for (media_type, content) in contents(document) {
        if !media_type.ends_with("json") {
            continue;
        }
        let schema = &content["schema"];
        let of_type = type_name(schema).map(|name| &schemas[name]["example"]);
        let example = of_type.unwrap_or(&content["example"]);
        let composed = compose(document, schema);
        assert!(!example.is_null(), "{schema}: {composed:?}");
        if let Err(fault) = check(document, schema, example) {
            panic!("the example of {schema}: {fault} in {example}");
        }
        examples += 1;
    }
    assert!(examples > 100, "{examples}");
}
