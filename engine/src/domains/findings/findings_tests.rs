//! Tests of the findings about a domain, with zones of their own.

use domain::Timestamp;
use domain::mail::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};

use super::{CheckedDomain, SendingRelay, check};
use crate::domains::zone_tests::TestZone;

fn relay(name: &str, host: &str) -> SendingRelay {
    SendingRelay {
        name: name.to_owned(),
        host: host.parse().expect("a host"),
        address: None,
    }
}

fn key(selector: &str, state: DkimKeyState) -> DkimKeyView {
    DkimKeyView {
        id: selector.to_owned(),
        domain: "example.org".to_owned(),
        selector: selector.to_owned(),
        algorithm: DkimAlgorithm::Ed25519,
        public_key: "AAAA".to_owned(),
        state,
        is_usable: true,
        created_at: Timestamp(0),
        created_by: String::new(),
        activated_at: None,
        removal_at: None,
    }
}

/// The findings about example.org of a kind.
async fn findings(
    kind: CheckKind,
    zone: &str,
    relays: &[SendingRelay],
    keys: &[DkimKeyView],
) -> Vec<DomainFinding> {
    let checked = CheckedDomain {
        domain: "example.org",
        relays,
        keys,
    };
    let mut all = check(&TestZone::parse(zone), &checked).await;
    all.retain(|finding| finding.kind == kind);
    all
}

async fn one(kind: CheckKind, zone: &str, relays: &[SendingRelay]) -> DomainFinding {
    let mut found = findings(kind, zone, relays, &[]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test]
async fn spf_covers_the_relays_or_a_record_is_suggested() {
    use CheckState::{Fault, Ok, Warning};
    let own = || relay("Main relay", "mail.example.org");
    let google = || relay("Google", "smtp.gmail.com");
    let address = "mail.example.org A 198.51.100.1\n";
    for (zone, relays, state, expected) in [
        (
            "",
            vec![own()],
            Fault,
            Some("v=spf1 a:mail.example.org ~all"),
        ),
        ("", vec![], Fault, Some("v=spf1 ~all")),
        (
            "example.org TXT v=spf1 a:mail.example.org -all",
            vec![own()],
            Ok,
            None,
        ),
        (
            "example.org TXT v=spf1 ip4:198.51.100.0/24 -all",
            vec![own()],
            Ok,
            None,
        ),
        (
            "example.org TXT v=spf1 ip4:203.0.113.1 -all",
            vec![own()],
            Fault,
            Some("v=spf1 ip4:203.0.113.1 a:mail.example.org -all"),
        ),
        (
            "example.org TXT v=spf1 ip4:203.0.113.1 ~all",
            vec![own(), google()],
            Warning,
            Some("v=spf1 ip4:203.0.113.1 a:mail.example.org ~all"),
        ),
        (
            "example.org TXT v=spf1 include:_spf.google.com -all
            _spf.google.com TXT v=spf1 ip4:203.0.113.0/24 ~all",
            vec![google()],
            Ok,
            None,
        ),
        ("example.org TXT v=spf1 +all", vec![own()], Warning, None),
        (
            "example.org TXT v=spf1 ipv4:1.2.3.4 -all",
            vec![own()],
            Fault,
            None,
        ),
        ("example.org FAIL", vec![own()], Warning, None),
        (
            "example.org TXT v=spf1 include:a.example -all\na.example FAIL",
            vec![own()],
            Warning,
            None,
        ),
        (
            "example.org TXT v=spf1 mx -all\nexample.org TXT v=spf1 a ~all",
            vec![own()],
            Fault,
            Some("v=spf1 mx a a:mail.example.org ~all"),
        ),
        // Nobody can tell what a relay on this machine sends from.
        (
            "example.org TXT v=spf1 -all",
            vec![relay("Local", "127.0.0.1")],
            Ok,
            None,
        ),
    ] {
        let zone = format!("{address}{zone}");
        let found = one(CheckKind::Spf, &zone, &relays).await;
        assert_eq!(found.state, state, "{zone}: {}", found.why);
        assert_eq!(found.expected.as_deref(), expected, "{zone}");
        assert_eq!(found.name, "example.org");
        let is_there = zone.contains("example.org TXT");
        assert_eq!(found.found.is_empty(), !is_there, "{zone}");
    }
}

#[tokio::test]
async fn records_of_keys_are_compared() {
    use CheckState::{Fault, Ok, Warning};
    use DkimKeyState::{Active, Pending, Retiring};
    let right = "s._domainkey.example.org TXT v=DKIM1; k=ed25519; p=AA AA";
    let other = "s._domainkey.example.org TXT v=DKIM1; k=ed25519; p=BBBB";
    let of_rsa = "s._domainkey.example.org TXT p=AAAA";
    let revoked = "s._domainkey.example.org TXT v=DKIM1; k=ed25519; p=";
    for (state, zone, expected) in [
        (Active, right, Ok),
        (Active, "", Fault),
        (Active, other, Fault),
        (Active, of_rsa, Fault),
        (Active, revoked, Fault),
        (Active, "s._domainkey.example.org FAIL", Warning),
        (Pending, right, Ok),
        (Pending, "", Warning),
        (Retiring, right, Ok),
        (Retiring, "", Warning),
    ] {
        let found = findings(CheckKind::Dkim, zone, &[], &[key("s", state)]).await;
        let of_key = found.last().expect("a finding");
        assert_eq!(of_key.state, expected, "{state:?} {zone}: {}", of_key.why);
        assert_eq!(of_key.name, "s._domainkey.example.org");
        let is_suggested = zone != right && !zone.ends_with("FAIL");
        let record = is_suggested.then_some("v=DKIM1; k=ed25519; p=AAAA");
        assert_eq!(of_key.expected.as_deref(), record, "{state:?} {zone}");
        // Without an active key mail is not signed.
        assert_eq!(found.len(), if state == Active { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_record_that_receivers_do_not_use_is_named() {
    use CheckState::{Fault, Ok, Warning};
    use DkimKeyState::{Active, Pending, Retiring};
    for (state, tags, expected, text) in [
        (Active, "t=y", Warning, "(t=y)"),
        (Active, "t=s : y", Warning, "(t=y)"),
        (Pending, "t=y", Warning, "(t=y)"),
        (Active, "t=s", Ok, "can verify it"),
        (Active, "h=sha1:sha256; s=email", Ok, "can verify it"),
        (Active, "s=*", Ok, "can verify it"),
        (Active, "h=sha1", Fault, "(h= without sha256)"),
        (Active, "s=tlsrpt", Fault, "(s= without * or email)"),
        (Pending, "s=tlsrpt", Warning, "(s= without * or email)"),
        (Retiring, "h=sha1", Warning, "(h= without sha256)"),
    ] {
        let zone = format!("s._domainkey.example.org TXT v=DKIM1; k=ed25519; {tags}; p=AAAA");
        let found = findings(CheckKind::Dkim, &zone, &[], &[key("s", state)]).await;
        let of_key = found.last().expect("a finding");
        assert_eq!(of_key.state, expected, "{state:?} {tags}: {}", of_key.why);
        assert!(of_key.why.contains(text), "{tags}: {}", of_key.why);
        assert!(!of_key.why.contains("another one"), "{}", of_key.why);
        let record = (expected != Ok).then_some("v=DKIM1; k=ed25519; p=AAAA");
        assert_eq!(of_key.expected.as_deref(), record, "{tags}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_unsealed_is_named() {
    let lost = DkimKeyView {
        is_usable: false,
        ..key("s", DkimKeyState::Active)
    };
    let zone = format!("{} TXT {}", lost.record_name(), lost.record());
    let found = findings(CheckKind::Dkim, &zone, &[], &[lost]).await;
    assert_eq!(found[0].state, CheckState::Fault);
    assert!(
        found[0].why.contains("cannot be opened"),
        "{}",
        found[0].why
    );
}

#[tokio::test]
async fn dmarc_needs_spf_or_dkim() {
    use CheckState::{Fault, Ok, Warning};
    let spf = "example.org TXT v=spf1 a:mail.example.org -all\nmail.example.org A 198.51.100.1\n";
    let dkim = "s._domainkey.example.org TXT v=DKIM1; k=ed25519; p=AAAA\n";
    let active = [key("s", DkimKeyState::Active)];
    let relays = [relay("Main relay", "mail.example.org")];
    for (zone, keys, state, why) in [
        (String::new(), &active[..0], Warning, "has a DMARC record"),
        (
            "_dmarc.example.org TXT v=DMARC1; p=reject".to_owned(),
            &[],
            Fault,
            "neither by SPF nor by DKIM",
        ),
        (
            "_dmarc.example.org TXT v=DMARC1; p=none".to_owned(),
            &[],
            Warning,
            "The policy is none",
        ),
        (
            format!("{spf}_dmarc.example.org TXT v=DMARC1; p=reject"),
            &[],
            Ok,
            "by SPF alone",
        ),
        // DNS knows no address of the relay.
        (
            "example.org TXT v=spf1 -all\n_dmarc.example.org TXT v=DMARC1; p=reject".to_owned(),
            &[],
            Warning,
            "by SPF is not known",
        ),
        (
            format!("{dkim}_dmarc.example.org TXT v=DMARC1; p=reject; adkim=s"),
            &active[..],
            Ok,
            "Mail passes by DKIM",
        ),
        // The key signs, and its record is not there.
        (
            "_dmarc.example.org TXT v=DMARC1; p=reject".to_owned(),
            &active,
            Fault,
            "neither",
        ),
        (
            format!("{spf}{dkim}_dmarc.example.org TXT v=DMARC1; p=none"),
            &active,
            Ok,
            "by SPF and by DKIM",
        ),
        (
            "_dmarc.example.org TXT v=DMARC1; p=all".to_owned(),
            &[],
            Fault,
            "no policy",
        ),
        (
            "_dmarc.example.org TXT v=DMARC1; p=none\n_dmarc.example.org TXT v=DMARC1; p=none"
                .to_owned(),
            &[],
            Fault,
            "several records",
        ),
        (
            "_dmarc.example.org FAIL".to_owned(),
            &[],
            Warning,
            "SERVFAIL",
        ),
    ] {
        let found = findings(CheckKind::Dmarc, &zone, &relays, keys).await;
        assert_eq!(found[0].state, state, "{zone}: {}", found[0].why);
        assert!(found[0].why.contains(why), "{zone}: {}", found[0].why);
    }
}

#[tokio::test]
async fn the_policy_for_subdomains_applies_below_the_record() {
    let zone = TestZone::parse("_dmarc.example.org TXT v=DMARC1; p=reject; sp=none");
    let checked = CheckedDomain {
        domain: "news.example.org",
        relays: &[],
        keys: &[],
    };
    let all = check(&zone, &checked).await;
    let found = all.iter().find(|finding| finding.kind == CheckKind::Dmarc);
    let found = found.expect("a finding");
    assert_eq!(
        (found.name.as_str(), found.state),
        ("_dmarc.example.org", CheckState::Warning)
    );
    assert!(found.why.contains("The policy is none"), "{}", found.why);
    assert!(
        found.why.contains("The record of example.org applies."),
        "{}",
        found.why
    );
}

#[tokio::test]
async fn records_have_no_control_characters() {
    let zone = "example.org TXT v=spf1 \u{1b}[31mfoo -all";
    let found = one(CheckKind::Spf, zone, &[]).await;
    assert_eq!(found.state, CheckState::Fault);
    for text in [&found.found[0], &found.why] {
        assert!(text.contains("foo") && !text.contains('\u{1b}'), "{text:?}");
    }
}

#[tokio::test]
async fn a_domain_receives_replies() {
    use CheckState::{Fault, Ok, Warning};
    for (zone, state) in [
        (
            "example.org MX 10 mx.example.org\nmx.example.org A 192.0.2.1",
            Ok,
        ),
        (
            "example.org MX 10 a.example\nexample.org MX 20 b.example\nb.example AAAA 2001:db8::1",
            Ok,
        ),
        ("example.org MX 10 mx.example.org", Fault),
        ("example.org MX 0", Fault),
        ("example.org A 192.0.2.1", Warning),
        ("", Fault),
        ("example.org FAIL", Warning),
    ] {
        let found = one(CheckKind::Mx, zone, &[]).await;
        assert_eq!(found.state, state, "{zone}: {}", found.why);
    }
    let found = one(CheckKind::Mx, "example.org MX 0\n", &[]).await;
    assert_eq!(found.found, ["0 ."]);
}
