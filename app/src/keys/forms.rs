//! The forms of the page of keys: new keys, and the end of an old one.

use domain::Refusal;

use super::{KEYS, RETIRE_KEY, ROTATE_BROWSER_KEY, ROTATE_KEYS};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};
use crate::request::only_id;

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(ROTATE_KEYS, rotate),
        FormRoute::new(ROTATE_BROWSER_KEY, rotate_browser_key),
        FormRoute::new(RETIRE_KEY, retire),
    ]
}

async fn rotate(posted: FormRequest) -> FormAnswer {
    let rotated = async {
        let actor = posted.actor()?;
        posted.postern.sealing_keys().rotate(actor).await?;
        Ok(Flash::KeyMade)
    };
    to_page(rotated.await)
}

async fn rotate_browser_key(posted: FormRequest) -> FormAnswer {
    let rotated = async {
        let actor = posted.actor()?;
        let keys = posted.postern.sealing_keys();
        keys.rotate_browser_key(actor).await?;
        Ok(Flash::BrowserKeyMade)
    };
    to_page(rotated.await)
}

async fn retire(posted: FormRequest) -> FormAnswer {
    let retired = async {
        let actor = posted.actor()?;
        let id = only_id(posted.fields()?)?;
        posted.postern.sealing_keys().retire(actor, &id).await?;
        Ok(Flash::KeyRetired(id))
    };
    to_page(retired.await)
}

/// The page with what was done, or with the reason of a refusal.
fn to_page(done: Result<Flash, Refusal>) -> FormAnswer {
    match done {
        Ok(done) => FormAnswer::done(KEYS, done),
        Err(refusal) => FormAnswer::refused(KEYS, refusal),
    }
}
