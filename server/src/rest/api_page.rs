//! The page `/api`: the `OpenAPI` document for people, rendered once, without any script.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Response};
use leptos::prelude::*;
use serde_json::Value;

use super::openapi;
use crate::assets;

/// `GET /api`
pub async fn page() -> Response {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let owner = Owner::new();
        owner.with(|| render(openapi::published()))
    });
    let policy = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(PAGE.as_str())).into_response()
}

fn render(document: &Value) -> String {
    let tags = array(&document["tags"]);
    let contents = tags.iter().map(|tag| {
        let name = text(&tag["name"]).to_owned();
        view! { <li><a href=format!("#{name}")>{name.clone()}</a></li> }
    });
    let sections = tags.iter().map(|tag| section(document, tag));
    let types =
        object(&document["components"]["schemas"]).map(|(name, schema)| type_card(name, schema));
    let html = view! {
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <title>"API · Postern"</title>
                {assets::path("icon.svg").map(|href| view! { <link rel="icon" href=href type="image/svg+xml" /> })}
                {assets::path("main.css").map(|href| view! { <link rel="stylesheet" href=href /> })}
            </head>
            <body>
                <main class="api">
                    <header>
                        <h1>"Postern’s API"</h1>
                        <p>{prose(text(&document["info"]["description"]))}</p>
                        <p>
                            "Send " <code>"Authorization: Bearer postern_…"</code> " with a token from "
                            <code>"postern token create"</code> ". The same as a document: "
                            <a href="/api/openapi.json">"OpenAPI 3.1"</a> ". "
                            <a href="/">"To the console"</a>
                        </p>
                        <nav aria-label="Contents">
                            <ul class="api-contents">
                                {contents.collect_view()}
                                <li><a href="#types">"Types"</a></li>
                            </ul>
                        </nav>
                    </header>
                    {sections.collect_view()}
                    <section id="types">
                        <h2>"Types"</h2>
                        {types.collect_view()}
                    </section>
                </main>
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", html.to_html())
}

fn section(document: &Value, tag: &Value) -> impl IntoView + use<> {
    let name = text(&tag["name"]).to_owned();
    let title = name.clone();
    let description = text(&tag["description"]).to_owned();
    let operations: Vec<_> = object(&document["paths"])
        .flat_map(|(path, methods)| {
            object(methods).map(move |(method, operation)| (path, method, operation))
        })
        .filter(|(_, _, operation)| {
            array(&operation["tags"])
                .iter()
                .any(|tag| tag == name.as_str())
        })
        .map(|(path, method, operation)| operation_card(document, path, method, operation))
        .collect();
    view! {
        <section id=name>
            <h2>{title}</h2>
            <p>{description}</p>
            {operations}
        </section>
    }
}

fn operation_card(document: &Value, path: &str, method: &str, operation: &Value) -> AnyView {
    let open = array(&operation["security"])
        .iter()
        .any(|scheme| object(scheme).next().is_none());
    let parameters: Vec<_> = array(&operation["parameters"])
        .iter()
        .map(|parameter| {
            let kind = format!(
                "{} ({})",
                type_of(&parameter["schema"]),
                text(&parameter["in"])
            );
            let required = parameter["required"] == true;
            field_row(
                text(&parameter["name"]),
                &kind,
                required,
                text(&parameter["description"]),
            )
        })
        .collect();
    let body = object(&operation["requestBody"]["content"])
        .next()
        .map(|(media_type, content)| body_view(document, media_type, content));
    let answers: Vec<_> = object(&operation["responses"])
        .map(|(status, answer)| answer_row(document, status, answer))
        .collect();
    view! {
        <article class="card api-operation">
            <h3>
                <code>
                    <span class="api-method">{method.to_uppercase()}</span>
                    " "
                    {path.to_owned()}
                </code>
            </h3>
            <p class="api-summary">{text(&operation["summary"]).to_owned()}</p>
            <p>{prose(text(&operation["description"]))}</p>
            {open.then(|| view! { <p>"No authentication."</p> })}
            {(!parameters.is_empty())
                .then(|| view! { <h4>"Parameters"</h4> <dl class="api-fields">{parameters}</dl> })}
            {body}
            <h4>"Answers"</h4>
            <dl class="api-answers">{answers}</dl>
        </article>
    }
    .into_any()
}

fn body_view(document: &Value, media_type: &str, content: &Value) -> AnyView {
    let schema = resolve(document, &content["schema"]);
    let first = &schema["oneOf"][0];
    let schema = if first.is_null() {
        schema
    } else {
        resolve(document, first)
    };
    view! {
        <h4>"Body: " {type_of(&content["schema"])} ", " <code>{media_type.to_owned()}</code></h4>
        {example_view(document, content)}
        {fields(schema)}
    }
    .into_any()
}

/// The example of a body: its own, or that of its type.
fn example_view(document: &Value, content: &Value) -> Option<AnyView> {
    let of_type = resolve(document, &content["schema"]).get("example");
    let example = content.get("example").or(of_type)?;
    let example = serde_json::to_string_pretty(example).ok()?;
    Some(view! { <pre><code>{example}</code></pre> }.into_any())
}

fn answer_row(document: &Value, status: &str, answer: &Value) -> AnyView {
    let contents: Vec<_> = object(&answer["content"])
        .map(|(media_type, content)| {
            let kind = type_of(&content["schema"]);
            // Some have a hundred lines.
            let example = example_view(document, content).map(|example| {
                view! {
                    <details>
                        <summary>"Example"</summary>
                        {example}
                    </details>
                }
            });
            view! {
                <p>{kind} ", " <code>{media_type.to_owned()}</code></p>
                {example}
            }
        })
        .collect();
    // Of a refusal it is always the envelope.
    let contents = status.starts_with('2').then_some(contents);
    view! {
        <div>
            <dt><code>{status.to_owned()}</code></dt>
            <dd>
                <p>{prose(text(&answer["description"]))}</p>
                {contents}
            </dd>
        </div>
    }
    .into_any()
}

fn type_card(name: &str, schema: &Value) -> AnyView {
    view! {
        <article class="card api-operation" id=format!("type-{name}")>
            <h3>{name.to_owned()}</h3>
            <p>{prose(text(&schema["description"]))}</p>
            {fields(schema)}
        </article>
    }
    .into_any()
}

/// The fields of an object, the values of an enumeration, or the alternatives of a choice.
fn fields(schema: &Value) -> AnyView {
    let required = array(&schema["required"]);
    let properties: Vec<_> = object(&schema["properties"])
        .map(|(name, field)| {
            let required = required.iter().any(|required| required == name);
            field_row(name, &type_of(field), required, text(&field["description"]))
        })
        .collect();
    let alternatives = ["oneOf", "allOf"].map(|of| array(&schema[of])).concat();
    let alternatives: Vec<_> = alternatives.iter().map(fields).collect();
    let own = type_of(schema);
    let own = (properties.is_empty() && alternatives.is_empty()).then(|| view! { <p>{own}</p> });
    view! {
        {(!properties.is_empty()).then(|| view! { <dl class="api-fields">{properties}</dl> })}
        {alternatives}
        {own}
    }
    .into_any()
}

fn field_row(name: &str, kind: &str, required: bool, description: &str) -> AnyView {
    view! {
        <div>
            <dt>
                <code>{name.to_owned()}</code>
                " "
                <span class="api-kind">
                    {kind.to_owned()} {required.then_some(", required")}
                </span>
            </dt>
            <dd>{prose(description)}</dd>
        </div>
    }
    .into_any()
}

/// A short description of what a schema allows.
fn type_of(schema: &Value) -> String {
    if let Some(name) = text(&schema["$ref"])
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
    {
        return name.to_owned();
    }
    let values = array(&schema["enum"]);
    if !values.is_empty() {
        return joined(values.iter().map(|value| text(value).to_owned()), ", ");
    }
    for (of, between) in [("oneOf", " or "), ("allOf", " with ")] {
        let parts = array(&schema[of]);
        if !parts.is_empty() {
            return joined(parts.iter().map(type_of), between);
        }
    }
    match &schema["type"] {
        Value::Array(types) => joined(types.iter().map(|one| text(one).to_owned()), " or "),
        Value::String(one) if one == "array" => format!("array of {}", type_of(&schema["items"])),
        Value::String(one) => match text(&schema["format"]) {
            "" => one.clone(),
            format => format!("{one} ({format})"),
        },
        _ => "any value".to_owned(),
    }
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match text(&schema["$ref"]).rsplit('/').next() {
        Some(name) if !name.is_empty() => &document["components"]["schemas"][name],
        _ => schema,
    }
}

/// Text with its parts between backticks as code.
fn prose(text: &str) -> AnyView {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = part.to_owned();
        if index % 2 == 1 {
            view! { <code>{part}</code> }.into_any()
        } else {
            part.into_any()
        }
    });
    parts.collect::<Vec<_>>().into_any()
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_type_is_on_the_page() {
        let _ = crate::rest::router();
        let document = serde_json::to_value(openapi::published()).expect("JSON");
        let owner = Owner::new();
        let page = owner.with(|| render(&document));
        for (path, _) in object(&document["paths"]) {
            assert!(page.contains(path), "{path}");
        }
        for (name, _) in object(&document["components"]["schemas"]) {
            assert!(page.contains(&format!("id=\"type-{name}\"")), "{name}");
        }
        assert!(!page.contains("<script"));
    }
}
