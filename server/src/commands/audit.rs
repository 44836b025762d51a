//! The command `audit`: lists, exports and verifies the audit log.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::audit::{AuditRow, AuditSearch};
use domain::sanitize::printable;
use domain::{Fields, Refusal};
use engine::{AuditAnchor, AuditFault, AuditTampering, AuditVerification, Postern, VerifiedChain};
use futures::StreamExt;

use super::bootstrap::{Bootstrap, operator};
use crate::cli::{AuditCommand, AuditFilterArgs, AuditFormat};
use crate::process::stderr;

/// The longest text of a row in a line, in characters.
const TEXT_MAX: usize = 200;

/// The rows that are read at once.
const PAGE_ROWS: u32 = 500;

pub async fn audit(
    bootstrap: Bootstrap,
    command: AuditCommand,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let done = match command {
        AuditCommand::List {
            filter,
            limit,
            json,
            ..
        } => list(&postern, &filter, limit, json).await,
        AuditCommand::Export { filter, format, .. } => export(&postern, &filter, format).await,
        AuditCommand::Verify { .. } => verify(&postern).await,
        AuditCommand::AcceptRows { .. } => accept_rows(&postern).await,
    };
    postern.close().await;
    done
}

/// The search that the arguments ask for.
///
/// # Errors
/// The faults of the arguments by their names.
fn search(filter: &AuditFilterArgs) -> Result<AuditSearch, Refusal> {
    let given = [
        ("actor", &filter.actor),
        ("action", &filter.action),
        ("object", &filter.object),
        ("outcome", &filter.outcome),
        ("detail", &filter.detail),
        ("origin", &filter.origin),
        ("since", &filter.since),
        ("until", &filter.until),
    ];
    let given = given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    Fields::new(given).read(Fields::decode)
}

async fn list(
    postern: &Postern,
    filter: &AuditFilterArgs,
    limit: u32,
    json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let (search, operator) = (search(filter)?, operator());
    let (mut left, mut behind) = (limit, None);
    while left > 0 {
        let number = left.min(PAGE_ROWS);
        left -= number;
        let page = postern
            .audit()
            .list(&operator, &search, behind.as_ref(), number.into())
            .await?;
        let text = match json {
            true => AuditFormat::Lines.lines(page.rows)?,
            false => page.rows.iter().map(|row| line(row) + "\n").collect(),
        };
        io::stdout().write_all(text.as_bytes())?;
        behind = page.next;
        if behind.is_none() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn export(
    postern: &Postern,
    filter: &AuditFilterArgs,
    format: AuditFormat,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut parts = postern.audit().export(&operator(), search(filter)?).await?;
    let mut stdout = io::stdout();
    stdout.write_all(format.header().as_bytes())?;
    while let Some(rows) = parts.next().await {
        stdout.write_all(format.lines(rows?)?.as_bytes())?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn verify(postern: &Postern) -> Result<ExitCode, Box<dyn Error>> {
    let verified = postern.audit().verify(&operator()).await?;
    for line in report(&verified) {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(match verified.is_intact() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn accept_rows(postern: &Postern) -> Result<ExitCode, Box<dyn Error>> {
    let accepted = postern.audit().accept_unchained(&operator()).await?;
    let rows = number_of(accepted, "row is", "rows are");
    stderr::line(&format!(
        "{rows} accepted as written before there were chains, and not verified"
    ));
    Ok(ExitCode::SUCCESS)
}

/// A line of `audit list`. A stranger may have chosen a name with characters that a terminal acts on.
fn line(row: &AuditRow) -> String {
    let texts = [
        &row.actor,
        &row.origin,
        &row.action,
        &row.outcome,
        &row.detail,
    ];
    let mut line = row.at.rfc3339();
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        line.push_str("  ");
        line.push_str(&printable(text, TEXT_MAX));
    }
    line
}

/// The lines of `audit verify`.
fn report(verified: &AuditVerification) -> Vec<String> {
    let mut lines: Vec<String> = verified.chains.iter().map(chain_line).collect();
    if let Some((node, fault)) = &verified.stray {
        let node = printable(node, TEXT_MAX);
        lines.push(format!("{node}: {}; it is in no chain", fault_text(fault)));
    }
    let unchained = verified.unchained;
    if unchained > 0 {
        lines.push(format!(
            "{} no node's chain: written before there were chains, and not verified",
            number_of(unchained, "row is in", "rows are in")
        ));
    }
    let surplus = verified.surplus;
    if surplus > 0 {
        lines.push(format!(
            "{} no chain and {} not there when the chains began: inserted, or written by a node of an \
             earlier version, which `postern audit accept-rows` accepts",
            number_of(surplus, "row is in", "rows are in"),
            if surplus == 1 { "was" } else { "were" },
        ));
    }
    if surplus < 0 {
        let were = number_of(-surplus, "row was", "rows were");
        lines.push(format!("{were} taken away that had no place in a chain"));
    }
    if lines.is_empty() {
        lines.push("the audit log is empty".to_owned());
    }
    lines
}

fn chain_line(chain: &VerifiedChain) -> String {
    let node = printable(&chain.node, TEXT_MAX);
    let intact = number_of(chain.intact, "row is", "rows are");
    let mut line = match &chain.fault {
        Some(fault) => format!("{node}: {}; {intact} intact before it", fault_text(fault)),
        None => format!(
            "{node}: {intact} intact, the last hash is {}",
            chain.last_hash
        ),
    };
    if let Some(AuditAnchor { number, at }) = chain.anchor {
        line.push_str(&format!(
            "; retention removed the rows up to number {number}"
        ));
        if let Some(at) = at {
            line.push_str(&format!(" of {}", at.rfc3339()));
        }
    }
    line
}

/// What was done to a row, as in `row 7 (01J…, 2026-11-30T10:00:00Z) was changed`.
fn fault_text(fault: &AuditFault) -> String {
    let mut text = match fault.number {
        Some(number) => format!("row {number}"),
        None => "a row without a number".to_owned(),
    };
    if let (Some(id), Some(at)) = (&fault.id, fault.at) {
        text.push_str(&format!(" ({}, {})", printable(id, TEXT_MAX), at.rfc3339()));
    }
    text.push_str(match fault.tampering {
        AuditTampering::Changed => " was changed",
        AuditTampering::Removed => " was taken away",
        AuditTampering::Inserted => " was inserted",
    });
    text
}

fn number_of(number: i64, one: &str, several: &str) -> String {
    let noun = if number == 1 { one } else { several };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn chain(fault: Option<AuditFault>, anchor: Option<AuditAnchor>) -> VerifiedChain {
        VerifiedChain {
            node: "gate".to_owned(),
            intact: 6,
            anchor,
            last_hash: "ab".to_owned(),
            fault,
        }
    }

    fn fault(tampering: AuditTampering, id: Option<&str>) -> AuditFault {
        AuditFault {
            tampering,
            number: Some(7),
            id: id.map(str::to_owned),
            at: id.map(|_| Timestamp(0)),
        }
    }

    #[test]
    fn a_report_names_the_row_that_is_not_as_it_was_written() {
        let anchor = AuditAnchor {
            number: 3,
            at: Some(Timestamp(0)),
        };
        for (chain, expected) in [
            (
                chain(None, None),
                "gate: 6 rows are intact, the last hash is ab",
            ),
            (
                chain(None, Some(anchor)),
                "gate: 6 rows are intact, the last hash is ab; retention removed the rows up to number 3 of \
                 1970-01-01T00:00:00Z",
            ),
            (
                chain(Some(fault(AuditTampering::Changed, Some("01J"))), None),
                "gate: row 7 (01J, 1970-01-01T00:00:00Z) was changed; 6 rows are intact before it",
            ),
            (
                chain(Some(fault(AuditTampering::Removed, None)), None),
                "gate: row 7 was taken away; 6 rows are intact before it",
            ),
        ] {
            let verified = AuditVerification {
                chains: vec![chain],
                stray: None,
                unchained: 0,
                surplus: 0,
            };
            assert_eq!(report(&verified), [expected]);
        }
    }

    #[test]
    fn a_report_counts_the_rows_in_no_chain() {
        let stray = AuditFault {
            number: None,
            ..fault(AuditTampering::Inserted, Some("01J"))
        };
        let verified = |stray, unchained, surplus| AuditVerification {
            chains: Vec::new(),
            stray,
            unchained,
            surplus,
        };
        let named = Some(("gate".to_owned(), stray));
        for (verified, expected) in [
            (verified(None, 0, 0), vec!["the audit log is empty"]),
            (
                verified(None, 12, 0),
                vec![
                    "12 rows are in no node's chain: written before there were chains, and not verified",
                ],
            ),
            (
                verified(None, 3, 1),
                vec![
                    "3 rows are in no node's chain: written before there were chains, and not verified",
                    "1 row is in no chain and was not there when the chains began: inserted, or written by a node of \
                     an earlier version, which `postern audit accept-rows` accepts",
                ],
            ),
            (
                verified(None, 0, -2),
                vec!["2 rows were taken away that had no place in a chain"],
            ),
            (
                verified(named, 0, 0),
                vec![
                    "gate: a row without a number (01J, 1970-01-01T00:00:00Z) was inserted; it is in no \
                     chain",
                ],
            ),
        ] {
            assert_eq!(report(&verified), expected);
        }
    }

    #[test]
    fn a_line_has_no_character_that_a_terminal_acts_on() {
        let row = AuditRow {
            id: "01J".to_owned(),
            at: Timestamp(0),
            actor: "a\u{1b}[31m".to_owned(),
            origin: "192.0.2.7".to_owned(),
            action: "login".to_owned(),
            outcome: "refused (401)".to_owned(),
            detail: String::new(),
            place: None,
        };
        let expected = "1970-01-01T00:00:00Z  a[31m  192.0.2.7  login  refused (401)";
        assert_eq!(line(&row), expected);
    }

    #[test]
    fn arguments_are_criteria() {
        let filter = AuditFilterArgs {
            actor: Some("ann".to_owned()),
            since: Some("2026-11-20".to_owned()),
            ..AuditFilterArgs::default()
        };
        let search = search(&filter).expect("valid");
        let names: Vec<&str> = search.pairs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["actor", "since"]);
        let wrong = AuditFilterArgs {
            object: Some("thing".to_owned()),
            ..AuditFilterArgs::default()
        };
        let refusal = super::search(&wrong).expect_err("refused");
        assert!(refusal.fields.contains_key("object"));
    }
}
