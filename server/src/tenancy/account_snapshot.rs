//! Snapshots of the resources of an account, compared before and after requests of other accounts.

use domain::account::Role;
use serde_json::Value;

use super::server::{Credential, TenantRequest, TenantServer};
use super::tenant::Tenant;

impl TenantServer {
    /// The URLs and contents of all resources of an account. They are read with its session, and those
    /// of a disabled account with the session of the administrator.
    pub async fn account_snapshot(&self, tenant: &Tenant) -> Vec<(String, Value)> {
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
        let mut snapshot = Vec::new();
        for url in urls {
            let session = Credential::Session(&viewer.cookie);
            let mut read = self.send(session, TenantRequest::get(&url)).await;
            assert_eq!(read.status, 200, "{url}: {}", read.text);
            // The time of the last use and the results of health checks change without a request.
            for name in ["last_used", "health"] {
                remove(&mut read.json, name);
            }
            snapshot.push((url, read.json));
        }
        snapshot
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
