//! Examples of bodies in the `OpenAPI` document, composed from those of their types and fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The time of fields without an example of their own.
const TIME: &str = "2026-11-20T05:13:30Z";

/// Adds an example to each type that is the body of a request or a response. A type that needs one and has none
/// stays without.
pub fn add(document: &mut Value) {
    let names: BTreeSet<String> = contents(document)
        .filter_map(|(_, content)| type_name(&content["schema"]))
        .map(str::to_owned)
        .collect();
    for name in names {
        let composed = compose(document, &document["components"]["schemas"][&name]);
        if let Ok(example) = composed {
            document["components"]["schemas"][&name]["example"] = example;
        }
    }
}

/// The bodies of all requests and responses by media type.
pub fn contents(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let operations = members(&document["paths"]).flat_map(|(_, methods)| members(methods));
    operations.flat_map(|(_, operation)| {
        let responses = members(&operation["responses"]).map(|(_, response)| response);
        responses
            .chain([&operation["requestBody"]])
            .flat_map(|body| members(&body["content"]))
    })
}

/// The example of a schema: its own, or one of its parts together. A nullable part without an example is null,
/// and a boolean is false.
///
/// # Errors
/// The first part that has no example and needs one.
pub fn compose(document: &Value, schema: &Value) -> Result<Value, String> {
    let own = schema
        .get("example")
        .or_else(|| schema["examples"].get(0))
        .or_else(|| schema["enum"].get(0));
    if let Some(example) = own {
        return Ok(example.clone());
    }
    if let Some(name) = type_name(schema) {
        return compose(document, &document["components"]["schemas"][name])
            .map_err(|fault| format!("{name}: {fault}"));
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let first = alternatives.iter().find(|one| one["type"] != "null");
        let composed = compose(document, first.unwrap_or(&Value::Null));
        let nullable = alternatives.iter().any(|one| one["type"] == "null");
        return composed.or_else(|fault| null_if(nullable, fault));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut together = Map::new();
        for part in parts {
            if let Value::Object(part) = compose(document, part)? {
                together.extend(part);
            }
        }
        return Ok(together.into());
    }
    of_type(document, schema)
}

fn of_type(document: &Value, schema: &Value) -> Result<Value, String> {
    let is = |name: &str| match &schema["type"] {
        Value::Array(types) => types.iter().any(|one| one == name),
        one => one == name,
    };
    if is("object") && !schema["additionalProperties"].is_object() {
        let mut object = Map::new();
        for (name, part) in members(&schema["properties"]) {
            let example = compose(document, part).map_err(|fault| format!("{name}: {fault}"))?;
            object.insert(name.to_owned(), example);
        }
        return Ok(object.into());
    }
    if is("array") {
        let item = compose(document, &schema["items"]);
        return item
            .map(|item| Value::Array(vec![item]))
            .or_else(|fault| null_if(is("null"), fault));
    }
    if is("boolean") && !is("null") {
        return Ok(Value::Bool(false));
    }
    if schema["format"] == "date-time" && !is("null") {
        return Ok(TIME.into());
    }
    null_if(is("null"), "it has no example".to_owned())
}

fn null_if(nullable: bool, fault: String) -> Result<Value, String> {
    match nullable {
        true => Ok(Value::Null),
        false => Err(fault),
    }
}

/// The name of the type that a schema refers to.
pub fn type_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, member)| (name.as_str(), member))
}
