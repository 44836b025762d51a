//! Checks a JSON value against a schema of the `OpenAPI` document, as far as the document uses it.

use serde_json::Value;

/// # Errors
/// The first place where the value violates the schema.
pub fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    check_part(document, schema, value, true)
}

/// A part of `allOf` lacks the members of the other parts: only a whole schema is `strict`.
fn check_part(document: &Value, schema: &Value, value: &Value, strict: bool) -> Result<(), String> {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let schema = &document["components"]["schemas"][name];
        if schema.is_null() {
            return Err(format!("{path} is not in the document"));
        }
        return check_part(document, schema, value, strict)
            .map_err(|fault| format!("{name}: {fault}"));
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let results = alternatives
            .iter()
            .map(|schema| check_part(document, schema, value, strict));
        let faults: Vec<String> = results.filter_map(Result::err).collect();
        let matched = alternatives.len() - faults.len();
        if matched == 0 {
            return Err(format!("none of: {}", faults.join("; ")));
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check_part(document, part, value, false)?;
    }
    if !allows(&schema["type"], value) {
        return Err(format!("{value} is not of type {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{value} is not one of {allowed:?}"));
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item)?;
    }
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        let name = required.as_str().unwrap_or_default();
        if !members.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    let properties = &schema["properties"];
    for (name, member) in members {
        let known = &properties[name];
        let schema = if known.is_null() {
            &schema["additionalProperties"]
        } else {
            known
        };
        let closed = strict && schema.is_null() && !properties.is_null();
        if closed || *schema == false {
            return Err(format!("{name} is not documented"));
        }
        check(document, schema, member).map_err(|fault| format!("{name}: {fault}"))?;
    }
    Ok(())
}

fn allows(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}
