//! Suggests SPF records: the mechanism that covers a relay, merged into the record as it is.

use domain::Host;

use super::evaluation::is_spf;

/// The SPF records of providers, by the parent domain of their relays, from their documentation as of
/// November 2026.
const INCLUDES: [(&str, &str); 8] = [
    ("gmail.com", "_spf.google.com"),
    ("office365.com", "spf.protection.outlook.com"),
    ("amazonaws.com", "amazonses.com"),
    ("sendgrid.net", "sendgrid.net"),
    ("mailgun.org", "mailgun.org"),
    ("postmarkapp.com", "spf.mtasv.net"),
    ("mailjet.com", "spf.mailjet.com"),
    ("brevo.com", "spf.brevo.com"),
];

/// The mechanism that lets a relay send: the record of its provider, or its addresses.
pub fn covering_mechanism(relay: &Host) -> String {
    match relay {
        Host::Address(address) if address.is_ipv4() => format!("ip4:{address}"),
        Host::Address(address) => format!("ip6:{address}"),
        Host::Name(name) => {
            let is_of = |parent: &str| {
                let rest = name.strip_suffix(parent);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            match INCLUDES.iter().find(|(parent, _)| is_of(parent)) {
                Some((_, include)) => format!("include:{include}"),
                None => format!("a:{name}"),
            }
        }
    }
}

/// One record from those of a domain and further mechanisms, each once. The result for all other addresses
/// stays; in a new record that is `~all`.
pub fn merged(records: &[String], mechanisms: &[String]) -> String {
    let mut terms: Vec<&str> = Vec::new();
    let mut ends: Vec<&str> = Vec::new();
    let existing = records.iter().filter(|record| is_spf(record));
    for term in existing.flat_map(|record| record.split(' ').skip(1)) {
        let lower = term.to_ascii_lowercase();
        let name = lower.trim_start_matches(['+', '-', '~', '?']);
        if term.is_empty() {
            continue;
        }
        match name == "all" || lower.starts_with("redirect=") || lower.starts_with("exp=") {
            true => add(&mut ends, term),
            false => add(&mut terms, term),
        }
    }
    for mechanism in mechanisms {
        add(&mut terms, mechanism);
    }
    // Of several records the last one that ends in `all` or a redirect decides.
    let is_end = |term: &&str| !term.to_ascii_lowercase().starts_with("exp=");
    let end = ends.iter().rfind(|term| is_end(term)).copied();
    let explanation = ends.iter().find(|term| !is_end(term)).copied();
    let rest = [Some(end.unwrap_or("~all")), explanation];
    let all = ["v=spf1"].into_iter().chain(terms);
    all.chain(rest.into_iter().flatten())
        .collect::<Vec<_>>()
        .join(" ")
}

fn add<'t>(terms: &mut Vec<&'t str>, term: &'t str) {
    if !terms.iter().any(|known| known.eq_ignore_ascii_case(term)) {
        terms.push(term);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_covered_by_their_provider_or_address() {
        for (relay, mechanism) in [
            ("smtp.gmail.com", "include:_spf.google.com"),
            (
                "email-smtp.eu-west-1.amazonaws.com",
                "include:amazonses.com",
            ),
            ("smtp.eu.mailgun.org", "include:mailgun.org"),
            ("notgmail.com", "a:notgmail.com"),
            ("mail.example.org", "a:mail.example.org"),
            ("192.0.2.1", "ip4:192.0.2.1"),
            ("2001:db8::1", "ip6:2001:db8::1"),
        ] {
            let host: Host = relay.parse().expect("a host");
            assert_eq!(covering_mechanism(&host), mechanism);
        }
    }

    #[test]
    fn mechanisms_are_merged_into_what_is_there() {
        for (records, mechanisms, expected) in [
            (
                &[""; 0][..],
                &["a:m.example.org"][..],
                "v=spf1 a:m.example.org ~all",
            ),
            (
                &["v=spf1 mx -all"],
                &["a:m.example.org"],
                "v=spf1 mx a:m.example.org -all",
            ),
            (&["v=spf1 mx -all"], &["MX"], "v=spf1 mx -all"),
            (&["v=spf1 mx"], &["a"], "v=spf1 mx a ~all"),
            (
                &["v=spf1 mx redirect=_spf.example.org exp=e.example.org"],
                &["ip4:192.0.2.1"],
                "v=spf1 mx ip4:192.0.2.1 redirect=_spf.example.org exp=e.example.org",
            ),
            (
                &["v=spf1 mx -all", "other=1", "v=spf1 a mx ~all"],
                &["include:_spf.google.com"],
                "v=spf1 mx a include:_spf.google.com ~all",
            ),
        ] {
            let owned = |texts: &[&str]| {
                texts
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>()
            };
            let merged = merged(&owned(records), &owned(mechanisms));
            assert_eq!(merged, expected);
            assert!(
                super::super::record::SpfRecord::parse(&merged).is_ok(),
                "{merged}"
            );
        }
    }
}
