//! The arguments of `audit`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::data::DataArgs;

/// The format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// A JSON object per line
    Lines,
    /// CSV; a text that begins like a formula has an apostrophe before it
    Csv,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List the rows that match, newest first
    List {
        #[command(flatten)]
        filter: Box<AuditFilterArgs>,
        /// The maximum number of rows
        #[arg(
            long,
            env = "POSTERN_AUDIT_LIMIT",
            default_value = "100",
            value_name = "N",
            value_parser = clap::value_parser!(u32).range(1..)
        )]
        limit: u32,
        /// Print a JSON object for each row
        #[arg(long, env = "POSTERN_AUDIT_JSON", value_parser = BoolishValueParser::new())]
        json: bool,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Print all rows that match as a file, newest first; the export has a row of its own
    Export {
        #[command(flatten)]
        filter: Box<AuditFilterArgs>,
        /// The format
        #[arg(
            long,
            env = "POSTERN_AUDIT_FORMAT",
            value_enum,
            default_value = "lines"
        )]
        format: AuditFormat,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Verify the hash chain of each node; exits with 0 when every row is as it was written, 1 with the row
    /// when one was changed, taken away or inserted, 3 when the database fails
    Verify {
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Accept the rows in no chain that nodes of an earlier version wrote during a rolling upgrade, which verify
    /// reports as inserted. Look at them before: in audit list --json their hash is null. This has a row of its own
    AcceptRows {
        #[command(flatten)]
        data_args: DataArgs,
    },
}

impl AuditCommand {
    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::List { data_args, .. }
            | Self::Export { data_args, .. }
            | Self::Verify { data_args }
            | Self::AcceptRows { data_args } => data_args,
        }
    }
}

/// Which rows; all that are given must match.
#[derive(Debug, Default, Args)]
pub struct AuditFilterArgs {
    /// Only rows whose actor contains this
    #[arg(long, env = "POSTERN_AUDIT_ACTOR", value_name = "TEXT")]
    pub actor: Option<String>,
    /// Only rows of this act, as in "save settings"
    #[arg(long, env = "POSTERN_AUDIT_ACTION", value_name = "NAME")]
    pub action: Option<String>,
    /// Only rows of acts on account, session, token, sender, limits, settings, relay, policy, webhook,
    /// domain, mail, suppression, key or system
    #[arg(long, env = "POSTERN_AUDIT_OBJECT", value_name = "KIND")]
    pub object: Option<String>,
    /// Only acts that ended so: done, refused, begun or failed (a backup)
    #[arg(long, env = "POSTERN_AUDIT_OUTCOME", value_name = "OUTCOME")]
    pub outcome: Option<String>,
    /// Only rows whose detail contains this
    #[arg(long, env = "POSTERN_AUDIT_DETAIL", value_name = "TEXT")]
    pub detail: Option<String>,
    /// Only rows whose origin contains this, as in 192.0.2.
    #[arg(long, env = "POSTERN_AUDIT_ORIGIN", value_name = "TEXT")]
    pub origin: Option<String>,
    /// Only rows from this time in UTC on, as in 2026-11-20 or 2026-11-20T05:13
    #[arg(long, env = "POSTERN_AUDIT_SINCE", value_name = "TIME")]
    pub since: Option<String>,
    /// Only rows from before this time in UTC
    #[arg(long, env = "POSTERN_AUDIT_UNTIL", value_name = "TIME")]
    pub until: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};
    use domain::audit::AuditObject;

    use super::*;

    #[test]
    fn the_help_names_every_kind_of_object() {
        let command = AuditFilterArgs::augment_args(Command::new("audit"));
        let mut arguments = command.get_arguments();
        let object = arguments.find(|argument| argument.get_id().as_str() == "object");
        let help = object.and_then(Arg::get_help);
        let help = help.expect("a text").to_string();
        for object in AuditObject::ALL {
            assert!(help.contains(object.as_str()), "{object:?}: {help}");
        }
    }
}
