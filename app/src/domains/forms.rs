//! The forms of DKIM keys: make, activate, remove.

use engine::DkimActivation;

use super::requests::{DkimKeyActivation, DkimKeyId, NewDkimKeyForm, typed_domain_path};
use super::{ACTIVATE_DKIM_KEY, DOMAINS, MAKE_DKIM_KEY, REMOVE_DKIM_KEY, domain_path};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};
use crate::request::with_query;

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(MAKE_DKIM_KEY, make),
        FormRoute::new(ACTIVATE_DKIM_KEY, activate),
        FormRoute::new(REMOVE_DKIM_KEY, remove),
    ]
}

async fn make(posted: FormRequest) -> FormAnswer {
    let mut path = DOMAINS.to_owned();
    let made = async {
        let actor = posted.actor()?;
        let form = NewDkimKeyForm::parse(posted.fields()?)?;
        path = typed_domain_path(&form.domain);
        let domains = posted.postern.domains();
        let made = domains.create_key(actor, &form.domain, form.algorithm);
        made.await
    };
    match made.await {
        Ok(key) => FormAnswer::done(domain_path(&key.domain), Flash::DkimKeyMade(key.selector)),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

async fn activate(posted: FormRequest) -> FormAnswer {
    let mut path = DOMAINS.to_owned();
    let activated = async {
        let actor = posted.actor()?;
        let form = DkimKeyActivation::parse(posted.fields()?)?;
        let DkimKeyId { domain, id } = form.key;
        path = typed_domain_path(&domain);
        let activation = match form.anyway {
            true => DkimActivation::Anyway,
            false => DkimActivation::WhenPublished,
        };
        let domains = posted.postern.domains();
        domains.activate_key(actor, &domain, &id, activation).await
    };
    match activated.await {
        Ok(key) => {
            let done = Flash::DkimKeyActivated(key.selector);
            FormAnswer::done(domain_path(&key.domain), done)
        }
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

async fn remove(posted: FormRequest) -> FormAnswer {
    let mut path = DOMAINS.to_owned();
    let removed = async {
        let actor = posted.actor()?;
        let DkimKeyId { domain, id } = DkimKeyId::parse(posted.fields()?)?;
        path = with_query(REMOVE_DKIM_KEY, [("domain", &domain), ("id", &id)]);
        let domains = posted.postern.domains();
        domains.remove_key(actor, &domain, &id).await
    };
    match removed.await {
        Ok(key) => {
            let done = Flash::DkimKeyRemoved(key.selector);
            FormAnswer::done(domain_path(&key.domain), done)
        }
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}
