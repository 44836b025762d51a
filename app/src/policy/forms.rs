//! The forms of the organisation's policy.

use domain::Refusal;

use super::networks::{TypedNetworks, networks_change};
use super::request::policy_change;
use super::{POLICY, POLICY_NETWORKS};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(POLICY, save),
        FormRoute::new(POLICY_NETWORKS, save_networks),
    ]
}

async fn save(posted: FormRequest) -> FormAnswer {
    let saved = async {
        let actor = posted.actor()?;
        let change = policy_change(posted.fields()?)?;
        posted.postern.policy().save(actor, change).await?;
        Ok::<_, Refusal>(())
    };
    match saved.await {
        Ok(()) => FormAnswer::done(POLICY, Flash::PolicySaved),
        Err(refusal) => FormAnswer::refused(POLICY, refusal),
    }
}

/// Saves the networks of administrators. Those that were refused are shown as they were typed.
async fn save_networks(posted: FormRequest) -> FormAnswer {
    let mut typed = None;
    let saved = async {
        let actor = posted.actor()?;
        let fields = posted.fields()?;
        typed = Some(TypedNetworks::of(fields));
        let change = networks_change(fields)?;
        let accounts = posted.postern.accounts();
        accounts.set_administrator_networks(actor, change).await?;
        Ok::<_, Refusal>(())
    };
    let saved = saved.await;
    match (saved, typed) {
        (Ok(()), _) => FormAnswer::done(POLICY, Flash::NetworksSaved),
        (Err(refusal), Some(typed)) => FormAnswer::refused_with(POLICY, typed, refusal),
        (Err(refusal), None) => FormAnswer::refused(POLICY, refusal),
    }
}
