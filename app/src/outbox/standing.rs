//! Whether mail flows, and if not, why: what somebody wants to know at night, before all else.

use domain::cause::{Cause, Observation, cause};
use domain::outbox::{BackoffView, Overview, Pause};
use domain::{ConnectionType, Form, Timestamp};
use leptos::prelude::*;

use super::Viewer;
use super::format::ahead;
use super::pace::{Fact, pace, waiting};
use super::pause::Holding;
use crate::moment::Moment;

/// What stands in the way first of all.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Held(Pause),
    NoSettings,
    NobodyDelivers,
    /// A relay is not well; others may be.
    BackoffView(Box<BackoffView>, bool),
    Flows,
}

fn standing(overview: &Overview) -> Standing {
    if let Some(pause) = &overview.pause {
        return Standing::Held(pause.clone());
    }
    if !overview.configured {
        return Standing::NoSettings;
    }
    if overview.workers.is_empty() {
        return Standing::NobodyDelivers;
    }
    let troubled = overview.workers.iter().filter_map(|w| w.trouble.clone());
    // The one that has lasted longest says most.
    let whole = overview.workers.iter().all(|w| w.trouble.is_some());
    match troubled.min_by_key(|trouble| trouble.since) {
        Some(trouble) => Standing::BackoffView(Box::new(trouble), whole),
        None => Standing::Flows,
    }
}

/// The cause of a relay's trouble, as the saved settings let it be known: those of another relay
/// say nothing.
pub fn known_cause(trouble: &BackoffView, form: &Form) -> Option<&'static Cause> {
    let settings = form.parse().ok()?;
    let relay = format!("{}:{}", settings.host, settings.port);
    if relay != trouble.relay {
        return None;
    }
    cause(&Observation {
        failure: &trouble.failure,
        settings: &settings,
        encrypted: settings.connection != ConnectionType::None,
        capabilities: &[],
    })
}

#[component]
pub fn StandingNow(
    overview: Overview,
    cause: Option<&'static Cause>,
    viewer: Viewer,
) -> impl IntoView {
    let now = viewer.now;
    let waits = waiting(&overview, now);
    let standing = standing(&overview);
    let (class, title) = match &standing {
        Standing::Held(_) => ("warn", "Delivery is paused.".to_owned()),
        Standing::NoSettings => ("warn", "Mail waits: no settings are saved.".to_owned()),
        Standing::NobodyDelivers => ("bad", "Mail waits: nobody delivers.".to_owned()),
        Standing::BackoffView(trouble, whole) => {
            let relay = if viewer.admin {
                &trouble.relay
            } else {
                "the relay"
            };
            let title = match whole {
                true => format!("Mail waits: {relay} is in trouble."),
                false => format!("Mail flows in part: {relay} is in trouble for some workers."),
            };
            ("bad", title)
        }
        Standing::Flows => ("good", "Mail flows.".to_owned()),
    };
    let flows = matches!(standing, Standing::Flows | Standing::BackoffView(_, false));
    let pace = if flows && viewer.admin {
        pace(&overview)
    } else {
        Vec::new()
    };
    let told = match standing {
        Standing::Held(pause) => held(pause, viewer.admin),
        Standing::NoSettings if viewer.admin => view! {
            <p>
                "Save where your mail leaves by in the " <a href="/settings/email">"Email setup"</a>
                "; what waits goes out then."
            </p>
        }
        .into_any(),
        Standing::NobodyDelivers if viewer.admin => view! {
            <p>
                "Start " <code>"postern deliver"</code> ", or " <code>"postern serve"</code>
                " without " <code>"--no-delivery"</code> "."
            </p>
        }
        .into_any(),
        Standing::BackoffView(trouble, _) if viewer.admin => {
            view! { <Troubled trouble=*trouble cause now /> }.into_any()
        }
        Standing::NoSettings | Standing::NobodyDelivers | Standing::BackoffView(..) => {
            view! { <p>"It goes out once an administrator has seen to it."</p> }.into_any()
        }
        Standing::Flows => ().into_any(),
    };
    view! {
        <section class="card standing" aria-label="Standing">
            // It stays when the tone changes, so that what it says is announced.
            <p class="standing-title" role="status">
                <span class=format!("standing-{class}")>{title}</span>
            </p>
            {told}
            <dl class="standing-facts">{waits.into_iter().chain(pace).map(fact).collect_view()}</dl>
            {viewer.admin.then(|| view! { <Holding overview /> })}
        </section>
    }
}

fn fact((name, value): Fact) -> impl IntoView {
    view! {
        <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
        </div>
    }
}

fn held(pause: Pause, admin: bool) -> AnyView {
    match pause.since {
        Some(at) => {
            let by = (admin && !pause.by.is_empty()).then(|| format!(" by {}", pause.by));
            view! { <p>"Since " <Moment at /> {by} ". Mail is accepted and kept back."</p> }
                .into_any()
        }
        None if admin => view! {
            <p>
                "This Postern was started with " <code>"--hold-mail"</code> " or "
                <code>"POSTERN_HOLD_MAIL"</code> ". Mail is accepted and kept back; start it without to let mail go."
            </p>
        }
        .into_any(),
        None => view! { <p>"Mail is accepted and kept back."</p> }.into_any(),
    }
}

#[component]
fn Troubled(trouble: BackoffView, cause: Option<&'static Cause>, now: Timestamp) -> impl IntoView {
    let failure = trouble.failure;
    let why = match cause {
        Some(cause) => (format!("{}.", cause.title), cause.cause.to_owned()),
        None => (
            format!("It failed at “{}”.", failure.stage.title()),
            failure.detail.clone(),
        ),
    };
    let words = failure.reply.map(|reply| {
        view! {
            <figure class="words">
                <figcaption>"The relay said"</figcaption>
                <pre>{format!("{} {}", reply.code, reply.text)}</pre>
            </figure>
        }
    });
    view! {
        <p>
            <strong>{why.0}</strong>
            " "
            {why.1}
        </p>
        {words}
        <p class="standing-more">
            "Since " <Moment at=trouble.since /> ". Tried again "
            {ahead(trouble.next, now)} ". " <a href="/settings/email#diagnose">"Diagnose"</a>
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outbox::Worker;
    use domain::{Failure, Fault, Label, Reply, Stage};

    fn worker(trouble: Option<i64>) -> Worker {
        Worker {
            host: "gate".to_owned(),
            connections: 3,
            per_minute: 100,
            latency: Some(40),
            trouble: trouble.map(|since| BackoffView {
                relay: "smtp.example.org:587".to_owned(),
                failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
                since: Timestamp(since),
                next: Timestamp(since + 1),
            }),
        }
    }

    #[test]
    fn what_stands_in_the_way_first_is_told() {
        let mut overview = Overview::default();
        assert_eq!(standing(&overview), Standing::NoSettings);
        overview.configured = true;
        assert_eq!(standing(&overview), Standing::NobodyDelivers);
        overview.workers = vec![worker(None)];
        assert_eq!(standing(&overview), Standing::Flows);
        overview.workers.extend([worker(Some(9)), worker(Some(5))]);
        let Standing::BackoffView(trouble, whole) = standing(&overview) else {
            panic!("{overview:?}");
        };
        assert_eq!((trouble.since, whole), (Timestamp(5), false));
        let pause = Pause {
            since: None,
            by: String::new(),
        };
        overview.pause = Some(pause.clone());
        assert_eq!(standing(&overview), Standing::Held(pause));
    }

    #[test]
    fn a_cause_is_told_of_the_relay_that_is_saved() {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .with(Label::ConnectionType, "None")
            .with(Label::AuthenticationType, "None");
        let mut trouble = worker(Some(1)).trouble.expect("trouble");
        trouble.failure = Failure::rejected(
            Stage::Auth,
            Reply::new(535, [b"5.7.8 no".as_slice()].into_iter()),
        );
        assert!(known_cause(&trouble, &form).is_some());
        trouble.relay = "smtp.example.net:587".to_owned();
        assert_eq!(known_cause(&trouble, &form), None);
    }
}
