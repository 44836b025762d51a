//! The form that adds an account: with a password, or by an invitation.

use domain::account::Role;
use domain::account::mailed_link::INVITATION_LIFETIME;
use domain::account::password::password_rule;
use domain::timestamp::in_words;
use engine::MailOutage;

use super::ACCOUNTS;
use super::requests::{TypedAccount, WITH, WITH_INVITATION, WITH_PASSWORD};
use crate::components::FormField;
use crate::request::fault;
use crate::server_prelude::*;

/// The fields whose faults are shown beside them.
pub const ADDED: [&str; 3] = ["email", "role", "password"];

/// `outage` is why no invitation can be mailed now.
#[component]
pub fn AddAccount(outage: Option<MailOutage>) -> AnyView {
    let typed = use_context::<TypedAccount>().unwrap_or_default();
    let lifetime = in_words(INVITATION_LIFETIME);
    let way = match &outage {
        None => format!(
            "An invitation is mailed to the address: a link that sets the password, once, within \
             {lifetime}."
        ),
        Some(outage) => format!(
            "Mail cannot leave now: {outage}. You get the link of the invitation to hand over; it works \
             once, within {lifetime}."
        ),
    };
    let is_admin = typed.role.parse::<Role>() == Ok(Role::Admin);
    view! {
        <section class="card" aria-labelledby="add-title">
            <header class="card-head">
                <h2 id="add-title">"Add an account"</h2>
                <p>{way}</p>
            </header>
            <form class="card-body" method="post" action=ACCOUNTS autocomplete="off">
                <div class="narrow">
                    <FormField
                        name="email"
                        label="Email address"
                        autocomplete="off"
                        value=typed.email
                        fault=fault("email")
                    />
                </div>
                <div class="narrow field">
                    <label for="role">"Role"</label>
                    <select class="control" id="role" name="role" aria-describedby="role-hint">
                        <option value=Role::User.as_str() selected=!is_admin>
                            "User"
                        </option>
                        <option value=Role::Admin.as_str() selected=is_admin>
                            "Administrator"
                        </option>
                    </select>
                    <p class="field-hint" id="role-hint">
                        "Users send mail and read their own. Administrators do everything."
                    </p>
                </div>
                <div class="narrow">
                    <FormField
                        name="password"
                        label="Password, in the place of an invitation"
                        autocomplete="new-password"
                        required=false
                        hint=format!("{}. An invited person sets it.", password_rule())
                        fault=fault("password")
                    />
                </div>
                <div class="buttons">
                    <button
                        class="button button-primary"
                        type="submit"
                        name=WITH
                        value=WITH_INVITATION
                    >
                        "Invite"
                    </button>
                    <button
                        class="button button-secondary"
                        type="submit"
                        name=WITH
                        value=WITH_PASSWORD
                    >
                        "Create with this password"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
