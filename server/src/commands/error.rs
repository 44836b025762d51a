//! How a command ends that failed: its exit code, and its error as one line for each fault.

use std::error::Error;
use std::process::ExitCode;

use domain::refusal::REQUEST;
use domain::{Kind, Refusal};

use crate::process::stderr;

/// Prints an error and returns the exit code: 2 where an argument is invalid, as for those that clap
/// refuses, else 1.
pub fn report(error: &(dyn Error + 'static)) -> ExitCode {
    match error.downcast_ref::<Refusal>() {
        Some(refusal) => {
            for line in lines(refusal) {
                stderr::line(&line);
            }
            match refusal.kind {
                Kind::Invalid => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
        None => {
            stderr::line(&format!("error: {}", error.to_string().replace('\n', "; ")));
            ExitCode::FAILURE
        }
    }
}

/// The exit code of `audit verify` where the rows could not be read: 1 says that one is not as it was written.
const NOT_VERIFIED: u8 = 3;

/// Prints an error of `audit verify`, and returns its exit code.
pub fn report_not_verified(error: &(dyn Error + 'static)) -> ExitCode {
    let code = report(error);
    if is_tampering(error) {
        return code;
    }
    stderr::line("the audit log was not verified: this says nothing about its rows");
    ExitCode::from(NOT_VERIFIED)
}

/// Whether it says that another program changed the chains of the audit log so that they cannot be read.
fn is_tampering(error: &(dyn Error + 'static)) -> bool {
    let refusal = error.downcast_ref::<Refusal>();
    refusal.is_some_and(|refusal| refusal.kind == Kind::Conflict)
}

/// A line for each fault, with the argument that it is about.
fn lines(refusal: &Refusal) -> Vec<String> {
    let line = |(field, text): (&String, &String)| match argument(field) {
        "" => format!("error: {text}"),
        argument => format!("error: {argument}: {text}"),
    };
    refusal.fields.iter().map(|(f, t)| line((f, t))).collect()
}

/// The argument that a field is given by; empty for faults of the command as a whole, and for fields
/// that the command has no argument for.
fn argument(field: &str) -> &'static str {
    match field {
        REQUEST => "",
        "to" => "--to",
        "port" | "smtp_port" => "--port",
        "from_address" => "--from",
        "smtp_host" => "--host",
        "smtp_connection_type" => "--connection-type",
        "smtp_authentication_type" => "--authentication-type",
        "smtp_username" => "--user",
        "smtp_password" | "password" => "password",
        "email" => "EMAIL",
        "networks" => "NETWORK",
        "account" => "--account",
        "name" => "--name",
        "scopes" | "scope" => "--scope",
        "expires" | "expires_days" => "--expires",
        "senders" | "sender" => "--sender",
        "any_sender" => "--any-sender",
        "default_priority" => "--default-priority",
        "id" => "ID",
        "host" | "address" => "HOST|ADDRESS",
        "relay" => "--relay",
        "actor" => "--actor",
        "action" => "--action",
        "object" => "--object",
        "outcome" => "--outcome",
        "detail" => "--detail",
        "origin" => "--origin",
        "since" => "--since",
        "until" => "--until",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_that_another_program_changed_are_told_from_a_database_that_fails() {
        for (kind, expected) in [
            (Kind::Conflict, true),
            (Kind::Unavailable, false),
            (Kind::Internal, false),
        ] {
            let refusal = Refusal::new(kind, "No.");
            assert_eq!(is_tampering(&refusal), expected, "{kind:?}");
        }
        assert!(!is_tampering(&std::io::Error::other("No.")));
    }

    #[test]
    fn a_fault_names_the_argument_and_no_internal_field() {
        for (field, expected) in [
            ("to", "error: --to: No."),
            ("smtp_host", "error: --host: No."),
            ("email_send", "error: No."),
            (REQUEST, "error: No."),
            ("something_internal", "error: No."),
        ] {
            let refusal = Refusal::of(Kind::Invalid, field, "No.");
            assert_eq!(lines(&refusal), [expected]);
        }
    }
}
