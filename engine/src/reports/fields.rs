//! The part of a report for mail systems: `message/delivery-status` (RFC 3464 section 2).

use std::net::IpAddr;

use domain::mail::dsn::decode_xtext;
use domain::outbox::ReportAction;
use domain::sanitize::printable;

use super::status::{StatusCode, reply};
use super::wrap::wrapped;
use super::{Report, ReportedRecipient};
use crate::mail::date;
use crate::smtp::to_ascii;

/// The longest diagnostic, in characters: a relay can send a reply of thousands.
const DIAGNOSTIC: usize = 500;

/// The longest value in one line, in characters: ORCPT has up to 500 (RFC 3461 section 4.2).
const LINE: usize = 600;

/// The fields. Lines end with CRLF; they are ASCII unless an address is not.
pub(super) fn fields(report: &Report<'_>) -> String {
    let mut out = String::new();
    if let Some(envid) = &report.message.dsn.envid {
        let decoded = decode_xtext(envid);
        line(
            &mut out,
            "Original-Envelope-Id",
            "",
            decoded.as_ref().unwrap_or(envid),
        );
    }
    line(&mut out, "Reporting-MTA", "dns; ", report.host);
    line(&mut out, "Arrival-Date", "", &date(report.message.accepted));
    for recipient in &report.recipients {
        out.push_str("\r\n");
        of_recipient(&mut out, report, recipient);
    }
    out
}

fn of_recipient(out: &mut String, report: &Report<'_>, recipient: &ReportedRecipient<'_>) {
    let result = recipient.result;
    let parameters = report.message.dsn.recipients.get(recipient.position);
    if let Some(orcpt) = parameters.and_then(|parameters| parameters.orcpt.as_deref()) {
        let (kind, address) = orcpt.split_once(';').unwrap_or(("rfc822", orcpt));
        let decoded = decode_xtext(address);
        let address = decoded.as_deref().unwrap_or(address);
        line(out, "Original-Recipient", &format!("{kind}; "), address);
    }
    let address = address(&result.address);
    let kind = match address.is_ascii() {
        true => "rfc822; ",
        false => "utf-8; ",
    };
    line(out, "Final-Recipient", kind, &address);
    line(out, "Action", "", result.cause.action().as_str());
    line(out, "Status", "", &StatusCode::of(result).to_string());
    if let Some(name) = remote_name(recipient.relay) {
        line(out, "Remote-MTA", "dns; ", &name);
    }
    let kind = match reply(&result.diagnostic) {
        Some(_) => "smtp; ",
        None => "X-Postern; ",
    };
    let ascii = |c: char| if c.is_ascii() { c } else { '?' };
    let diagnostic = printable(&result.diagnostic, DIAGNOSTIC);
    let diagnostic: String = diagnostic.chars().map(ascii).collect();
    out.push_str(&wrapped(
        &format!("Diagnostic-Code: {kind}"),
        " ",
        &diagnostic,
    ));
    out.push_str("\r\n");
    if let Some(at) = recipient.last_attempt {
        line(out, "Last-Attempt-Date", "", &date(at));
    }
    if let Some(until) = recipient.retry_until
        && result.cause.action() == ReportAction::Delayed
    {
        line(out, "Will-Retry-Until", "", &date(until));
    }
}

/// Writes a field in one line, its value behind `before`.
fn line(out: &mut String, name: &str, before: &str, value: &str) {
    let value = printable(value, LINE);
    out.push_str(&format!("{name}: {before}{value}\r\n"));
}

/// An address with its domain in ASCII, where that has such a form.
pub(super) fn address(address: &str) -> String {
    let ascii = address
        .rsplit_once('@')
        .and_then(|(local, domain)| Some(format!("{local}@{}", to_ascii(domain)?)));
    printable(&ascii.unwrap_or_else(|| address.to_owned()), LINE)
}

/// The host of a relay, without its port.
pub(super) fn host(relay: &str) -> &str {
    relay.rsplit_once(':').map_or(relay, |(host, _)| host)
}

/// The name of a relay as in Remote-MTA: a host name, or an address literal (RFC 5321 section 4.1.3).
fn remote_name(relay: &str) -> Option<String> {
    let host = host(relay).trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => Some(format!("[{ip}]")),
        Ok(IpAddr::V6(ip)) => Some(format!("[IPv6:{ip}]")),
        Err(_) => to_ascii(host).filter(|host| !host.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_named_without_its_port() {
        for (relay, name) in [
            ("smtp.example.org:587", Some("smtp.example.org")),
            ("192.0.2.1:25", Some("[192.0.2.1]")),
            ("[2001:db8::1]:25", Some("[IPv6:2001:db8::1]")),
            ("bücher.example:25", Some("xn--bcher-kva.example")),
            ("", None),
        ] {
            assert_eq!(remote_name(relay).as_deref(), name, "{relay}");
        }
    }

    #[test]
    fn only_a_local_part_is_left_in_utf_8() {
        for (given, written) in [
            ("desk@example.net", "desk@example.net"),
            ("desk@bücher.example", "desk@xn--bcher-kva.example"),
            ("büro@bücher.example", "büro@xn--bcher-kva.example"),
            ("no address\r\nBcc: a", "no addressBcc: a"),
        ] {
            assert_eq!(address(given), written);
        }
    }
}
