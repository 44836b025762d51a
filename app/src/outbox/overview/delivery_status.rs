//! The card with the delivery status: whether delivery is running, and what stops it if not.

use domain::outbox::{BackoffView, DeliveryStatus, Overview, Pause, RelayState};
use domain::settings::relay::MAIN;
use domain::{Fault, Timestamp};

use super::pause::PauseControl;
use super::throughput::{Fact, queue, throughput};
use crate::components::Time;
use crate::outbox::format::ahead;
use crate::outbox::viewer::Viewer;
use crate::relays::relay_path;
use crate::server_prelude::*;
use crate::settings::SETTINGS;

/// The relay by its name and address, where the name is known.
fn label(backoff: &BackoffView) -> String {
    match &backoff.name {
        Some(name) => format!("{name} ({})", backoff.relay),
        None => backoff.relay.clone(),
    }
}

/// The page that diagnoses a relay of the organisation.
pub fn diagnosis_page(backoff: &BackoffView) -> String {
    match backoff.id.as_deref() {
        None | Some(MAIN) => SETTINGS.to_owned(),
        Some(id) => relay_path(id),
    }
}

#[component]
pub fn DeliveryStatusCard(overview: Overview, viewer: Viewer) -> AnyView {
    let now = viewer.now;
    let queue = queue(&overview, now);
    let status = DeliveryStatus::of(&overview);
    let (class, title) = match &status {
        DeliveryStatus::Paused(_) => ("warn", "Delivery is paused.".to_owned()),
        DeliveryStatus::NoSettings => (
            "warn",
            "Messages are queued: no settings are saved.".to_owned(),
        ),
        DeliveryStatus::NoWorker => (
            "bad",
            "Messages are queued: no worker is running.".to_owned(),
        ),
        DeliveryStatus::BackingOff {
            backoffs,
            stopped,
            whole,
        } => {
            let relay = match (backoffs.as_slice(), stopped) {
                ([backoff], _) if viewer.admin => format!("{} is", label(backoff)),
                ([_], _) => "the relay is".to_owned(),
                (_, 1) => "1 relay is".to_owned(),
                (_, several) => format!("{several} relays are"),
            };
            let title = match whole {
                true => format!("Messages are queued: {relay} backing off."),
                false => format!("Delivery is running in part: {relay} backing off."),
            };
            ("bad", title)
        }
        DeliveryStatus::HalfOpen(backoffs) => {
            let relay = match backoffs.as_slice() {
                [backoff] if viewer.admin => label(backoff),
                [_] => "the relay".to_owned(),
                several => format!("{} relays", several.len()),
            };
            let title = format!("Delivery is running: the last attempt at {relay} failed.");
            ("warn", title)
        }
        DeliveryStatus::Running => ("good", "Delivery is running.".to_owned()),
    };
    let runs = matches!(
        status,
        DeliveryStatus::Running
            | DeliveryStatus::HalfOpen(_)
            | DeliveryStatus::BackingOff { whole: false, .. }
    );
    let throughput = if runs && viewer.admin {
        throughput(&overview)
    } else {
        Vec::new()
    };
    let details = match status {
        DeliveryStatus::Paused(pause) => paused(pause, viewer.admin),
        DeliveryStatus::NoSettings if viewer.admin => view! {
            <p>
                "Save the settings of your relay in the " <a href=SETTINGS>"Email setup"</a>
                "; queued messages are sent then."
            </p>
        }
        .into_any(),
        DeliveryStatus::NoWorker if viewer.admin => view! {
            <p>
                "Start " <code>"postern deliver"</code> ", or " <code>"postern serve"</code>
                " without " <code>"--no-delivery"</code> "."
            </p>
        }
        .into_any(),
        DeliveryStatus::BackingOff { backoffs, .. } | DeliveryStatus::HalfOpen(backoffs)
            if viewer.admin =>
        {
            let named = backoffs.len() > 1;
            let backoffs = backoffs.into_iter();
            backoffs
                .map(|backoff| {
                    let name = named.then(|| label(&backoff));
                    let diagnose = Some(diagnosis_page(&backoff));
                    view! { <Backoff backoff name diagnose now /> }
                })
                .collect_view()
                .into_any()
        }
        DeliveryStatus::NoSettings
        | DeliveryStatus::NoWorker
        | DeliveryStatus::BackingOff { .. } => {
            view! { <p>"An administrator has to repair this."</p> }.into_any()
        }
        DeliveryStatus::Running | DeliveryStatus::HalfOpen(_) => ().into_any(),
    };
    view! {
        <section class="card delivery-status" aria-label="Delivery status">
            // The element stays when the class changes, so that its text is announced.
            <p class="delivery-status-title" role="status">
                <span class=format!("delivery-status-{class}")>{title}</span>
            </p>
            {details}
            <dl class="delivery-status-facts">{queue.into_iter().chain(throughput).map(fact).collect_view()}</dl>
            {viewer.admin.then(|| view! { <PauseControl overview /> })}
        </section>
    }
    .into_any()
}

fn fact((name, value): Fact) -> AnyView {
    view! {
        <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
        </div>
    }
    .into_any()
}

fn paused(pause: Pause, admin: bool) -> AnyView {
    match pause.since {
        Some(at) if admin && pause.is_of_restore() => {
            let backup = match pause.backup_time() {
                Some(time) => format!("the backup was made, {time},"),
                None => "the backup was made".to_owned(),
            };
            view! {
                <p>"Since " <Time at /> ", when a backup was restored. Messages are accepted and not sent."</p>
                <p>
                    "Messages that were sent after " {backup}
                    " are queued again. Cancel those first: when delivery is resumed, what is queued is sent."
                </p>
            }
            .into_any()
        }
        Some(at) => {
            let by = (admin && !pause.by.is_empty()).then(|| format!(" by {}", pause.by));
            view! { <p>"Since " <Time at /> {by} ". Messages are accepted and not sent."</p> }
                .into_any()
        }
        None if admin => {
            let host = (!pause.by.is_empty()).then(|| format!(" on {}", pause.by));
            view! {
                <p>
                    "A Postern process" {host} " was started with " <code>"--hold-mail"</code> " or "
                    <code>"POSTERN_HOLD_MAIL"</code>
                    ". Messages are accepted and not sent; start it without them to deliver."
                </p>
            }
            .into_any()
        }
        None => view! { <p>"Messages are accepted and not sent."</p> }.into_any(),
    }
}

/// Why a relay takes no messages, since when, and when the next attempt follows.
#[component]
pub fn Backoff(
    backoff: BackoffView,
    /// The name of its relay, where it is shown.
    name: Option<String>,
    /// The page that diagnoses it, where the viewer may.
    diagnose: Option<String>,
    now: Timestamp,
) -> AnyView {
    let next = match backoff.state {
        RelayState::HalfOpen => ". The next mail tries it again".to_owned(),
        _ => format!(". Next attempt {}", ahead(backoff.next, now)),
    };
    let relay = name.map(|name| view! { <h3>{name}</h3> });
    let failure = backoff.failure;
    let why = match backoff.cause {
        None if failure.fault == Fault::OwnLimit => (
            "The limit of this relay is reached.".to_owned(),
            failure.detail.clone(),
        ),
        Some(found) => (
            format!("{}.", found.cause.title),
            found.cause.cause.to_owned(),
        ),
        None => (
            format!("It failed at “{}”.", failure.stage.title()),
            failure.detail.clone(),
        ),
    };
    let reply = failure.reply.map(|reply| {
        view! {
            <figure class="relay-reply">
                <figcaption>"The relay replied"</figcaption>
                <pre>{format!("{} {}", reply.code, reply.text)}</pre>
            </figure>
        }
    });
    view! {
        {relay}
        <p>
            <strong>{why.0}</strong>
            " "
            {why.1}
        </p>
        {reply}
        <p class="delivery-status-detail">
            "Since " <Time at=backoff.since /> {next} ". "
            {diagnose.map(|page| view! { <a href=format!("{page}#diagnose")>"Diagnose"</a> })}
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Failure, Stage};

    #[test]
    fn relays_at_the_same_address_are_told_apart() {
        let backoff = |id: &str, name: &str| BackoffView {
            relay: "smtp.example.org:587".to_owned(),
            id: Some(id.to_owned()),
            name: Some(name.to_owned()),
            account: None,
            state: RelayState::BackingOff,
            failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
            cause: None,
            since: Timestamp(5),
            next: Timestamp(6),
        };
        for (id, name, shown, page) in [
            (
                "01JD0000000000000000000001",
                "Backup",
                "Backup (smtp.example.org:587)",
                "/settings/relays/01JD0000000000000000000001",
            ),
            (
                MAIN,
                "Main relay",
                "Main relay (smtp.example.org:587)",
                "/settings/email",
            ),
        ] {
            let backoff = backoff(id, name);
            assert_eq!(label(&backoff), shown);
            assert_eq!(diagnosis_page(&backoff), page);
        }
    }
}
