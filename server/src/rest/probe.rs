//! `POST /api/probe`: every way to a relay, tried at once.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{ProbeReport, Refusal};
use engine::Search;
use serde_json::{Map, Value};

use super::body::JsonObject;
use super::envelope::Refused;
use super::event_stream::respond;
use crate::http::{AppState, Caller};

/// Probes `{"host": name}`, or `{"address": address}` by what DNS says of its domain; with both the
/// host is probed, and the address is the user name that is recommended. `port` is tried beside the
/// usual ones. Answers 200 whatever is found; hanging up ends it.
pub async fn probe(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<JsonObject, Refused>,
) -> Result<Response, Refused> {
    let actor = caller.signed_in()?;
    let events = state
        .postern
        .diagnosis()
        .probe(actor, search(body?.0)?)
        .await?;
    Ok(respond(&headers, events, ProbeReport::apply).await)
}

fn search(mut body: Map<String, Value>) -> Result<Search, Refusal> {
    let mut faults = Refusal::invalid();
    let mut text = |name: &str| match body.remove(name) {
        Some(Value::String(text)) => text,
        Some(Value::Number(port)) if name == "port" => port.to_string(),
        Some(Value::Null) | None => String::new(),
        Some(_) => {
            faults.add(name, "This is a string.");
            String::new()
        }
    };
    let search = Search {
        host: text("host"),
        address: text("address"),
        port: text("port"),
        form: None,
    };
    for (name, _) in body {
        let text = "There is no such field. There are “host”, “address” and “port”.";
        faults.add(&name, text);
    }
    faults.or_ok()?;
    Ok(search)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let read = |body: Value| search(body.as_object().expect("an object").clone());
        let found = read(json!({ "host": "a.example", "port": 25 })).expect("read");
        assert_eq!(
            (found.host.as_str(), found.port.as_str()),
            ("a.example", "25")
        );
        for (body, fields) in [
            (
                json!({ "host": 1, "address": [] }),
                &["address", "host"][..],
            ),
            (
                json!({ "port": true, "password": "x" }),
                &["password", "port"],
            ),
        ] {
            let refusal = read(body.clone()).expect_err("refused");
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), fields, "{body}");
        }
    }
}
