//! `postern check-domain`: whether receivers believe mail of a domain, as text or JSON.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::diagnosis::transcript::TranscriptLine;
use domain::mail::domain_check::{CheckState, DomainCheck, DomainFinding};
use serde_json::json;

use crate::cli::CheckDomainArgs;
use crate::commands::bootstrap::{Bootstrap, operator};
use crate::process::terminal::Terminal;

pub async fn check_domain(
    bootstrap: Bootstrap,
    args: CheckDomainArgs,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let checked = postern.domains().check(&operator(), &args.domain).await;
    postern.close().await;
    let check = checked?;
    match args.json {
        true => writeln!(io::stdout(), "{}", as_json(&check))?,
        false => Terminal::stdout().lines(lines(&check))?,
    }
    Ok(match check.state() {
        CheckState::Ok | CheckState::Warning => ExitCode::SUCCESS,
        CheckState::Fault => ExitCode::FAILURE,
    })
}

/// The check as in the answer of `GET /api/domains/{domain}`.
fn as_json(check: &DomainCheck) -> serde_json::Value {
    json!({
        "domain": check.domain,
        "state": check.state(),
        "checked": check.checked_at.rfc3339(),
        "findings": check.findings,
    })
}

fn lines(check: &DomainCheck) -> Vec<TranscriptLine> {
    let findings = check.findings.iter();
    findings.flat_map(DomainFinding::transcript_lines).collect()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::mail::domain_check::CheckKind;

    use super::*;

    #[test]
    fn findings_are_printed_with_their_records() {
        let finding = DomainFinding {
            kind: CheckKind::Spf,
            state: CheckState::Fault,
            name: "example.org".to_owned(),
            found: vec!["v=spf1 -all".to_owned()],
            expected: Some("v=spf1 mx -all".to_owned()),
            why: "The record does not cover the relay.".to_owned(),
        };
        let missing = DomainFinding {
            kind: CheckKind::Dmarc,
            state: CheckState::Warning,
            name: "_dmarc.example.org".to_owned(),
            found: Vec::new(),
            expected: None,
            why: "There is none.".to_owned(),
        };
        let check = DomainCheck {
            domain: "example.org".to_owned(),
            checked_at: Timestamp(0),
            findings: vec![finding, missing],
        };
        let lines: Vec<String> = lines(&check).into_iter().map(|(_, text)| text).collect();
        assert_eq!(lines[0], "SPF    fault    example.org");
        assert_eq!(lines[1], "       is        v=spf1 -all");
        assert_eq!(lines[2], "       should be v=spf1 mx -all");
        assert_eq!(lines[4], "DMARC  warning  _dmarc.example.org");
        assert_eq!(lines[5], "       is        no record");
        let read = as_json(&check);
        assert_eq!(read["state"], "fault");
        assert_eq!(read["checked"], "1970-01-01T00:00:00Z");
        assert_eq!(read["findings"][0]["expected"], "v=spf1 mx -all");
        assert_eq!(read["findings"][1]["kind"], "dmarc");
    }
}
