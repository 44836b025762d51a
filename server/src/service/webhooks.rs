//! Sends the events of webhooks by HTTP/1.1, over connections that the engine makes.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{Request, Response};
use engine::{Notifications, WebhookAttempt, WebhookOutcome};
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process::signals::GRACE;

/// The time for an attempt, from the look-up of the host to the head of the answer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// The time for the body of an answer, which only people read.
const BODY_TIME: Duration = Duration::from_secs(2);

/// The largest part of a body that is read, and the largest head of an answer, in octets.
const ANSWER_MAX: usize = 64 * 1024;

/// How long leases of abandoned attempts may take to be given up.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Sends events and mail about the health of relays until `stopped` is true, and then waits up to 10 s for
/// the attempts under way.
pub async fn run(notifications: Notifications, mut stopped: watch::Receiver<bool>) {
    let abandoned = watch::Sender::new(false);
    let mut running = JoinSet::new();
    let stop = async move { drop(stopped.wait_for(|stop| *stop).await) };
    tokio::pin!(stop);
    loop {
        // The engine logs failures of the database; what is due stays due.
        drop(notifications.send_due_mail().await);
        for attempt in notifications.claim_webhooks().await.unwrap_or_default() {
            running.spawn(deliver(
                notifications.clone(),
                attempt,
                abandoned.subscribe(),
            ));
        }
        tokio::select! {
            () = &mut stop => break,
            // The next event of its endpoint may be due.
            Some(_) = running.join_next() => {}
            () = notifications.wait() => {}
        }
    }
    if timeout(GRACE, idle(&mut running)).await.is_err() {
        abandoned.send_replace(true);
        let _ = timeout(LAST_WRITES, idle(&mut running)).await;
    }
}

async fn idle(running: &mut JoinSet<()>) {
    while running.join_next().await.is_some() {}
}

/// Makes an attempt and records its outcome, or gives up its lease when it is abandoned.
async fn deliver(
    notifications: Notifications,
    attempt: WebhookAttempt,
    mut abandoned: watch::Receiver<bool>,
) {
    let outcome = tokio::select! {
        outcome = post(&attempt, ATTEMPT) => Some(outcome),
        () = async { drop(abandoned.wait_for(|abandoned| *abandoned).await) } => None,
    };
    let recorded = match &outcome {
        Some(outcome) => notifications.record_webhook(&attempt, outcome).await,
        None => notifications.release_webhook(&attempt).await,
    };
    if recorded.is_err() {
        tracing::warn!("the outcome of a webhook was not recorded; the event is sent again");
    }
}

/// Posts an event; `within` is the time until the head of the answer. The status alone decides, so that a
/// body without an end does not.
pub async fn post(attempt: &WebhookAttempt, within: Duration) -> WebhookOutcome {
    let exchanged = timeout(within, exchange(attempt)).await;
    let answered = exchanged.unwrap_or_else(|_| {
        let seconds = within.as_secs();
        Err(format!("no answer within {seconds} s"))
    });
    match answered {
        Ok(Answer {
            response,
            sender,
            connection,
        }) => {
            let status = response.status().as_u16();
            let text = beginning(response).await;
            drop((sender, connection));
            WebhookOutcome::Answered { status, text }
        }
        Err(reason) => WebhookOutcome::Failed(reason),
    }
}

/// The head of an answer, and what its body comes by.
struct Answer {
    response: Response<Incoming>,
    /// Dropped, no more requests follow.
    sender: http1::SendRequest<Body>,
    /// Dropped, the connection is closed.
    connection: JoinSet<()>,
}

async fn exchange(attempt: &WebhookAttempt) -> Result<Answer, String> {
    let stream = attempt.connect().await?;
    let failed = |error: hyper::Error| format!("no answer in HTTP: {error}");
    let mut builder = http1::Builder::new();
    builder.max_buf_size(ANSWER_MAX);
    let opened = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, driver) = opened.map_err(failed)?;
    let mut connection = JoinSet::new();
    // Its failure is that of the request.
    connection.spawn(async move { drop(driver.await) });
    let mut request = Request::post(attempt.target())
        .header(HOST, attempt.authority())
        .header(USER_AGENT, "Postern")
        .header(CONTENT_TYPE, "application/json");
    for (name, value) in attempt.headers() {
        request = request.header(name, value);
    }
    let request = request
        .body(Body::from(attempt.body().to_owned()))
        .map_err(|error| format!("no request: {error}"))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    Ok(Answer {
        response,
        sender,
        connection,
    })
}

/// The beginning of a body, as far as it comes.
async fn beginning(response: Response<Incoming>) -> String {
    let mut chunks = Body::new(response.into_body()).into_data_stream();
    let mut bytes = Vec::new();
    let read = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            let free = ANSWER_MAX - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(free)]);
            if bytes.len() == ANSWER_MAX {
                break;
            }
        }
    };
    let _ = timeout(BODY_TIME, read).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
