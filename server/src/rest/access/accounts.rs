//! `/api/accounts`: the accounts, created or invited, changed and deleted by administrators.

use axum::extract::State;
use domain::account::{AccountState, AccountView, Role};
use domain::{SecretString, Timestamp};
use engine::{AccountChange, Action, Invited, LinkDelivery};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative, PathParams, SignedIn};
use crate::rest::request::json::lenient;
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Missing, Protected, Restricted};

/// The role of an account: `admin` permits every operation, `user` to send mail and to read its own.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "user")]
enum AccountRole {
    Admin,
    User,
}

impl From<Role> for AccountRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::User => Self::User,
        }
    }
}

impl From<AccountRole> for Role {
    fn from(role: AccountRole) -> Self {
        match role {
            AccountRole::Admin => Self::Admin,
            AccountRole::User => Self::User,
        }
    }
}

/// An account.
#[derive(Serialize, ToSchema)]
pub struct ApiAccount {
    #[schema(example = "01M3XT1500A4B6C8D0E2F4G6H8")]
    id: String,
    #[schema(example = "jonas@example.org")]
    email: String,
    role: AccountRole,
    /// Whether the person can sign in.
    state: AccountState,
    #[schema(format = DateTime, example = "2026-10-02T08:00:00Z")]
    created: String,
    /// When the link of the invitation expires; null without one.
    #[schema(format = DateTime)]
    invitation_expires: Option<String>,
}

impl From<AccountView> for ApiAccount {
    fn from(view: AccountView) -> Self {
        Self {
            id: view.id,
            email: view.email,
            role: view.role.into(),
            state: view.state,
            created: view.created.rfc3339(),
            invitation_expires: view.invitation_expires.map(Timestamp::rfc3339),
        }
    }
}

/// An account to create. It has no `Debug`, because it has a password.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({ "email": "jonas@example.org", "role": "user" }))]
pub struct AccountRequest {
    /// The address that the person signs in with.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    email: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    role: Option<AccountRole>,
    /// The password, 12 to 128 characters, accepted from a session only. If it is absent, the person is
    /// invited to set one.
    #[serde(default, deserialize_with = "lenient")]
    password: Option<String>,
}

impl Administrative for AccountRequest {
    const ACTION: Action = Action::CreateAccount;
}

/// An account that was created.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "account": {
        "id": "01M3XT1500A4B6C8D0E2F4G6H8",
        "email": "jonas@example.org",
        "role": "user",
        "state": "invited",
        "created": "2026-10-02T08:00:00Z",
        "invitation_expires": "2026-10-09T08:00:00Z",
    },
    "mailed": true,
    "link": null,
    "reason": null,
}))]
pub struct NewAccount {
    account: ApiAccount,
    /// Whether an invitation was mailed.
    mailed: bool,
    /// The link of an invitation that was not mailed, to pass on to the person. It is not shown again.
    link: Option<String>,
    /// The reason why the invitation was not mailed.
    reason: Option<String>,
}

/// A change of an account. Absent fields keep their value.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "disabled": true }))]
pub struct AccountUpdate {
    #[serde(default, deserialize_with = "lenient")]
    role: Option<AccountRole>,
    /// True disables the account, ends its sessions and revokes its tokens at once; false enables it
    /// without restoring them.
    #[serde(default, deserialize_with = "lenient")]
    disabled: Option<bool>,
}

impl Administrative for AccountUpdate {
    const ACTION: Action = Action::ChangeAccount;
}

/// List the accounts
///
/// Lists the first 200 accounts in the order of their addresses; the page `/accounts` has a search.
#[utoipa::path(
    get,
    path = "/api/accounts",
    tag = "Accounts",
    responses(
        (status = 200, description = "The accounts", body = Success<Vec<ApiAccount>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiAccount>>, Refused> {
    let listed = state.postern.accounts().list(&actor, "").await?.accounts;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}

/// Create an account
///
/// Without a password the person is invited by a mailed link, which sets one, once, within 7 days. Where
/// no mail leaves now, the link is in the response. A token that expires, or has senders, limits or
/// a highest priority, creates no accounts, and no token sets a password.
#[utoipa::path(
    post,
    path = "/api/accounts",
    tag = "Accounts",
    request_body = AccountRequest,
    responses(
        (status = 200, description = "Created", body = Success<NewAccount>),
        Restricted,
        Protected,
        JsonRefused,
        Always,
    )
)]
pub async fn create(
    State(state): State<AppState>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<AccountRequest>,
) -> Result<Success<NewAccount>, Refused> {
    if request.email.is_none() {
        faults.add_missing("email");
    }
    if request.role.is_none() {
        faults.add_missing("role");
    }
    faults.into_result()?;
    let email = request.email.unwrap_or_default();
    let role = request.role.map_or(Role::User, Into::into);
    let (id, delivery) = match request.password.map(SecretString::new) {
        Some(password) => {
            let accounts = state.postern.accounts();
            let created = accounts.create(&actor, &email, role, password).await?;
            (created.id, None)
        }
        None => {
            let mail = state.postern.account_mail();
            let Invited { id, delivery, .. } = mail.invite(&actor, &email, role).await?;
            (id, Some(delivery))
        }
    };
    let account = state.postern.accounts().read(&actor, &id).await?.into();
    let mailed = matches!(delivery, Some(LinkDelivery::Mailed));
    let (link, reason) = match delivery {
        Some(LinkDelivery::Returned { link, reason }) => (Some(link), Some(reason)),
        _ => (None, None),
    };
    Ok(Success::new(NewAccount {
        account,
        mailed,
        link,
        reason,
    }))
}

/// Read an account
#[utoipa::path(
    get,
    path = "/api/accounts/{id}",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "The account", body = Success<ApiAccount>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<ApiAccount>, Refused> {
    let found = state.postern.accounts().read(&actor, &id).await?;
    Ok(Success::new(found.into()))
}

/// Change an account
///
/// Changes the role of the account, and whether it is disabled. The last administrator who can sign in
/// cannot be changed.
#[utoipa::path(
    patch,
    path = "/api/accounts/{id}",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id in the list")),
    request_body = AccountUpdate,
    responses(
        (status = 200, description = "Changed", body = Success<ApiAccount>),
        Restricted,
        Missing,
        Protected,
        JsonRefused,
        Always,
    )
)]
pub async fn change_account(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<AccountUpdate>,
) -> Result<Success<ApiAccount>, Refused> {
    faults.into_result()?;
    let change = AccountChange {
        role: request.role.map(Into::into),
        disabled: request.disabled,
    };
    let changed = state.postern.accounts().change(&actor, &id, change).await?;
    Ok(Success::new(changed.into()))
}

/// Delete an account
///
/// Deletes the account with its sessions and tokens. An account whose mail is still stored can only be
/// disabled.
#[utoipa::path(
    delete,
    path = "/api/accounts/{id}",
    tag = "Accounts",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Deleted", body = Success<Nothing>),
        Restricted,
        Missing,
        Protected,
        Always,
    )
)]
pub async fn delete(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    state.postern.accounts().delete(&actor, &id).await?;
    Ok(Success::new(Nothing {}))
}

#[cfg(test)]
mod tests {
    use domain::account::password::password_rule;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_length_of_a_password_is_documented() {
        let schema = serde_json::to_string(&AccountRequest::schema()).expect("JSON");
        assert!(schema.contains(&password_rule()), "{schema}");
    }
}
