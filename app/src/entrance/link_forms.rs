//! The forms of links: accept an invitation, request a link for a forgotten password, and use it.

use domain::SecretString;

use super::{INVITATION, LOGIN, LinkForm, RESET, ResetForm, SET_BY_RESET, link_path};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::open(INVITATION, accept),
        FormRoute::open(RESET, request_reset),
        FormRoute::open(SET_BY_RESET, reset),
    ]
}

/// Sets the first password of an account. The person signs in with it next.
async fn accept(posted: FormRequest) -> FormAnswer {
    let mut token = String::new();
    let accepted = async {
        let form: LinkForm = posted.read()?;
        token = form.token;
        let password = SecretString::new(form.password);
        let accounts = posted.postern.accounts();
        accounts
            .accept_invitation(&token, password, &posted.origin)
            .await
    };
    match accepted.await {
        Ok(email) => FormAnswer::done(LOGIN, Flash::PasswordSet(email)),
        Err(refusal) => FormAnswer::refused(link_path(INVITATION, &token), refusal),
    }
}

/// Requests a link. The answer is the same whether or not there is such an account.
async fn request_reset(posted: FormRequest) -> FormAnswer {
    let mut form = ResetForm::default();
    let requested = async {
        form = posted.read()?;
        let mail = posted.postern.account_mail();
        mail.request_reset(&form.email, &posted.origin).await
    };
    match requested.await {
        Ok(()) => FormAnswer::done(RESET, Flash::ResetRequested),
        Err(refusal) => FormAnswer::refused_with_email(RESET, form.email, refusal),
    }
}

/// Sets a new password by a mailed link. The person signs in with it next.
async fn reset(posted: FormRequest) -> FormAnswer {
    let mut token = String::new();
    let set = async {
        let form: LinkForm = posted.read()?;
        token = form.token;
        let password = SecretString::new(form.password);
        let mail = posted.postern.account_mail();
        mail.reset(&token, password, &posted.origin).await
    };
    match set.await {
        Ok(email) => FormAnswer::done(LOGIN, Flash::PasswordSet(email)),
        Err(refusal) => FormAnswer::refused(link_path(RESET, &token), refusal),
    }
}
