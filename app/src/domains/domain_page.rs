//! The page of a domain: its check, its DKIM keys and the forms to make one, for administrators.

use domain::Refusal;
use domain::mail::dkim::{DKIM_RETENTION, DkimAlgorithm, DkimKeyView};
use domain::mail::domain_check::DomainCheck;
use domain::timestamp::in_words;
use engine::{Actor, Postern};

use super::badge::CheckBadge;
use super::finding::Finding;
use super::key_row::{KeyRow, algorithm_name};
use super::{DOMAINS, MAKE_DKIM_KEY};
use crate::components::{ActionButton, ErrorNotice, SuccessNotice, Time, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{other_fault, param};
use crate::server_prelude::*;

#[component]
pub fn DomainPage() -> impl IntoView {
    console_page("Domain", |actor| {
        let postern = expect_context::<Postern>();
        let domain = param("domain").unwrap_or_default();
        let fault = other_fault(&[]);
        let done = flash().and_then(done);
        Suspend::new(async move {
            match read(&postern, &actor, &domain).await {
                Ok((check, keys)) => view! { <Checked check keys fault done /> }.into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn read(
    postern: &Postern,
    actor: &Actor,
    domain: &str,
) -> Result<(DomainCheck, Vec<DkimKeyView>), Refusal> {
    let domains = postern.domains();
    let check = domains.check(actor, domain).await?;
    Ok((check, domains.keys(actor, domain).await?))
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::DkimKeyMade(selector) => Some(format!(
            "The key {selector} is made. Put its record into DNS, then activate it."
        )),
        Flash::DkimKeyActivated(selector) => Some(format!(
            "The key {selector} signs the mail of this domain from now on."
        )),
        Flash::DkimKeyRemoved(selector) => Some(format!("The key {selector} is removed.")),
        _ => None,
    }
}

#[component]
fn Checked(
    check: DomainCheck,
    keys: Vec<DkimKeyView>,
    fault: Option<String>,
    done: Option<String>,
) -> AnyView {
    let (state, domain) = (check.state(), check.domain.clone());
    let findings = check.findings.into_iter();
    let rows = findings.map(|finding| view! { <Finding finding /> });
    view! {
        <div class="page">
            <header class="page-head">
                <h1>{check.domain}</h1>
                <p>
                    <CheckBadge state about="Domain" /> " Asked DNS " <Time at=check.checked_at />
                    ". Load the page again to ask again. " <a href=DOMAINS>"All domains"</a>
                </p>
            </header>
            {fault.map(|text| view! { <ErrorNotice text /> })}
            {done.map(|text| view! { <SuccessNotice text /> })}
            <section class="card" aria-labelledby="records-title">
                <header class="card-head">
                    <h2 id="records-title">"Records"</h2>
                    <p>"What DNS says of this domain, and what it should say."</p>
                </header>
                <ul class="suppressions">{rows.collect_view()}</ul>
            </section>
            <Keys domain keys />
        </div>
    }
    .into_any()
}

#[component]
fn Keys(domain: String, keys: Vec<DkimKeyView>) -> AnyView {
    let list = match keys.is_empty() {
        true => view! { <p class="card-body">"This domain has no key."</p> }.into_any(),
        false => {
            let rows = keys.into_iter().map(|key| view! { <KeyRow key /> });
            view! { <ul class="suppressions">{rows.collect_view()}</ul> }.into_any()
        }
    };
    let makers = DkimAlgorithm::ALL.iter().map(|&algorithm| {
        let text = match algorithm {
            DkimAlgorithm::Rsa => "Make an RSA key",
            DkimAlgorithm::Ed25519 => "Make an Ed25519 key",
        };
        let fields = vec![
            ("domain", domain.clone()),
            ("algorithm", algorithm.as_str().to_owned()),
        ];
        let about = format!("{} for {domain}", algorithm_name(algorithm));
        view! { <ActionButton action=MAKE_DKIM_KEY text about fields /> }
    });
    view! {
        <section class="card" aria-labelledby="keys-title">
            <header class="card-head">
                <h2 id="keys-title">"DKIM keys of Postern"</h2>
                <p>
                    "An active key signs the mail of this domain when it is accepted. To replace a key, make another one, put its record into DNS, and activate it; the old one is kept for "
                    {in_words(DKIM_RETENTION)}
                    ". RSA is verified by every receiver; an Ed25519 key may sign beside it."
                </p>
            </header>
            {list}
            <div class="card-body">
                <div class="buttons">{makers.collect_view()}</div>
            </div>
        </section>
    }
    .into_any()
}
