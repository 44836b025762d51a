//! The page of an invitation: it sets the first password of an account.

use domain::Kind;
use engine::Postern;

use super::set_password::SetPassword;
use super::{EntranceCard, INVITATION, LOGIN};
use crate::request::{query, set_status};
use crate::server_prelude::*;

#[component]
pub fn InvitationPage() -> impl IntoView {
    let postern = expect_context::<Postern>();
    let token = query("token").unwrap_or_default();
    Suspend::new(async move {
        // A database error is reported by the post of the form.
        match postern.accounts().invited(&token).await {
            Ok(None) => used(),
            Ok(Some(email)) => form(token, email),
            Err(_) => form(token, String::new()),
        }
    })
}

/// The content of the page for a link that is no longer valid.
fn used() -> AnyView {
    set_status(Kind::Forbidden);
    view! {
        <EntranceCard title="This invitation no longer works" intro="It has been used, has expired or is not the newest. Ask an administrator for a new one.">
            <a class="button button-secondary" href=LOGIN>
                "Sign in"
            </a>
        </EntranceCard>
    }
    .into_any()
}

fn form(token: String, email: String) -> AnyView {
    let account = (!email.is_empty()).then(|| {
        view! {
            <p class="entrance-account">
                "Your account: " <strong>{email.clone()}</strong>
            </p>
        }
    });
    view! {
        <EntranceCard title="Welcome to Postern" intro="Set the password that you sign in with.">
            {account} <SetPassword action=INVITATION token email />
        </EntranceCard>
    }
    .into_any()
}
