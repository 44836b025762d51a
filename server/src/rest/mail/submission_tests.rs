//! Tests of decoding `send-email` bodies.

use domain::outbox::Priority;
use domain::{Kind, Refusal};
use engine::{Submission, Submissions};
use serde_json::json;

use super::submission::decode;

fn one(body: &str) -> Submission {
    match decode(body.as_bytes()) {
        Ok(Submissions::One(mail)) => *mail,
        other => panic!("{body}: {other:?}"),
    }
}

fn refused(body: &str) -> Refusal {
    decode(body.as_bytes()).expect_err(body)
}

/// Faults by field, as in the response.
fn faults(body: &serde_json::Value) -> Vec<(String, String)> {
    let refusal = refused(&body.to_string());
    assert_eq!(refusal.kind, Kind::Invalid, "{refusal}");
    refusal.fields.into_iter().collect()
}

#[test]
fn every_field_is_parsed() {
    let mail = one(&json!({
        "from": "Ops <ops@example.org>",
        "to": "a@example.net",
        "cc": ["b@example.net", "c@example.net"],
        "bcc": [],
        "reply_to": "d@example.net",
        "subject": "Grüße \"x\"\n",
        "text": "t",
        "html": "h",
        "headers": {"X-A": "1", "X-B": ["2", "3"], "x-a": "4"},
        "attachments": [{
            "filename": "a.txt",
            "content_type": "text/plain",
            "content_id": "x",
            "content": "aGk=",
        }, {"filename": "b", "content": ""}],
    })
    .to_string());
    assert_eq!(mail.from.as_deref(), Some("Ops <ops@example.org>"));
    assert_eq!(mail.to, ["a@example.net"]);
    assert_eq!(mail.cc, ["b@example.net", "c@example.net"]);
    assert!(mail.bcc.is_empty() && mail.raw.is_none());
    assert_eq!(mail.reply_to, ["d@example.net"]);
    assert_eq!(mail.subject.as_deref(), Some("Grüße \"x\"\n"));
    assert_eq!(
        (mail.text.as_deref(), mail.html.as_deref()),
        (Some("t"), Some("h"))
    );
    let headers: Vec<_> = mail
        .headers
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    // `json!` sorts its names.
    assert_eq!(headers, ["X-A=1", "X-B=2", "X-B=3", "x-a=4"]);
    let file = &mail.attachments[0];
    assert_eq!(file.filename, "a.txt");
    assert_eq!(file.content_type.as_deref(), Some("text/plain"));
    assert_eq!(file.content_id.as_deref(), Some("x"));
    assert_eq!(file.content, b"hi");
    assert_eq!(mail.attachments[1].content, b"");

    let mail = one(r#" {"raw":"YTogYg0K\nDQo","to":["a@example.net"]} "#);
    assert_eq!(mail.raw.as_deref(), Some(&b"a: b\r\n\r\n"[..]));
}

#[test]
fn null_is_the_same_as_absent() {
    let mail = one(
        r#"{"from":null,"to":null,"subject":null,"text":null,"headers":null,"attachments":null,"raw":null,"priority":null,"track_opens":null,"report":null,"webhook":null}"#,
    );
    assert!(mail.from.is_none() && mail.to.is_empty() && mail.subject.is_none());
    assert!(mail.headers.is_empty() && mail.attachments.is_empty() && mail.raw.is_none());
    assert_eq!(mail.priority, None);
    assert!(!mail.track_opens && one(r#"{"track_opens":true}"#).track_opens);
    assert!(!mail.report && one(r#"{"report":true}"#).report);
    assert_eq!(mail.webhook, None);
    assert_eq!(one(r#"{"webhook":"01J"}"#).webhook.as_deref(), Some("01J"));
    assert_eq!(one(r#"{"priority":"bulk"}"#).priority, Some(Priority::Bulk));
}

#[test]
fn every_wrong_type_is_reported_by_field() {
    let found = faults(&json!({
        "from": 1,
        "to": ["a@example.net", 2, null, ["x"]],
        "cc": {"a": 1},
        "bcc": true,
        "reply_to": 1.5,
        "subject": ["x"],
        "text": {"a": {"b": []}},
        "html": -1,
        "headers": {"X-A": 1, "X-B": ["a", null], "X-C": "c"},
        "attachments": [
            1,
            {"filename": 1, "content": "%%", "name": "x"},
            {"content_type": [], "content_id": {}},
            {"filename": "a", "content": null},
        ],
        "raw": "not base64!",
        "priority": "urgent",
        "track_opens": "yes",
        "report": 1,
        "webhook": true,
        "body": "x",
    }));
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "attachments[0]",
            "attachments[1].content",
            "attachments[1].filename",
            "attachments[1].name",
            "attachments[2].content",
            "attachments[2].content_id",
            "attachments[2].content_type",
            "attachments[2].filename",
            "attachments[3].content",
            "bcc",
            "body",
            "cc",
            "from",
            "headers",
            "html",
            "priority",
            "raw",
            "reply_to",
            "report",
            "subject",
            "text",
            "to[1]",
            "to[2]",
            "to[3]",
            "track_opens",
            "webhook",
        ]
    );
    let text = |field: &str| {
        found
            .iter()
            .find(|found| found.0 == field)
            .map(|found| found.1.as_str())
    };
    assert_eq!(text("body"), Some("There is no such field."));
    assert_eq!(text("from"), Some("This is a string."));
    assert_eq!(text("track_opens"), Some("This is true or false."));
    assert_eq!(text("report"), Some("This is true or false."));
    assert_eq!(text("priority"), Some("Choose high, normal or bulk."));
    assert_eq!(text("attachments[1].filename"), Some("This is a string."));
    assert_eq!(
        text("attachments[3].content"),
        Some("This field is required.")
    );
    let headers = text("headers").unwrap_or_default();
    assert!(headers.contains("“X-A”") && headers.contains("“X-B”") && !headers.contains("“X-C”"));
    for (field, value) in [
        ("headers", json!([])),
        ("attachments", json!({"a": 1})),
        ("raw", json!(1)),
    ] {
        assert_eq!(faults(&json!({ field: value }))[0].0, field);
    }
}

#[test]
fn faults_of_an_array_are_reported_by_index() {
    let Ok(Submissions::Many(mails)) = decode(br#"[{"to":"a@b.example"},{"subject":"x"}]"#) else {
        panic!("two mails");
    };
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].subject.as_deref(), Some("x"));
    let found = faults(&json!([{}, {"to": [1], "from": 1}, 3, {"x": 1}]));
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["[1].from", "[1].to[0]", "[2]", "[3].x"]);
}

#[test]
fn an_array_has_1_to_500_mails() {
    assert!(
        matches!(decode(json!(vec![json!({}); 500]).to_string().as_bytes()), Ok(Submissions::Many(mails)) if mails.len() == 500)
    );
    for count in [0, 501, 100_000] {
        let found = faults(&json!(vec![json!({}); count]));
        assert_eq!(
            found,
            [(
                "request".to_owned(),
                "An array has 1 to 500 mails.".to_owned()
            )]
        );
    }
}

#[test]
fn invalid_bodies_are_refused_with_their_position() {
    for (body, expected) in [
        ("", "neither"),
        ("null", "neither"),
        ("\"x\"", "neither"),
        ("1", "neither"),
        ("{\"to\":", "neither"),
        ("{} {}", "column 4"),
        ("{\"to\":\"\\ud800\"}", "column"),
        ("{\"a\":01}", "column"),
        (
            "{\"to\":\"a\",\"to\":\"b\"}",
            "A name occurs twice in one object: line 1, column ",
        ),
        ("{\"\\u0074o\":\"a\",\"to\":\"b\"}", "twice"),
        ("[{\"x\":1,\"x\":2}]", "twice"),
        ("{\"headers\":{\"X\":\"a\",\"X\":\"b\"}}", "twice"),
        (
            "{\"attachments\":[{\"content\":\"\",\"content\":\"\"}]}",
            "twice",
        ),
        ("{\"unknown\":[{\"a\":{\"b\":1,\"b\":2}}]}", "twice"),
        (&"[".repeat(100_000), "127 levels"),
        (&format!("{{\"x\":{}", "[".repeat(100_000)), "127 levels"),
    ] {
        let refusal = refused(body);
        assert_eq!(refusal.kind, Kind::BadRequest, "{body}");
        assert!(refusal.text().contains(expected), "{body}: {refusal}");
    }
    assert!(decode(b"{\"to\":\"\xff\"}").is_err());
}

#[test]
fn hostile_bodies_do_not_cause_large_responses() {
    let long = "x".repeat(100_000);
    let names: String = (0..990).map(|n| format!("\"{long}{n}\":1,")).collect();
    let many: String = (0..1001).map(|n| format!("\"{n}\":1,")).collect();
    let entries = vec!["1"; 100_000].join(",");
    let texts = vec!["\"a\""; 100_000].join(",");
    let files = vec!["{}"; 100_000].join(",");
    for body in [
        format!("{{{names}\"a\":1}}"),
        format!("{{{many}\"a\":1}}"),
        format!("{{\"to\":[{entries}]}}"),
        format!("{{\"to\":[{texts}]}}"),
        format!("{{\"attachments\":[{files}]}}"),
        format!("{{\"headers\":{{\"X\":[{texts}],\"Y\":[{entries}]}}}}"),
        format!("{{\"headers\":{{{many}\"a\":1}}}}"),
    ] {
        let refusal = refused(&body);
        assert!(refusal.to_string().len() < 60_000, "{}", &body[..80]);
    }
    // A number over the limit still reaches the engine, which reports it.
    let headers = one(&format!("{{\"headers\":{{\"X\":[{texts}]}}}}")).headers;
    assert_eq!(headers.len(), 101);
}
