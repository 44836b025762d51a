//! All that an account of the tests of tenancy has, to compare before and after requests of others.

use domain::account::Role;
use serde_json::Value;

use super::server::{Credential, TenantRequest, TenantServer};
use super::tenant::Tenant;

impl TenantServer {
    /// All that an account has, as it sees it, or as an administrator sees it where it is disabled.
    pub async fn things_of(&self, tenant: &Tenant) -> Vec<(String, Value)> {
        let mut urls: Vec<String> = Vec::new();
        let viewer = match tenant.spec.is_disabled {
            true => {
                let account = format!("/api/accounts/{}", tenant.id);
                urls.extend([format!("{account}/senders"), account]);
                self.admin()
            }
            false => {
                let own = [
                    "/api/smtp/settings",
                    "/api/relays/own/revisions",
                    "/api/tokens",
                    "/api/senders",
                    "/api/message-webhooks",
                ];
                urls.extend(own.map(str::to_owned));
                tenant
            }
        };
        urls.extend(
            tenant
                .messages
                .iter()
                .map(|id| format!("/api/messages/{id}")),
        );
        if tenant.spec.role == Role::Admin {
            let of_organisation = [
                "/api/setup/email_smtp",
                "/api/relays",
                "/api/policy",
                "/api/suppressions",
                "/api/accounts",
            ];
            urls.extend(of_organisation.map(str::to_owned));
            for of_relay in ["email_smtp", "revisions"] {
                urls.push(format!("/api/relays/{}/{of_relay}", self.relay_id));
            }
        }
        let mut things = Vec::new();
        for url in urls {
            let session = Credential::Session(&viewer.cookie);
            let mut read = self.send(session, TenantRequest::get(&url)).await;
            assert_eq!(read.status, 200, "{url}: {}", read.text);
            // What changes by itself: uses, and the results of checks.
            for name in ["last_used", "health"] {
                remove(&mut read.json, name);
            }
            things.push((url, read.json));
        }
        things
    }
}

/// Removes a name from all objects of a value.
fn remove(value: &mut Value, name: &str) {
    match value {
        Value::Object(map) => {
            map.remove(name);
            map.values_mut().for_each(|value| remove(value, name));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| remove(value, name)),
        _ => {}
    }
}
