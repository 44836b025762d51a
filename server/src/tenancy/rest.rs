//! Tenancy over REST, for every operation of the document and every pair of accounts.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::Role;
use serde_json::{Value, json};

use super::rules::{Asked, Pair, RULES, ResourceScope, Rule, SEND, TEST};
use super::server::{Credential, SCOPES, TenantAnswer, TenantRequest, TenantServer};
use super::tenant::Tenant;

impl Rule {
    fn request(&self, pair: &Pair<'_>) -> TenantRequest<'static> {
        let (method, path) = self.operation.split_once(' ').expect("method and path");
        let Asked {
            path: values,
            query,
            body,
        } = (self.asks)(pair);
        let url = values.iter().fold(path.to_owned(), |url, (name, value)| {
            url.replace(&format!("{{{name}}}"), value)
        });
        assert!(
            !url.contains('{'),
            "{}: a parameter is missing",
            self.operation
        );
        let url = format!("{url}{query}");
        let mut request = match body {
            Some(body) => TenantRequest::post_json(&url, &body),
            None => TenantRequest::get(&url),
        };
        request.method = match method {
            "get" => "GET",
            "post" => "POST",
            "put" => "PUT",
            "patch" => "PATCH",
            "delete" => "DELETE",
            other => panic!("{other} {path}"),
        };
        request
    }

    /// The status for a caller, with 200 for each success. `None` where an administrator may change
    /// resources of the organisation: the contract tests cover these.
    fn expected(&self, caller: &Tenant, credential: Credential<'_>) -> Option<u16> {
        let is_admin = caller.spec.role == Role::Admin;
        let reads = self.operation.starts_with("get ");
        Some(match self.resources {
            ResourceScope::Public => 200,
            _ if caller.spec.is_disabled => 401,
            ResourceScope::Caller => 200,
            ResourceScope::CallerInvalid => 422,
            ResourceScope::Private => 404,
            ResourceScope::AdministratorSession if matches!(credential, Credential::Token(_)) => {
                403
            }
            _ if is_admin && reads => 200,
            _ if is_admin => return None,
            ResourceScope::Owned => 404,
            ResourceScope::Organisation | ResourceScope::AdministratorSession => 403,
            ResourceScope::OwnedBySession(status) => match credential {
                Credential::Session(_) => status,
                _ => 403,
            },
        })
    }
}

/// An answer with its status, where 200 stands for each success.
fn status(answer: &TenantAnswer) -> u16 {
    match answer.status {
        200..300 => 200,
        other => other,
    }
}

#[tokio::test]
async fn every_operation_has_a_rule() {
    let server = TenantServer::without_accounts().await;
    let request = TenantRequest::get("/api/openapi.json");
    let document = server.send(Credential::Nobody, request).await.json;
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").keys();
        methods.map(move |method| format!("{method} {path}"))
    });
    let operations: BTreeSet<String> = operations.collect();
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.operation.to_owned()).collect();
    assert_eq!(rules.len(), RULES.len(), "an operation has two rules");
    let without: Vec<_> = operations.difference(&rules).collect();
    assert!(
        without.is_empty(),
        "operations without a rule: {without:?}. Add to RULES in server/src/tenancy/rules.rs the \
         resources that each acts on"
    );
    let unknown: Vec<_> = rules.difference(&operations).collect();
    assert!(
        unknown.is_empty(),
        "rules of operations that are not in the document: {unknown:?}. Remove them from RULES in \
         server/src/tenancy/rules.rs"
    );
}

#[tokio::test]
async fn no_account_reaches_what_belongs_to_another() {
    let server = TenantServer::open().await;
    // The number of mails that each account has sent since the start.
    let mut sent: BTreeMap<&str, usize> = BTreeMap::new();
    for owner in &server.tenants {
        let others = server.tenants.iter().filter(|caller| caller.id != owner.id);
        for caller in others {
            let before = server.account_snapshot(owner).await;
            let pair = Pair {
                server: &server,
                owner,
                caller,
            };
            for credential in [
                Credential::Token(&caller.token),
                Credential::Session(&caller.cookie),
            ] {
                for rule in RULES {
                    if ask(&pair, rule, credential).await == Some(202) {
                        *sent.entry(caller.spec.mark).or_default() += 1;
                    }
                }
                server.restore(caller).await;
            }
            let after = server.account_snapshot(owner).await;
            for (before, after) in before.iter().zip(&after) {
                let (owner, caller) = (owner.spec.mark, caller.spec.mark);
                assert_eq!(before, after, "{caller} changed what is {owner}'s");
            }
        }
    }
    mail_leaves_through_the_relay_of_its_account(&server, &sent).await;
}

/// Sends the request of a rule and checks the answer. Returns the status.
async fn ask(pair: &Pair<'_>, rule: &Rule, credential: Credential<'_>) -> Option<u16> {
    let (owner, caller) = (pair.owner, pair.caller);
    let expected = rule.expected(caller, credential)?;
    let connections = || {
        let tenants = pair.server.tenants.iter();
        let others = tenants.filter(|one| one.id != caller.id);
        others
            .map(|one| one.relay.record().connections)
            .sum::<usize>()
    };
    let (before, own) = (connections(), caller.relay.record().connections);
    let answer = pair.server.send(credential, rule.request(pair)).await;
    let what = format!(
        "{} asks as {} for what belongs to {}: {}",
        rule.operation, caller.spec.mark, owner.spec.mark, answer.text
    );
    assert_eq!(status(&answer), expected, "{what}");
    answer.expect_nothing_of(&owner.spec, &caller.spec, rule.operation);
    assert_eq!(connections(), before, "a relay of another account: {what}");
    if rule.operation == TEST && expected == 200 {
        assert_eq!(caller.relay.record().connections, own + 1, "{what}");
    }
    if rule.operation == SEND && expected == 200 {
        let queue = match caller.spec.has_own_relay {
            true => "own_relay",
            false => "organisation",
        };
        assert_eq!(answer.json["queue"], queue, "{what}");
    }
    Some(answer.status)
}

/// Delivers all mail, and checks for each relay from which accounts it got mail and with which passwords.
async fn mail_leaves_through_the_relay_of_its_account(
    server: &TenantServer,
    sent: &BTreeMap<&str, usize>,
) {
    // Of each account one mail is delivered already, and one is queued.
    let mails = |tenant: &Tenant| sent.get(tenant.spec.mark).copied().unwrap_or_default() + 2;
    let with_mail: Vec<&Tenant> = server
        .tenants
        .iter()
        .filter(|tenant| server.relay_of(tenant).id == tenant.id)
        .collect();
    assert_eq!(with_mail.len(), 3, "the organisation's and two own relays");
    let through = |relay: &Tenant| {
        let tenants = server.tenants.iter();
        let own = tenants.filter(|tenant| server.relay_of(tenant).id == relay.id);
        own.collect::<Vec<_>>()
    };
    let all = async {
        for relay in &with_mail {
            let expected: usize = through(relay).into_iter().map(mails).sum();
            relay.relay.wait_for_mails(expected).await;
        }
    };
    server.deliver_until(all).await;
    for relay in &server.tenants {
        let marks: Vec<&str> = match with_mail.iter().any(|other| other.id == relay.id) {
            true => through(relay).iter().map(|one| one.spec.mark).collect(),
            false => Vec::new(),
        };
        for subject in relay.relay.subjects() {
            let (mark, _) = subject.split_once(' ').expect("a mark");
            assert!(marks.contains(&mark), "{}: {subject}", relay.spec.mark);
        }
        let heard = String::from_utf8_lossy(&relay.relay.record().clear).into_owned();
        for other in server.tenants.iter().filter(|other| other.id != relay.id) {
            let (relay, plain) = (relay.spec.mark, other.spec.plain());
            assert!(
                !heard.contains(&plain),
                "{relay}: the password of {}",
                other.spec.mark
            );
        }
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused() {
    let server = TenantServer::open().await;
    let owner = &server.tenants[1];
    let before = server.account_snapshot(owner).await;
    for caller in [&server.tenants[2], server.admin()] {
        let pair = Pair {
            server: &server,
            owner,
            caller,
        };
        for (scope, token) in &caller.narrow {
            for rule in RULES {
                let of_user = caller.spec.role == Role::User;
                let refused = match rule.resources {
                    ResourceScope::Public => false,
                    ResourceScope::Organisation
                    | ResourceScope::AdministratorSession
                    | ResourceScope::OwnedBySession(_)
                        if of_user =>
                    {
                        true
                    }
                    _ => !rule.scopes.contains(scope),
                };
                if !refused {
                    continue;
                }
                let request = rule.request(&pair);
                let answer = server.send(Credential::Token(token), request).await;
                let what = format!("{} with the scope {scope}", rule.operation);
                assert_eq!(
                    answer.status, 403,
                    "{}: {what}: {}",
                    caller.spec.mark, answer.text
                );
                answer.expect_nothing_of(&owner.spec, &caller.spec, &what);
            }
        }
    }
    assert_eq!(server.account_snapshot(owner).await, before);
}

#[test]
fn scopes_of_rules_exist() {
    for rule in RULES {
        let unknown = rule.scopes.iter().find(|scope| !SCOPES.contains(scope));
        assert_eq!(unknown, None, "{}", rule.operation);
        let is_open = rule.resources == ResourceScope::Public;
        assert_eq!(rule.scopes.is_empty(), is_open, "{}", rule.operation);
    }
}

#[tokio::test]
async fn searches_find_only_the_mail_of_the_caller() {
    let server = TenantServer::open().await;
    let found = async |caller: &Tenant, query: String| {
        let request = TenantRequest::get(&format!("/api/messages?{query}"));
        let answer = server.send(Credential::Token(&caller.token), request).await;
        let lines = answer.json["data"].as_array().map(Vec::len);
        lines.unwrap_or_else(|| panic!("{query}: {}", answer.text))
    };
    let (owner, caller) = (&server.tenants[1], &server.tenants[3]);
    for query in [
        format!("id={}", owner.message()),
        format!("subject={}", owner.spec.mark),
        format!("address={}", owner.spec.desk()),
    ] {
        assert_eq!(found(caller, query.clone()).await, 0, "{query}");
        assert_ne!(found(owner, query.clone()).await, 0, "{query}");
    }
}

#[tokio::test]
async fn figures_are_those_of_the_own_account_tokens_and_relay() {
    let server = TenantServer::open().await;
    let read = async |caller: &Tenant, query: &str| {
        let request = TenantRequest::get(&format!("/api/figures?{query}"));
        let answer = server.send(Credential::Token(&caller.token), request).await;
        let accepted = answer.json["data"]["total"]["accepted"].as_i64();
        (answer.status, accepted.unwrap_or_default())
    };
    let (owner, other) = (&server.tenants[1], &server.tenants[2]);
    let own = read(owner, "").await;
    assert!(own.0 == 200 && own.1 > 0, "{own:?}");
    let of_account = format!("subject=account&id={}", owner.id);
    let of_token = format!("subject=token&id={}", owner.token_id);
    let of_relay = format!("subject=relay&id=account:{}", owner.id);
    assert_eq!(read(owner, &of_account).await, own);
    for query in [&of_account, &of_token, &of_relay] {
        assert_eq!(read(owner, query).await.0, 200, "{query}");
        assert_eq!(read(server.admin(), query).await.0, 200, "{query}");
        assert_eq!(read(other, query).await, (404, 0), "{query}");
    }
    assert_eq!(read(other, "subject=relay&id=global").await.0, 404);
    assert!(read(server.admin(), "").await.1 > own.1, "of all accounts");
}

#[tokio::test]
async fn revisions_are_those_of_the_own_relay() {
    let server = TenantServer::open().await;
    let (owner, caller) = (&server.tenants[1], &server.tenants[3]);
    let before = server.account_snapshot(owner).await;
    for (tenant, other) in [(owner, caller), (caller, owner)] {
        let own = TenantRequest::get("/api/relays/own/revisions");
        let token = Credential::Token(&tenant.token);
        let answer = server.send(token, own).await;
        let host = tenant.spec.host.to_string();
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.contains(&host), "{}", answer.text);
        answer.expect_nothing_of(&other.spec, &tenant.spec, "own revisions");
    }
    // The ids that name the relay of another account in other operations.
    for id in [format!("account:{}", owner.id), owner.id.clone()] {
        let revisions = format!("/api/relays/{id}/revisions");
        let restore = format!("{revisions}/1/restore");
        for token in [&caller.token, &server.admin().token] {
            for request in [
                TenantRequest::get(&revisions),
                TenantRequest::post_json(&restore, &json!({ "smtp_password": null })),
            ] {
                let answer = server.send(Credential::Token(token), request).await;
                let status = answer.status;
                assert!(matches!(status, 403 | 404), "{id}: {}", answer.text);
                answer.expect_nothing_of(&owner.spec, &server.admin().spec, &id);
            }
        }
    }
    assert_eq!(server.account_snapshot(owner).await, before);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_account() {
    let server = TenantServer::open().await;
    let (owner, caller) = (&server.tenants[1], &server.tenants[2]);
    let mail = json!({ "to": "desk@example.net", "subject": "The same", "text": "Hello" });
    let send = async |tenant: &Tenant| {
        let request = TenantRequest::post_json("/api/messages/send-email", &mail);
        let request = request.with_idempotency_key("the-same");
        let answer = server.send(Credential::Token(&tenant.token), request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json["id"].clone()
    };
    let first = send(owner).await;
    assert_ne!(first, Value::Null);
    assert_eq!(send(owner).await, first, "a repetition");
    assert_ne!(send(caller).await, first, "a mail of another account");
}
