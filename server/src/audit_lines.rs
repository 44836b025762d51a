//! Rows of the audit log as JSON and CSV, for REST and the command line.

#![allow(
    unused_qualifications,
    reason = "the code that utoipa generates qualifies its paths"
)]

use domain::Refusal;
use domain::audit::AuditRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cli::AuditFormat;

/// The first line of CSV.
const CSV_HEADER: &str =
    "id,at,at_milliseconds,actor,origin,action,outcome,detail,node,number,hash\r\n";

impl AuditFormat {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    /// The name of a file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Lines => "audit.jsonl",
            Self::Csv => "audit.csv",
        }
    }

    /// What the file begins with.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Lines => "",
            Self::Csv => CSV_HEADER,
        }
    }

    /// The lines of rows.
    pub fn lines(self, rows: Vec<AuditRow>) -> Result<String, Refusal> {
        let rows = rows.into_iter().map(AuditLine::from);
        match self {
            Self::Lines => rows.map(|row| json_line(&row)).collect(),
            Self::Csv => Ok(rows.map(csv_line).collect()),
        }
    }
}

/// A row of the audit log.
#[derive(Serialize, ToSchema)]
pub struct AuditLine {
    /// A ULID.
    #[schema(example = "01M7VNZG4GP5Q7R9S2T4V6W8X0")]
    id: String,
    #[schema(format = DateTime)]
    at: String,
    /// The same in milliseconds since 1970, which the hash covers.
    #[schema(example = 1_795_151_610_000_i64)]
    at_milliseconds: i64,
    /// The account or the token that acted, `uid` with the id of a local user, `Postern`, or the name that a
    /// stranger gave.
    #[schema(example = "admin@example.org")]
    actor: String,
    /// The address of the client, its network, or `this machine`.
    #[schema(example = "192.0.2.7")]
    origin: String,
    /// The act, as in `save settings`.
    #[schema(example = "pause delivery")]
    action: String,
    /// `done`, `verified`, or `refused` with the status; of backups also `begun` and `failed`.
    #[schema(example = "done")]
    outcome: String,
    /// What it was about; of a refusal, the names of the fields.
    #[schema(example = "begun")]
    detail: String,
    /// The node that wrote it; null in a row from before there were chains, as are the next two.
    #[schema(example = "mail-1")]
    node: Option<String>,
    /// Its number in the chain of the node, from 1.
    #[schema(example = 42)]
    number: Option<i64>,
    /// Its hash in the chain.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: Option<String>,
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        let (node, number, hash) = match row.place {
            Some(place) => (Some(place.node), Some(place.number), Some(place.hash)),
            None => (None, None, None),
        };
        Self {
            id: row.id,
            at: row.at.rfc3339(),
            at_milliseconds: row.at.0,
            actor: row.actor,
            origin: row.origin,
            action: row.action,
            outcome: row.outcome,
            detail: row.detail,
            node,
            number,
            hash,
        }
    }
}

fn json_line(line: &AuditLine) -> Result<String, Refusal> {
    let text = serde_json::to_string(line).map_err(|_| Refusal::internal())?;
    Ok(text + "\n")
}

/// A record (RFC 4180).
fn csv_line(line: AuditLine) -> String {
    let number = line.number.map(|number| number.to_string());
    let cells = [
        cell(&line.id),
        cell(&line.at),
        line.at_milliseconds.to_string(),
        cell(&line.actor),
        cell(&line.origin),
        cell(&line.action),
        cell(&line.outcome),
        cell(&line.detail),
        cell(&line.node.unwrap_or_default()),
        number.unwrap_or_default(),
        cell(&line.hash.unwrap_or_default()),
    ];
    cells.join(",") + "\r\n"
}

/// A text in quotes. Spreadsheets take a text that begins like a formula for one, also behind spaces: it gets an
/// apostrophe before it, which makes it a text.
fn cell(text: &str) -> String {
    let begins = text.trim_start().chars().next();
    let is_formula = matches!(
        begins,
        Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
    );
    let apostrophe = match is_formula || text.starts_with(['\t', '\r', '\n']) {
        true => "'",
        false => "",
    };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::audit::AuditPlace;

    use super::*;

    fn row(actor: &str, place: Option<AuditPlace>) -> AuditRow {
        AuditRow {
            id: "01JD0000000000000000000000".to_owned(),
            at: Timestamp(1_764_478_800_123),
            actor: actor.to_owned(),
            origin: "192.0.2.7".to_owned(),
            action: "save settings".to_owned(),
            outcome: "done".to_owned(),
            detail: "revision 7, \"main\"".to_owned(),
            place,
        }
    }

    fn placed() -> AuditRow {
        let place = AuditPlace {
            node: "gate".to_owned(),
            number: 7,
            hash: "ab".to_owned(),
        };
        row("ann@example.org", Some(place))
    }

    #[test]
    fn a_text_is_no_formula() {
        for (text, expected) in [
            ("ann@example.org", "\"ann@example.org\""),
            ("", "\"\""),
            ("say \"hi\", twice", "\"say \"\"hi\"\", twice\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "\"'\t=1\""),
            ("\ra", "\"'\ra\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("a=1", "\"a=1\""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn csv_has_a_cell_for_each_column() {
        let rows = vec![placed(), row("=1", None)];
        let text = AuditFormat::Csv.lines(rows).expect("formats");
        let expected = "\"01JD0000000000000000000000\",\"2025-11-30T05:00:00Z\",1764478800123,\
             \"ann@example.org\",\"192.0.2.7\",\"save settings\",\"done\",\
             \"revision 7, \"\"main\"\"\",\"gate\",7,\"ab\"\r\n\
             \"01JD0000000000000000000000\",\"2025-11-30T05:00:00Z\",1764478800123,\
             \"'=1\",\"192.0.2.7\",\"save settings\",\"done\",\
             \"revision 7, \"\"main\"\"\",\"\",,\"\"\r\n";
        assert_eq!(text, expected);
        let columns = CSV_HEADER.trim_end().split(',').count();
        let cells = csv_line(row("ann@example.org", None).into()).replace("7, ", "7; ");
        assert_eq!(cells.split(',').count(), columns);
    }

    #[test]
    fn a_json_line_has_the_names_of_the_columns() {
        let rows = vec![placed(), row("=1", None)];
        let text = AuditFormat::Lines.lines(rows).expect("formats");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        let names: Vec<&str> = CSV_HEADER.trim_end().split(',').collect();
        for line in &lines {
            let mut found: Vec<&str> = line
                .as_object()
                .expect("an object")
                .keys()
                .map(String::as_str)
                .collect();
            let mut expected = names.clone();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
        assert_eq!(lines[0]["number"], 7);
        assert_eq!(lines[1]["actor"], "=1");
        assert!(lines[1]["hash"].is_null());
    }
}
