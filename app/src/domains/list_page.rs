//! The page that lists the From domains with the state of each check, for administrators.

use domain::mail::domain_check::{CheckKind, FromDomain, FromDomains};
use engine::Postern;

use super::badge::CheckBadge;
use super::{DOMAINS, domain_path, typed_domain_path};
use crate::components::{ErrorNotice, SearchField, refused};
use crate::layout::console_page;
use crate::request::{other_fault, query, redirect};
use crate::server_prelude::*;

/// The field of the domain to check.
const DOMAIN: &str = "domain";

#[component]
pub fn DomainsPage() -> impl IntoView {
    console_page("Domains", |actor| {
        let postern = expect_context::<Postern>();
        let asked = query(DOMAIN).filter(|domain| !domain.trim().is_empty());
        if let Some(domain) = &asked {
            // What is no name of a domain is refused there.
            redirect(&typed_domain_path(domain.trim()));
        }
        let fault = other_fault(&[]);
        Suspend::new(async move {
            if asked.is_some() {
                return ().into_any();
            }
            let domains = match postern.domains().list(&actor).await {
                Ok(domains) => domains,
                Err(refusal) => return refused(&refusal),
            };
            view! {
                <div class="page">
                    <header class="page-head">
                        <h1>"Domains"</h1>
                        <p>
                            "The domains that mail is sent from, and whether receivers believe it: SPF says which hosts may send, DKIM signs, DMARC says what to do with mail that neither proves, and MX receives the replies."
                        </p>
                        <p>
                            "Listed are the domains of the From addresses and rules of relays, of the addresses and other sender addresses of accounts, and of DKIM keys, at most "
                            {FromDomains::MAX.to_string()}
                            ". Programs that may send from any address may use other domains: any domain can be checked below."
                        </p>
                    </header>
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    <List domains />
                    <CheckForm />
                </div>
            }
            .into_any()
        })
    })
}

/// How many domains are listed, where more are in use.
fn left_out(listed: usize, left_out: usize) -> Option<String> {
    let number = listed + left_out;
    (left_out > 0).then(|| {
        format!(
            "{listed} of {number} domains are listed. Those that nothing but addresses of accounts uses are left out first."
        )
    })
}

#[component]
fn List(domains: FromDomains) -> AnyView {
    let left_out = left_out(domains.listed.len(), domains.left_out).map(|text| {
        view! {
            <div class="notice notice-warn">
                <p>{text}</p>
            </div>
        }
    });
    view! {
        {left_out}
        <Rows listed=domains.listed />
    }
    .into_any()
}

#[component]
fn Rows(listed: Vec<FromDomain>) -> AnyView {
    if listed.is_empty() {
        let text = "No relay, account, sender address or DKIM key has a domain that DNS can be asked about.";
        return view! { <p class="card mail-empty">{text}</p> }.into_any();
    }
    let rows = listed.into_iter().map(|listed| {
        let href = domain_path(&listed.domain);
        let states = CheckKind::ALL.iter().map(|&kind| {
            let state = listed.check.state_of(kind);
            view! { <CheckBadge state about=kind.name() /> }
        });
        view! {
            <li>
                <div class="suppression-info">
                    <strong class="relay-name">
                        <a href=href>{listed.domain}</a>
                    </strong>
                    <span class="mail-detail">"Used by " {listed.used_by.join(", ")}</span>
                </div>
                <div class="domain-states">{states.collect_view()}</div>
            </li>
        }
    });
    view! { <ul class="card suppressions">{rows.collect_view()}</ul> }.into_any()
}

/// The form that checks a domain which may not be in use yet.
#[component]
fn CheckForm() -> AnyView {
    view! {
        <section class="card" aria-labelledby="check-title">
            <header class="card-head">
                <h2 id="check-title">"Check another domain"</h2>
                <p>"Before mail is sent from it. DKIM keys for it are made on its page."</p>
            </header>
            <form class="card-body" method="get" action=DOMAINS>
                <div class="narrow">
                    <SearchField name=DOMAIN label="Domain" value=String::new() />
                </div>
                <div class="buttons">
                    <button class="button button-secondary" type="submit">
                        "Check"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_not_whole_says_so() {
        assert_eq!(left_out(0, 0), None);
        assert_eq!(left_out(200, 0), None);
        let text = left_out(200, 13).expect("a text");
        assert!(
            text.starts_with("200 of 213 domains are listed. "),
            "{text}"
        );
    }
}
