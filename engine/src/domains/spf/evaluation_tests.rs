//! Tests of the evaluation of SPF records, with the examples of RFC 7208 appendix A.

use super::{SpfResult, evaluate};
use crate::domains::zone_tests::TestZone;

/// The zone of RFC 7208 appendix A.
const ZONE: &str = "
    example.com MX 10 mail-a.example.com
    example.com MX 20 mail-b.example.com
    example.com A 192.0.2.10
    example.com A 192.0.2.11
    amy.example.com A 192.0.2.65
    bob.example.com A 192.0.2.66
    mail-a.example.com A 192.0.2.129
    mail-b.example.com A 192.0.2.130
    example.org MX 10 mail-c.example.org
    mail-c.example.org A 192.0.2.140
";

/// The result for example.com with a record and further lines of the zone, and what decided it.
async fn result(record: &str, more: &str, address: &str) -> (SpfResult, String) {
    let zone = TestZone::parse(&format!("{ZONE}\nexample.com TXT {record}\n{more}"));
    let address = address.parse().expect("an address");
    let outcome = evaluate(&zone, "example.com", address).await;
    (outcome.result, outcome.by)
}

#[tokio::test]
async fn the_examples_of_the_rfc() {
    let all = [
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.65",
        "192.0.2.129",
        "192.0.2.130",
        "192.0.2.140",
    ];
    for (record, passing) in [
        ("v=spf1 +all", &all[..]),
        ("v=spf1 a -all", &all[..2]),
        ("v=spf1 a:example.org -all", &[]),
        ("v=spf1 mx -all", &all[3..5]),
        ("v=spf1 mx:example.org -all", &all[5..]),
        ("v=spf1 mx mx:example.org -all", &all[3..]),
        ("v=spf1 mx/30 mx:example.org/30 -all", &all[3..]),
        ("v=spf1 ip4:192.0.2.128/28 -all", &all[3..]),
        ("v=spf1 -all", &[]),
    ] {
        for address in all {
            let (result, by) = result(record, "", address).await;
            let expected = match passing.contains(&address) {
                true => SpfResult::Pass,
                false => SpfResult::Fail,
            };
            assert_eq!(result, expected, "{record} for {address}: {by}");
        }
    }
}

#[tokio::test]
async fn results_name_what_decided_them() {
    use SpfResult::{Fail, Neutral, Pass, PermError, SoftFail, TempError};
    let more = "
        _spf.example.net TXT v=spf1 ip4:198.51.100.0/24 ?all
        open.example.net TXT v=spf1 +all
        none.example.net A 192.0.2.1
        two.example.net TXT v=spf1 a -all
        two.example.net TXT v=spf1 mx -all
        wrong.example.net TXT v=spf1 foo
        broken.example.net FAIL
        3.2.0.192.in-addr._spf.example.com A 127.0.0.2
        v6.example.net AAAA 2001:db8::1
        _spf.example.com TXT v=spf1 a:amy.example.com -all
    ";
    for (record, address, expected, decided) in [
        ("v=spf1 a ~all", "192.0.2.10", Pass, "a"),
        ("v=spf1 a ~all", "192.0.2.99", SoftFail, "~all"),
        ("v=spf1 a ?all", "192.0.2.99", Neutral, "?all"),
        ("v=spf1 a", "192.0.2.99", Neutral, ""),
        ("V=SPF1 A", "192.0.2.10", Pass, "A"),
        ("v=spf1 -a +all", "192.0.2.10", Fail, "-a"),
        (
            "v=spf1 include:_spf.example.net -all",
            "198.51.100.7",
            Pass,
            "include:_spf.example.net",
        ),
        (
            "v=spf1 include:_spf.example.net -all",
            "203.0.113.7",
            Fail,
            "-all",
        ),
        (
            "v=spf1 include:none.example.net -all",
            "192.0.2.1",
            PermError,
            "none.example.net is included and has no SPF record",
        ),
        (
            "v=spf1 include:two.example.net -all",
            "192.0.2.1",
            PermError,
            "two.example.net has 2 SPF records",
        ),
        (
            "v=spf1 include:wrong.example.net -all",
            "192.0.2.1",
            PermError,
            "\"foo\" is no mechanism",
        ),
        (
            "v=spf1 include:broken.example.net -all",
            "192.0.2.1",
            TempError,
            "SERVFAIL",
        ),
        (
            "v=spf1 redirect=_spf.example.com",
            "192.0.2.65",
            Pass,
            "a:amy.example.com",
        ),
        (
            "v=spf1 redirect=_spf.example.com",
            "192.0.2.66",
            Fail,
            "-all",
        ),
        (
            "v=spf1 redirect=none.example.net",
            "192.0.2.1",
            PermError,
            "none.example.net has no SPF record",
        ),
        // Section 6.1: beside `all` a redirect does not count.
        (
            "v=spf1 -all redirect=open.example.net",
            "192.0.2.1",
            Fail,
            "-all",
        ),
        (
            "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all",
            "192.0.2.3",
            Pass,
            "exists:%{ir}.%{v}._spf.%{d2}",
        ),
        (
            "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all",
            "192.0.2.4",
            Fail,
            "-all",
        ),
        ("v=spf1 a:v6.example.net/0 -all", "192.0.2.1", Fail, "-all"),
        (
            "v=spf1 a:v6.example.net//64 -all",
            "2001:db8::2",
            Pass,
            "a:v6.example.net//64",
        ),
        (
            "v=spf1 ip6:2001:db8::/32 -all",
            "2001:db8::2",
            Pass,
            "ip6:2001:db8::/32",
        ),
        (
            "v=spf1 ip4:192.0.2.0/24 -all",
            "::ffff:192.0.2.5",
            Pass,
            "ip4:192.0.2.0/24",
        ),
        ("v=spf1 ptr -all", "192.0.2.65", Fail, "-all"),
        (
            "v=spf1 ip4:1 -all",
            "192.0.2.1",
            PermError,
            "\"ip4:1\" is no network",
        ),
    ] {
        let (result, by) = result(record, more, address).await;
        assert_eq!(
            (result, by.as_str()),
            (expected, decided),
            "{record} for {address}"
        );
    }
}

#[tokio::test]
async fn look_ups_are_limited() {
    let chain: String = (0..12)
        .map(|at| {
            format!(
                "c{at}.example.net TXT v=spf1 include:c{}.example.net\n",
                at + 1
            )
        })
        .collect();
    let (found, by) = result("v=spf1 include:c0.example.net -all", &chain, "192.0.2.1").await;
    assert_eq!(found, SpfResult::PermError);
    assert_eq!(by, "the record needs more than 10 look-ups");

    // Ten are permitted.
    let ten = "a:amy.example.com ".repeat(10);
    let (found, _) = result(&format!("v=spf1 {ten}-all"), "", "192.0.2.1").await;
    assert_eq!(found, SpfResult::Fail);
    let (found, _) = result(&format!("v=spf1 {ten}a -all"), "", "192.0.2.1").await;
    assert_eq!(found, SpfResult::PermError);

    let record = "v=spf1 a:x1.example.net a:x2.example.net -all";
    assert_eq!(result(record, "", "192.0.2.1").await.0, SpfResult::Fail);
    let record = "v=spf1 a:x1.example.net a:x2.example.net a:x3.example.net -all";
    let (found, by) = result(record, "", "192.0.2.1").await;
    assert_eq!(found, SpfResult::PermError);
    assert_eq!(by, "more than 2 names in the record do not exist");

    let many: String = (0..11)
        .map(|at| format!("many.example.net MX {at} m{at}.example.net\n"))
        .collect();
    let (found, _) = result("v=spf1 mx:many.example.net -all", &many, "192.0.2.1").await;
    assert_eq!(found, SpfResult::PermError);
}

#[tokio::test]
async fn a_domain_without_a_record_or_an_answer_is_told_apart() {
    let zone = TestZone::parse("broken.example FAIL\nother.example TXT v=spf10 -all");
    let address = "192.0.2.1".parse().expect("an address");
    for (domain, expected) in [
        ("broken.example", SpfResult::TempError),
        ("other.example", SpfResult::None),
        ("absent.example", SpfResult::None),
    ] {
        assert_eq!(
            evaluate(&zone, domain, address).await.result,
            expected,
            "{domain}"
        );
    }
}
