//! Calls the operations on domains and DKIM keys, for the contract tests.

use serde_json::json;

use crate::rest::contract::test_api::{Api, Call, body, path};

const ALL: &str = "/api/domains";
const ONE: &str = "/api/domains/{domain}";
const KEYS: &str = "/api/domains/{domain}/keys";
const KEY: &str = "/api/domains/{domain}/keys/{id}";
const ACTIVATE: &str = "/api/domains/{domain}/keys/{id}/activate";

/// Checks domains, and makes, activates and removes a key, with the responses of each refusal. No resolver is
/// asked for names below `invalid` (RFC 6761 section 6.4); the records of the domain of the accounts do not
/// matter.
pub async fn domains(api: &mut Api) {
    let domain: &[(&str, &str)] = &[("domain", "mail.invalid")];
    let (status, read) = api.call("get", ONE, path(domain)).await;
    assert_eq!((status, &read["data"]["keys"]), (200, &json!([])));
    let check = &read["data"]["check"];
    assert_eq!(
        (&check["domain"], &check["state"]),
        (&json!("mail.invalid"), &json!("fault"))
    );
    let findings = check["findings"].as_array().expect("findings");
    let kinds: Vec<_> = findings.iter().map(|finding| &finding["kind"]).collect();
    assert_eq!(kinds, ["spf", "dkim", "dmarc", "mx"]);
    let wrong = path(&[("domain", "nothing")]);
    assert_eq!(api.call("get", ONE, wrong).await.0, 422);

    let in_domain = |fields| Call {
        path: domain,
        ..body(fields)
    };
    let user = api.user.clone();
    let rsa = json!({ "algorithm": "rsa" });
    assert_eq!(
        api.call_as(&user, "post", KEYS, in_domain(rsa.clone()))
            .await
            .0,
        403
    );
    for wrong in [
        json!({}),
        json!({ "algorithm": "dsa" }),
        json!({ "algorithm": 1 }),
    ] {
        let (status, refused) = api.call("post", KEYS, in_domain(wrong)).await;
        let named = refused["errors"]["algorithm"].is_string();
        assert_eq!((status, named), (422, true), "{refused}");
    }
    let (status, made) = api.call("post", KEYS, in_domain(rsa)).await;
    assert_eq!((status, &made["data"]["state"]), (200, &json!("pending")));
    let record = made["data"]["record"].as_str().expect("a record");
    assert!(record.starts_with("v=DKIM1; k=rsa; p="), "{record}");
    assert!(!made.to_string().contains("private"), "{made}");
    let (status, listed) = api.call("get", ALL, Call::default()).await;
    assert_eq!(status, 200);
    assert!(listed.to_string().contains("a DKIM key"), "{listed}");

    let id = made["data"]["id"].as_str().expect("an id").to_owned();
    let key: &[(&str, &str)] = &[("domain", "mail.invalid"), ("id", id.as_str())];
    let activate = |anyway| Call {
        path: key,
        ..body(json!({ "anyway": anyway }))
    };
    assert_eq!(api.call("post", ACTIVATE, activate(false)).await.0, 409);
    let (status, active) = api.call("post", ACTIVATE, activate(true)).await;
    assert_eq!((status, &active["data"]["state"]), (200, &json!("active")));
    let nobody = Call {
        path: &[("domain", "mail.invalid"), ("id", "1")],
        ..body(json!({}))
    };
    assert_eq!(api.call("post", ACTIVATE, nobody).await.0, 404);
    for status in [200, 404] {
        assert_eq!(api.call("delete", KEY, path(key)).await.0, status);
    }
}
