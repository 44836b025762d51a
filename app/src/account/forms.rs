//! The forms of one's own sessions and API tokens.

use super::{
    ACCOUNT, CREATE_TOKEN, CreatedToken, END_OTHER_SESSIONS, END_SESSION, EndSessionForm,
    REVOKE_TOKEN, RevokeTokenForm, TOKENS, TokenForm,
};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(END_SESSION, end_session),
        FormRoute::new(END_OTHER_SESSIONS, end_other_sessions),
        FormRoute::new(CREATE_TOKEN, create_token),
        FormRoute::new(REVOKE_TOKEN, revoke_token),
    ]
}

async fn end_session(posted: FormRequest) -> FormAnswer {
    let ended = async {
        let actor = posted.actor()?;
        let form: EndSessionForm = posted.read()?;
        posted.postern.accounts().end_session(actor, &form.id).await
    };
    match ended.await {
        Ok(()) => FormAnswer::done(ACCOUNT, Flash::SessionEnded),
        Err(refusal) => FormAnswer::refused(ACCOUNT, refusal),
    }
}

async fn end_other_sessions(posted: FormRequest) -> FormAnswer {
    let ended = async {
        let actor = posted.actor()?;
        posted.postern.accounts().end_other_sessions(actor).await
    };
    match ended.await {
        Ok(number) => FormAnswer::done(ACCOUNT, Flash::SessionsEnded(number)),
        Err(refusal) => FormAnswer::refused(ACCOUNT, refusal),
    }
}

/// Creates a token of the own account. The page that answers is the only one that shows it.
async fn create_token(posted: FormRequest) -> FormAnswer {
    let mut form = TokenForm::default();
    let created = async {
        let actor = posted.actor()?;
        form = posted.read()?;
        let accounts = posted.postern.accounts();
        accounts.create_own_token(actor, form.parse()?).await
    };
    match created.await {
        Ok(secret) => FormAnswer::page(TOKENS, CreatedToken(secret)),
        Err(refusal) => FormAnswer::refused_with(TOKENS, form, refusal),
    }
}

async fn revoke_token(posted: FormRequest) -> FormAnswer {
    let revoked = async {
        let actor = posted.actor()?;
        let form: RevokeTokenForm = posted.read()?;
        let accounts = posted.postern.accounts();
        accounts.revoke_own_token(actor, &form.id).await
    };
    match revoked.await {
        Ok(()) => FormAnswer::done(TOKENS, Flash::TokenRevoked),
        Err(refusal) => FormAnswer::refused(TOKENS, refusal),
    }
}
