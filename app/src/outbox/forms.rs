//! The forms of the outbox: do and stop an action, pause and resume delivery.

use std::time::Duration;

use domain::{Kind, Refusal};
use tokio::time::timeout;

use super::action::ActionRequest;
use super::overview::pauses;
use super::paths::{ACT, OUTBOX, PAUSE, STOP_ACT};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(ACT, act),
        FormRoute::new(STOP_ACT, stop_act),
        FormRoute::new(PAUSE, pause),
    ]
}

/// How long a form waits for the end of an action. One that takes longer goes on, and the page shows its
/// progress.
const WAIT: Duration = Duration::from_secs(1);

/// Does the confirmed act. If it would now change more messages than were confirmed, nothing is done
/// and the confirmation is shown again.
async fn act(posted: FormRequest) -> FormAnswer {
    let mut page = OUTBOX.to_owned();
    let acted = async {
        let actor = posted.actor()?;
        let request = ActionRequest::parse(posted.fields()?)?;
        page = request.page_url();
        let ActionRequest {
            action,
            selection,
            confirmed,
        } = &request;
        let outbox = posted.postern.outbox();
        let act = outbox.act(actor, *action, selection, confirmed.as_ref());
        match timeout(WAIT, act).await {
            Err(_) => Ok(FormAnswer::redirect(page.clone())),
            Ok(Ok(number)) => {
                let done = Flash::Acted(*action, number);
                Ok(FormAnswer::done(page.clone(), done))
            }
            Ok(Err(refusal)) if refusal.fields.contains_key("number") => {
                Ok(FormAnswer::redirect(request.confirm_url()))
            }
            Ok(Err(refusal)) => Err(refusal),
        }
    };
    match acted.await {
        Ok(answer) => answer,
        Err(refusal) => FormAnswer::refused(page, refusal),
    }
}

async fn stop_act(posted: FormRequest) -> FormAnswer {
    let stopped = async {
        let actor = posted.actor()?;
        match posted.postern.outbox().stop_act(actor).await {
            // It has ended meanwhile: the page shows how.
            Err(refusal) if refusal.kind == Kind::NotFound => Ok(()),
            stopped => stopped,
        }
    };
    match stopped.await {
        Ok(()) => FormAnswer::redirect(OUTBOX),
        Err(refusal) => FormAnswer::refused(OUTBOX, refusal),
    }
}

async fn pause(posted: FormRequest) -> FormAnswer {
    let switched = async {
        let actor = posted.actor()?;
        let on = pauses(posted.fields()?)?;
        posted.postern.outbox().pause_delivery(actor, on).await?;
        Ok::<_, Refusal>(if on { Flash::Paused } else { Flash::Resumed })
    };
    match switched.await {
        Ok(done) => FormAnswer::done(OUTBOX, done),
        Err(refusal) => FormAnswer::refused(OUTBOX, refusal),
    }
}
