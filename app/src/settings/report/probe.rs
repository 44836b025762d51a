//! The report of a probe: a table of the attempts, the recommendation, a button that fills it in.

use domain::probe::{Candidate, ProbeResult, ProbeRow, Recommendation};
use domain::{ConnectionType, EmailAddress, Form, Label, ProbeReport, Refusal};
use engine::ProbeRequest;

use crate::live::{RunKind, Snapshot};
use crate::server_prelude::*;
use crate::settings::state::{Preset, SettingsAction, Username};

/// The request of a form. Where it names a host, the address only gives a user name, and may be
/// incomplete.
pub fn request(form: &Form) -> ProbeRequest {
    let text = |label| form.get(label).to_owned();
    let (host, address) = (text(Label::Host), text(Label::FromAddress));
    let unfinished = address.parse::<EmailAddress>().is_err();
    ProbeRequest {
        address: match unfinished && !host.trim().is_empty() {
            true => String::new(),
            false => address,
        },
        host,
        port: text(Label::Port),
        form: Some(form.clone()),
    }
}

/// The refusal with the names of the form's fields.
pub fn by_form_field(mut refusal: Refusal) -> Refusal {
    for (field, label) in [
        ("host", Label::Host),
        ("address", Label::FromAddress),
        ("port", Label::Port),
    ] {
        if let Some(text) = refusal.fields.remove(field) {
            refusal.add(label.as_str(), text);
        }
    }
    refusal
}

/// The snapshot of a probe so far.
pub fn snapshot(probed: &ProbeReport) -> Snapshot {
    let summary = probed.summary.as_ref();
    let waiting = probed.rows.len() - probed.results().count();
    let status = match summary {
        Some(_) if probed.recommends() => "Settings were found.".to_owned(),
        Some(_) => "No connection works.".to_owned(),
        None if probed.rows.is_empty() => "Querying DNS".to_owned(),
        None => format!("Trying {waiting} connections"),
    };
    let html = view! {
        <div id=RunKind::Probe.report()>
        {summary.map(|summary| {
            let recommendation = summary.recommendation.clone();
            let sound = probed.results().any(|found| recommendation.is(found) && is_sound(found));
            view! { <Recommended recommendation sound /> }
        })}
        <Table probed=probed.clone() />
        </div>
    };
    Snapshot {
        status,
        html: html.to_html(),
        last: summary.is_some(),
        ..Snapshot::default()
    }
}

#[component]
fn Table(probed: ProbeReport) -> impl IntoView {
    if probed.rows.is_empty() {
        let asking = "Looking up the submission servers of this domain.";
        let asking = probed.summary.is_none().then_some(asking);
        return view! { <p class="field-hint">{asking}</p> }.into_any();
    }
    let recommendation = probed.summary.map(|summary| summary.recommendation);
    let seconds = recommendation
        .is_none()
        .then(|| format!("{} s", probed.seconds));
    let rows = probed.rows.into_iter().map(|row| match row {
        ProbeRow::Pending(candidate) => view! { <PendingRow candidate /> }.into_any(),
        ProbeRow::Finished(found) => {
            let best = recommendation.as_ref().is_some_and(|r| r.is(&found));
            view! { <FinishedRow found=*found best /> }.into_any()
        }
    });
    view! {
        <div class="candidates" role="region" aria-label="Connections to the relay" tabindex="0">
            <table>
                <caption>
                    <span>{probed.asked}</span>
                    <span class="candidates-seconds">{seconds}</span>
                </caption>
                <thead>
                    <tr>
                        <th scope="col">"Host"</th>
                        <th scope="col">"Port"</th>
                        <th scope="col">"Type"</th>
                        <th scope="col">"Result"</th>
                        <th scope="col">"Sign-in"</th>
                        <th scope="col">"Time"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn CandidateCells(candidate: Candidate) -> AnyView {
    view! {
        <td>{candidate.host}</td>
        <td class="candidate-port">{candidate.port}</td>
        <td class="candidate-type">{candidate.connection_type.as_str()}</td>
    }
    .into_any()
}

#[component]
fn PendingRow(candidate: Candidate) -> AnyView {
    view! {
        <tr class="candidate candidate-pending">
            <CandidateCells candidate />
            <td>"trying"</td>
            <td></td>
            <td></td>
        </tr>
    }
    .into_any()
}

/// Whether it is encrypted, with a valid certificate.
fn is_sound(found: &ProbeResult) -> bool {
    found.certificate_fault().is_none() && found.candidate.connection_type != ConnectionType::None
}

#[component]
fn FinishedRow(found: ProbeResult, best: bool) -> AnyView {
    let class = match found.failure {
        Some(_) => "candidate candidate-bad",
        None if is_sound(&found) => "candidate candidate-good",
        None => "candidate candidate-warn",
    };
    let fault = found
        .certificate
        .as_ref()
        .filter(|seen| seen.fault.is_some());
    let fault = fault.map(|seen| view! { <p class="candidate-detail">{seen.verdict.clone()}</p> });
    let words = found.description();
    let encryption = found.encryption.map(|version| format!(", {version}"));
    // The description names the cause, but not the reply of a relay that was reached.
    let detail = found
        .failure
        .filter(|_| found.reachable && found.cause.is_some())
        .map(|failure| failure.to_string());
    view! {
        <tr class=class class:candidate-recommended=best>
            <CandidateCells candidate=found.candidate />
            <td>
                {words}{encryption}{best.then(|| view! { <strong>", recommended"</strong> })}
                {detail.map(|detail| view! { <p class="candidate-detail">{detail}</p> })} {fault}
            </td>
            <td>{found.authentication.join(", ")}</td>
            <td class="candidate-time">{found.milliseconds.to_string()}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn Recommended(recommendation: Recommendation, sound: bool) -> AnyView {
    let found = !recommendation.settings.is_empty();
    let (class, title) = match (found, sound) {
        (true, true) => ("notice notice-good", "Settings were found."),
        (true, false) => ("notice notice-warn", "Settings were found."),
        (false, _) => ("notice notice-bad", "No connection works."),
    };
    let action = SettingsAction::Fill(preset(&recommendation));
    let values = recommendation.settings.into_iter().map(|(label, value)| {
        view! {
            <div>
                <dt>{label.title()}</dt>
                <dd>{value}</dd>
            </div>
        }
    });
    let reason = recommendation
        .reason
        .into_iter()
        .map(|sentence| view! { <p>{sentence}</p> });
    view! {
        <div class=class>
            <p>
                <strong>{title}</strong>
            </p>
            <dl class="recommended-settings">{values.collect_view()}</dl>
            {reason.collect_view()}
            {found
                .then(|| {
                    view! {
                        <button class="button button-primary" type="button" data-action=action.attribute()>
                            "Use these settings"
                        </button>
                    }
                })}
        </div>
    }
    .into_any()
}

/// The recommended settings. A user name on the form is kept.
fn preset(recommendation: &Recommendation) -> Preset {
    let mut preset = Preset::default();
    for (label, value) in &recommendation.settings {
        match label {
            Label::Username => preset.username = Username::IfEmpty(value.clone()),
            _ => preset.values.push((*label, value.clone())),
        }
    }
    preset
}
