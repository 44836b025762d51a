//! Open tracking over the router: what the submitter reads, and what loads of the image answer.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{HOST, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};

use super::test_api::{Api, Call, body, path};

const SEND: &str = "/api/messages/send-email";

/// Far longer than a write of opens takes.
const DEADLINE: Duration = Duration::from_secs(90);

/// The response to a load of an image.
#[derive(Debug, PartialEq)]
struct Loaded {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

async fn load(api: &Api, method: &str, path: &str) -> Loaded {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "127.0.0.1:3000");
    let answer = api.send(request.body(Body::empty()).expect("a request"));
    let (head, body) = answer.await.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    Loaded {
        status: head.status,
        headers: head.headers,
        bytes: bytes.to_vec(),
    }
}

fn tracked() -> Value {
    json!({
        "from": "alerts@example.org", "to": "desk@example.org", "html": "<p>Hello</p>",
        "track_opens": true,
    })
}

fn untracked() -> Value {
    json!({
        "from": "alerts@example.org", "to": "desk@example.org", "html": "<p>Hello</p>",
        "track_opens": false,
    })
}

async fn opens(api: &mut Api, id: &str) -> Value {
    let one = "/api/messages/{id}";
    let (status, read) = api.call("get", one, path(&[("id", id)])).await;
    assert_eq!(status, 200, "{read}");
    read["data"]["open_tracking"].clone()
}

#[tokio::test]
async fn loads_of_the_image_are_counted_and_answers_tell_nothing() {
    let mut api = Api::open().await;
    let (status, accepted) = api.call("post", SEND, body(tracked())).await;
    assert_eq!(status, 202, "{accepted}");
    let notice = accepted["open_tracking"].as_str().unwrap_or_default();
    assert!(notice.contains("loads an image"), "{accepted}");
    let id = accepted["id"].as_str().expect("an id").to_owned();
    let none = json!({ "opens": 0, "first_opened_at": null, "last_opened_at": null });
    assert_eq!(opens(&mut api, &id).await, none);

    let source = api.postern.outbox();
    let local = engine::Actor::local(0);
    let source = source.message_bytes(&local, &id).await.expect("the source");
    let source = String::from_utf8(source).expect("text");
    let (_, image) = source.split_once("src=\"").expect("an image");
    let (image, _) = image.split_once('"').expect("an end");
    assert!(image.starts_with("/open/"), "{image}");
    assert!(!image.contains(&id), "{image}");

    let head = load(&api, "HEAD", image).await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
    let known = load(&api, "GET", image).await;
    assert_eq!(known.status, StatusCode::OK);
    assert_eq!(known.headers["content-type"], "image/gif");
    assert_eq!(known.headers["cache-control"], "no-store, private");
    assert_eq!(
        known.headers["cross-origin-resource-policy"],
        "cross-origin"
    );
    assert!(!known.headers.contains_key(SET_COOKIE));
    assert!(known.bytes.starts_with(b"GIF89a"));
    for unknown in ["AAAAAAAAAAAAAAAAAAAAAA.gif", "x.gif", "x", "%ff.gif"] {
        let path = format!("/open/{unknown}");
        assert_eq!(load(&api, "GET", &path).await, known, "{unknown}");
    }

    let counted = async {
        loop {
            let read = opens(&mut api, &id).await;
            if read != none {
                return read;
            }
            tokio::task::yield_now().await;
        }
    };
    let counted = tokio::time::timeout(DEADLINE, counted).await;
    let counted = counted.expect("it is written");
    assert_eq!(counted["opens"], 1, "HEAD does not count");
    assert!(counted["first_opened_at"].is_string(), "{counted}");
    assert_eq!(counted["first_opened_at"], counted["last_opened_at"]);
}

#[tokio::test]
async fn what_cannot_be_tracked_is_refused_under_its_field() {
    let mut api = Api::open().await;
    for (mail, field) in [
        (
            json!({ "to": "desk@example.org", "text": "Hello", "track_opens": true }),
            "track_opens",
        ),
        (
            json!({ "to": "desk@example.org", "raw": "YTogYg0KDQo=", "track_opens": true }),
            "track_opens",
        ),
        (
            json!({ "to": "desk@example.org", "html": "Hello", "track_opens": "yes" }),
            "track_opens",
        ),
        (
            json!([{ "to": "a@example.org", "html": "a" }, {
                "to": "a@example.org", "text": "a", "track_opens": true,
            }]),
            "[1].track_opens",
        ),
    ] {
        let (status, refused) = api.call("post", SEND, body(mail)).await;
        let named = refused["errors"][field].is_string();
        assert_eq!((status, named), (422, true), "{refused}");
    }
    let off = body(json!({ "open_tracking": false }));
    assert_eq!(api.call("put", "/api/policy", off).await.0, 200);
    let (status, refused) = api.call("post", SEND, body(tracked())).await;
    let text = refused["errors"]["track_opens"].as_str();
    let named = text.is_some_and(|text| text.contains("policy"));
    assert_eq!((status, named), (422, true), "{refused}");
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_untracked_mail_has_none() {
    let mut api = Api::open().await;
    let keyed = || Call {
        headers: &[("idempotency-key", "k")],
        ..body(json!([tracked(), untracked()]))
    };
    let first = api.call("post", SEND, keyed()).await;
    assert!(first.1["open_tracking"].is_string(), "{}", first.1);
    assert_eq!(api.call("post", SEND, keyed()).await, first);
    let second = first.1["ids"][1].as_str().expect("an id").to_owned();
    assert_eq!(opens(&mut api, &second).await, Value::Null);
    let (status, accepted) = api.call("post", SEND, body(untracked())).await;
    assert_eq!((status, accepted.get("open_tracking")), (202, None));
}
