//! The check of the From domain beside a diagnosis: its findings, or that DNS did not answer.

use domain::mail::domain_check::DiagnosedDomain;

use crate::domains::{Finding, domain_path};
use crate::server_prelude::*;

#[component]
pub fn FromDomainReport(checked: DiagnosedDomain) -> AnyView {
    let path = domain_path(&checked.domain);
    let findings = match checked.answered {
        true => {
            let findings = checked.findings.into_iter();
            let rows = findings.map(|finding| view! { <Finding finding /> });
            view! { <ul class="suppressions">{rows.collect_view()}</ul> }.into_any()
        }
        false => view! {
            <p class="card-body">
                "DNS did not answer before the end of the diagnosis, so the domain was not checked."
            </p>
        }
        .into_any(),
    };
    view! {
        <section class="card" aria-labelledby="from-domain-title">
            <header class="card-head">
                <h3 id="from-domain-title">"From domain " {checked.domain}</h3>
                <p>
                    "Whether receivers believe mail that leaves through this relay. "
                    <a href=path>"Check the domain again"</a>
                </p>
            </header>
            {findings}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};

    use super::*;

    fn html(answered: bool, findings: Vec<DomainFinding>) -> String {
        let checked = DiagnosedDomain {
            domain: "example.org".to_owned(),
            answered,
            findings,
        };
        let owner = Owner::new();
        owner.with(|| view! { <FromDomainReport checked /> }.to_html())
    }

    #[test]
    fn findings_are_shown_or_that_there_are_none() {
        let finding = DomainFinding {
            kind: CheckKind::Spf,
            state: CheckState::Fault,
            name: "example.org".to_owned(),
            found: vec!["v=spf1 -all".to_owned()],
            expected: Some("v=spf1 a:mail.example.org -all".to_owned()),
            why: "The record does not cover <the relay>.".to_owned(),
        };
        let found = html(true, vec![finding]);
        for text in [
            "/domains/example.org",
            "v=spf1 -all",
            "v=spf1 a:mail.example.org -all",
            "does not cover &lt;the relay&gt;",
        ] {
            assert!(found.contains(text), "{text} in {found}");
        }
        assert!(!found.contains("DNS did not answer before"));
        let silent = html(false, Vec::new());
        assert!(silent.contains("DNS did not answer before"), "{silent}");
    }
}
