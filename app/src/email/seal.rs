//! Sealing the password: what is typed leaves the browser in no other way.

use domain::view::PasswordChange;
use domain::{Refusal, jwe};
use rand::rngs::OsRng;

use super::editor::Editor;
use super::standing::Standing;
use crate::calls::browser_key;

/// What the server is asked to make of the password.
pub async fn password_change(editor: Editor) -> Result<PasswordChange, Refusal> {
    let (standing, typed) = editor.peek(|state| (state.standing(), state.typed.clone()));
    Ok(match standing {
        Standing::Typed => {
            let key = browser_key().await?;
            let sealed = jwe::seal_for(&key, typed.expose().as_bytes(), &mut OsRng);
            PasswordChange::Sealed(sealed.map_err(|_| Refusal::internal())?)
        }
        Standing::Cleared => PasswordChange::Clear,
        Standing::Earlier(revision) => PasswordChange::Earlier(revision),
        Standing::Kept | Standing::Elsewhere | Standing::Unreadable | Standing::None => {
            PasswordChange::Keep
        }
    })
}
