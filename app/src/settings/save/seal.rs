//! Seals the typed password; it leaves the browser in no other form.

use domain::Refusal;
use domain::crypto::jwe;
use domain::settings::PasswordChange;
use rand::rngs::OsRng;

use crate::server_fns::browser_key;
use crate::settings::state::{Editor, PasswordPlan};

/// The password change that a save of the form asks for.
pub async fn password_change(editor: Editor) -> Result<PasswordChange, Refusal> {
    let (plan, typed) = editor.peek(|state| (state.password_plan(), state.typed.clone()));
    Ok(match plan {
        PasswordPlan::Typed => {
            let key = browser_key().await?;
            let sealed = jwe::seal_for(&key, typed.expose().as_bytes(), &mut OsRng);
            PasswordChange::Sealed(sealed.map_err(|_| Refusal::internal())?)
        }
        PasswordPlan::Cleared => PasswordChange::Clear,
        PasswordPlan::Earlier(revision) => PasswordChange::Earlier(revision),
        PasswordPlan::NotSaved
        | PasswordPlan::Kept
        | PasswordPlan::OtherRelay
        | PasswordPlan::Unreadable
        | PasswordPlan::Environment
        | PasswordPlan::None => PasswordChange::Keep,
    })
}
