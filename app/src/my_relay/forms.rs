//! The forms of an account's own relay: back to the organisation's, and a check now.

use domain::Refusal;
use domain::settings::relay::OWN;

use super::{CHECK_MY_RELAY, MY_RELAY, REMOVE_MY_RELAY};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(REMOVE_MY_RELAY, remove),
        FormRoute::new(CHECK_MY_RELAY, check),
    ]
}

async fn remove(posted: FormRequest) -> FormAnswer {
    let removed = async {
        let actor = posted.actor()?;
        let own = posted.postern.settings().of_account(actor)?;
        own.remove(actor).await?;
        Ok::<_, Refusal>(())
    };
    match removed.await {
        Ok(()) => FormAnswer::done(MY_RELAY, Flash::OwnRelayRemoved),
        Err(refusal) => FormAnswer::refused(REMOVE_MY_RELAY, refusal),
    }
}

async fn check(posted: FormRequest) -> FormAnswer {
    let checked = async {
        let actor = posted.actor()?;
        posted.postern.health().check_now(actor, OWN).await
    };
    match checked.await {
        Ok(()) => FormAnswer::done(MY_RELAY, Flash::CheckRequested),
        Err(refusal) => FormAnswer::refused(MY_RELAY, refusal),
    }
}
