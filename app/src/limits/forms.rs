//! The form that changes the limits of an account or of a token.

use domain::Refusal;

use super::LIMITS;
use super::request::{LimitsRequest, LimitsTarget, TypedLimits};
use crate::accounts::{ACCOUNTS, account_path};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Its route.
pub fn forms() -> Vec<FormRoute> {
    vec![FormRoute::new(LIMITS, save)]
}

async fn save(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let mut typed = TypedLimits::default();
    let saved = async {
        let actor = posted.actor()?;
        let fields = posted.fields()?;
        typed = TypedLimits::of(fields);
        let known = fields
            .iter()
            .filter(|(name, _)| name == "account" || name == "token");
        let known: Vec<(String, String)> = known.cloned().collect();
        path = LimitsTarget::parse(&known)?.path();
        let LimitsRequest { target, limits } = LimitsRequest::parse(fields)?;
        let (accounts, service) = (posted.postern.accounts(), posted.postern.limits());
        Ok::<_, Refusal>(match &target {
            LimitsTarget::Account(id) => {
                service.set_of_account(actor, id, limits).await?;
                let account = accounts.read(actor, id).await?;
                (account.id, account.email)
            }
            LimitsTarget::Token(id) => {
                service.set_of_token(actor, id, limits).await?;
                let token = accounts.token(actor, id).await?;
                (token.account.id, token.name)
            }
        })
    };
    match saved.await {
        Ok((account, name)) => FormAnswer::done(account_path(&account), Flash::LimitsChanged(name)),
        Err(refusal) => FormAnswer::refused_with(path, typed, refusal),
    }
}
