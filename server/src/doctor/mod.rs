//! `postern doctor`: one page of checks of what `postern serve` needs, each with its repair.

mod certificates;
mod configuration;
mod finding;
mod machine;
mod network;
mod storage;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use domain::diagnosis::transcript::TranscriptLine;
use engine::{Clock, Inspection, RelayFindings};
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::command_socket;
use crate::commands::bootstrap::Bootstrap;
use crate::http::origin::public_url::PublicUrl;
use crate::process::terminal::Terminal;
use finding::{Finding, FindingState};
use network::{ListenProtocol, Listening};

/// Checks, and prints what was found.
pub async fn doctor(bootstrap: &Bootstrap, args: &DoctorArgs) -> Result<ExitCode, Box<dyn Error>> {
    let inspection = bootstrap.inspect().await;
    let mut findings = of_storage(bootstrap, args, &inspection);
    let clock_difference = match &inspection.database {
        Ok(Some(found)) => found.clock_difference,
        _ => None,
    };
    findings.push(machine::clock(&bootstrap.data, clock_difference));
    findings.push(machine::open_files());
    findings.extend(of_certificates(args));
    for listening in listeners(args) {
        findings.push(network::listening(listening).await);
    }
    findings.extend(of_sockets(bootstrap, args));
    let (url, address) = (args.listen.public_url.as_deref(), args.listen.listen);
    let has_tls = matches!(args.listen.tls.files(), Ok(Some(_)));
    findings.push(configuration::public_url(url, address, has_tls));
    findings.extend(configuration::proxies(&args.listen.trusted_proxies));
    let relays = relays(&inspection);
    findings.push(configuration::relay(relays));
    findings.push(network::resolver(relays).await);
    match args.json {
        true => writeln!(io::stdout(), "{}", as_json(&findings))?,
        false => Terminal::stdout().lines(lines(&findings))?,
    }
    Ok(match state(&findings) {
        FindingState::Ok | FindingState::Warning => ExitCode::SUCCESS,
        FindingState::Fault => ExitCode::FAILURE,
    })
}

fn of_storage(bootstrap: &Bootstrap, args: &DoctorArgs, inspection: &Inspection) -> Vec<Finding> {
    let is_sqlite = bootstrap.is_local();
    let mut findings = vec![
        storage::data_folder(&bootstrap.data),
        storage::keys(inspection),
    ];
    findings.extend(storage::database(inspection, is_sqlite));
    if is_sqlite {
        findings.push(storage::disk(&bootstrap.data, args.queue.minfree()));
    }
    findings
}

fn of_certificates(args: &DoctorArgs) -> Vec<Finding> {
    let now = Clock::default().now();
    let url = args.listen.public_url.as_deref();
    let url = url.and_then(|url| PublicUrl::parse(url).ok());
    let host = url.as_ref().map(PublicUrl::host);
    let http = certificates::certificate("certificate", args.listen.tls.files(), host, now);
    let smtp = certificates::certificate("SMTP certificate", args.submission.files(), None, now);
    let missing = match (&http, &smtp) {
        (None, None) => {
            let (plain, secure) = (args.submission.submission, args.submission.submissions);
            certificates::missing_for_smtp(plain, secure)
        }
        _ => None,
    };
    [http, smtp, missing].into_iter().flatten().collect()
}

/// The addresses that `postern serve` listens on. The system chooses those with the port 0.
fn listeners(args: &DoctorArgs) -> Vec<Listening> {
    let http = match args.listen.tls.files() {
        Ok(None) => ListenProtocol::Http,
        Ok(Some(_)) | Err(_) => ListenProtocol::Tls,
    };
    let listening = |check, address, spoken, argument| Listening {
        check,
        address,
        spoken,
        argument,
    };
    let metrics = args.listen.metrics_listen;
    let (plain, secure) = (args.submission.submission, args.submission.submissions);
    let listeners = [
        Some(listening("HTTP", args.listen.listen, http, "--listen")),
        metrics.map(|at| listening("metrics", at, ListenProtocol::Http, "--metrics-listen")),
        plain.map(|at| listening("submission", at, ListenProtocol::Smtp, "--submission")),
        secure.map(|at| listening("submissions", at, ListenProtocol::Tls, "--submissions")),
    ];
    let listeners = listeners.into_iter().flatten();
    listeners
        .filter(|found| found.address.port() != 0)
        .collect()
}

fn of_sockets(bootstrap: &Bootstrap, args: &DoctorArgs) -> Vec<Finding> {
    let commands = command_socket::path(&args.command_socket, &bootstrap.data);
    let named = |path: &&PathBuf| !path.as_os_str().is_empty();
    let submit = args.submission.submit_socket.as_ref().filter(named);
    let submit = submit.map(|path| network::socket("submit socket", path, "--submit-socket"));
    let commands = network::socket("command socket", &commands, "--socket");
    [commands].into_iter().chain(submit).collect()
}

/// The saved relays; `None` where the database cannot be read.
fn relays(inspection: &Inspection) -> Option<&RelayFindings> {
    match &inspection.database {
        Ok(Some(found)) => found.relays.as_ref(),
        _ => None,
    }
}

/// That of the worst finding.
fn state(findings: &[Finding]) -> FindingState {
    let states = findings.iter().map(|finding| finding.state);
    states.max().unwrap_or(FindingState::Ok)
}

fn as_json(findings: &[Finding]) -> Value {
    json!({ "state": state(findings), "findings": findings })
}

fn lines(findings: &[Finding]) -> Vec<TranscriptLine> {
    findings.iter().flat_map(Finding::lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let ok = Finding::ok("keys", "one");
        let warning = Finding::warning("relay", "none", "save one");
        let fault = Finding::fault("disk", "full", "free some space");
        for (findings, expected) in [
            (vec![], FindingState::Ok),
            (vec![ok.clone(), warning.clone()], FindingState::Warning),
            (vec![ok, fault, warning], FindingState::Fault),
        ] {
            assert_eq!(state(&findings), expected);
        }
    }

    #[test]
    fn findings_are_printed_as_one_object() {
        let fault = Finding::fault("disk", "full", "free some space");
        let found = as_json(&[fault]);
        let expected = json!({
            "state": "fault",
            "findings": [
                { "check": "disk", "state": "fault", "text": "full", "repair": "free some space" },
            ],
        });
        assert_eq!(found, expected);
    }
}
