//! The forms of the second factor of one's own account.

use domain::{Refusal, SecretString};

use super::{
    ADD_PASSKEY, AddPasskeyForm, EmptyForm, NewRecoveryCodes, RECOVERY_CODES, REMOVE_PASSKEY,
    REMOVE_SECOND_FACTOR, RemovePasskeyForm, SECOND_FACTOR, SET_UP, TURN_ON, TurnOnForm,
};
use crate::account::ACCOUNT;
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(SET_UP, set_up),
        FormRoute::new(TURN_ON, turn_on),
        FormRoute::new(RECOVERY_CODES, new_recovery_codes),
        FormRoute::new(ADD_PASSKEY, add_passkey),
        FormRoute::new(REMOVE_PASSKEY, remove_passkey),
        FormRoute::new(REMOVE_SECOND_FACTOR, remove),
    ]
}

/// Generates a secret, which the page shows.
async fn set_up(posted: FormRequest) -> FormAnswer {
    let proposed = async {
        let actor = posted.actor()?;
        let EmptyForm {} = posted.read()?;
        posted.postern.accounts().propose_totp(actor).await
    };
    match proposed.await {
        Ok(()) => FormAnswer::redirect(SECOND_FACTOR),
        Err(refusal) => FormAnswer::refused(SECOND_FACTOR, refusal),
    }
}

async fn turn_on(posted: FormRequest) -> FormAnswer {
    let turned_on = async {
        let actor = posted.actor()?;
        let form: TurnOnForm = posted.read()?;
        let code = SecretString::new(form.code);
        posted.postern.accounts().confirm_totp(actor, code).await
    };
    recovery_codes(turned_on.await)
}

async fn new_recovery_codes(posted: FormRequest) -> FormAnswer {
    let created = async {
        let actor = posted.actor()?;
        let EmptyForm {} = posted.read()?;
        posted.postern.accounts().new_recovery_codes(actor).await
    };
    recovery_codes(created.await)
}

/// The page that answers is the only one that shows the codes.
fn recovery_codes(created: Result<Vec<String>, Refusal>) -> FormAnswer {
    match created {
        Ok(codes) => FormAnswer::page(SECOND_FACTOR, NewRecoveryCodes(codes)),
        Err(refusal) => FormAnswer::refused(SECOND_FACTOR, refusal),
    }
}

/// Adds a passkey. With the first second factor, the page that answers shows the recovery codes.
async fn add_passkey(posted: FormRequest) -> FormAnswer {
    let mut form = AddPasskeyForm::default();
    let added = async {
        let actor = posted.actor()?;
        form = posted.read()?;
        let accounts = posted.postern.accounts();
        accounts.add_passkey(actor, &form.name, &form.passkey).await
    };
    match added.await {
        Ok(Some(codes)) => recovery_codes(Ok(codes)),
        Ok(None) => FormAnswer::done(SECOND_FACTOR, Flash::PasskeyAdded),
        Err(refusal) => FormAnswer::refused_with(SECOND_FACTOR, form, refusal),
    }
}

async fn remove_passkey(posted: FormRequest) -> FormAnswer {
    let removed = async {
        let actor = posted.actor()?;
        let form: RemovePasskeyForm = posted.read()?;
        let accounts = posted.postern.accounts();
        accounts.remove_passkey(actor, &form.id).await
    };
    match removed.await {
        Ok(()) => FormAnswer::done(SECOND_FACTOR, Flash::PasskeyRemoved),
        Err(refusal) => FormAnswer::refused(SECOND_FACTOR, refusal),
    }
}

async fn remove(posted: FormRequest) -> FormAnswer {
    let removed = async {
        let actor = posted.actor()?;
        let EmptyForm {} = posted.read()?;
        let accounts = posted.postern.accounts();
        accounts.remove_own_second_factor(actor).await
    };
    match removed.await {
        Ok(()) => FormAnswer::done(ACCOUNT, Flash::SecondFactorRemoved),
        Err(refusal) => FormAnswer::refused(SECOND_FACTOR, refusal),
    }
}
