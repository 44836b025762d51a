//! The form that sets a password by a link.

use domain::account::password::password_rule;

use crate::components::{ErrorNotice, FormField};
use crate::request::{fault, other_fault};
use crate::server_prelude::*;

/// The hint of a field for a new password.
pub fn new_password_hint() -> String {
    let rule = password_rule();
    format!("{rule}. A sentence is easier to remember than symbols.")
}

#[component]
pub fn SetPassword(action: &'static str, token: String, email: String) -> AnyView {
    view! {
        {other_fault(&["password"]).map(|text| view! { <ErrorNotice text /> })}
        <form method="post" action=action>
            <input type="hidden" name="token" value=token />
            // Shows a password manager which account's password is set.
            <input type="text" name="username" autocomplete="username" value=email hidden />
            <FormField
                name="password"
                label="Password"
                autocomplete="new-password"
                hint=new_password_hint()
                fault=fault("password")
                first=true
            />
            <button class="button button-primary" type="submit">
                "Set password"
            </button>
        </form>
    }
    .into_any()
}
