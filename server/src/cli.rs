//! The command line. Every flag has a `POSTERN_*` environment variable; the flag wins.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

mod access;
mod audit;
mod backup;
mod data;
mod doctor;
mod import;
mod keys;
mod listeners;
mod migrate;
mod queue;
mod relay;
mod sendmail;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::builder::styling::Styles;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use access::account::{
    AccountArgs, AccountCommand, RoleArg, SecondFactorCommand, SenderArgs, SendersCommand,
};
pub use access::policy::PolicyCommand;
pub use access::token::TokenCommand;
pub use audit::{AuditCommand, AuditFilterArgs, AuditFormat};
pub use backup::{BackupArgs, RestoreArgs};
pub use data::{DataArgs, LogFormat};
pub use doctor::DoctorArgs;
pub use import::ImportArgs;
pub use keys::KeysCommand;
pub use listeners::command_socket::CommandSocketArgs;
pub use listeners::submission::SubmissionArgs;
pub use listeners::tls::TlsArgs;
pub use migrate::MigrateArgs;
pub use queue::QueueArgs;
pub use relay::{CheckDomainArgs, DiagnoseArgs, ProbeArgs, RelayArg};

/// Outgoing mail for an organisation: accepts mail over HTTP, delivers it through an SMTP relay, and
/// shows in a browser whether the relay works and why not.
#[derive(Debug, Parser)]
#[command(name = "postern", version, max_term_width = 100, styles = Styles::plain())]
#[command(propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the arguments of this process.
    ///
    /// # Errors
    /// What is not valid, or the help that they ask for.
    pub fn parse_arguments() -> Result<Self, clap::Error> {
        let mut command = Self::with_sendmail();
        let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }

    /// All commands. `sendmail` runs before arguments are parsed here, and is among them for their help.
    pub fn with_sendmail() -> clap::Command {
        Self::command().subcommand(sendmail::command())
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the console, accept mail and deliver it
    Serve {
        #[command(flatten)]
        data_args: DataArgs,
        #[command(flatten)]
        listen: ListenArgs,
        #[command(flatten)]
        command_socket: CommandSocketArgs,
        #[command(flatten)]
        submission: Box<SubmissionArgs>,
        #[command(flatten)]
        delivery: DeliveryArgs,
        #[command(flatten)]
        queue: QueueArgs,
        /// Accept mail without delivering it; another process, such as `postern deliver`, does
        #[arg(long, env = "POSTERN_NO_DELIVERY", value_parser = BoolishValueParser::new())]
        no_delivery: bool,
        /// Follow the variable EMAIL_ALLOW_INSECURE: do not check the certificate of the first relay, and send
        /// its password without encryption where it offers none
        #[arg(long, env = "POSTERN_ALLOW_INSECURE", value_parser = BoolishValueParser::new())]
        allow_insecure: bool,
        #[command(flatten)]
        health: HealthArgs,
    },
    /// Deliver mail and nothing else: beside `postern serve --no-delivery`, or on another machine
    /// with the same PostgreSQL database and the same keys
    Deliver {
        #[command(flatten)]
        data_args: DataArgs,
        #[command(flatten)]
        delivery: DeliveryArgs,
        #[command(flatten)]
        health: HealthArgs,
    },
    /// Print a new link to create the first administrator, valid for an hour; the one before ends
    SetupLink {
        #[command(flatten)]
        data_args: DataArgs,
        /// The URL of the console for its users, as `postern serve` has it
        #[arg(
            long,
            env = "POSTERN_PUBLIC_URL",
            value_name = "URL",
            default_value = "http://127.0.0.1:3000"
        )]
        public_url: String,
    },
    /// List, create, invite, change and delete accounts, set their passwords, remove their second factors
    /// and list, add and remove what they may send from
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Account(AccountCommand),
    /// Create, list and revoke API tokens
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Token(TokenCommand),
    /// List and export the audit log, and verify that its rows are as they were written
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Audit(AuditCommand),
    /// List, rotate and retire the keys that stored secrets are sealed with
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Keys(KeysCommand),
    /// Print and replace the networks from which administrators sign in and act
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Policy(PolicyCommand),
    /// Check stage by stage whether a relay works and why not, without sending mail; exits with 0 when
    /// every stage passes, 1 when one fails, 2 when an argument is invalid
    Diagnose {
        #[command(flatten)]
        relay: DiagnoseArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Try every connection type and usual port of a relay at once and recommend settings, without
    /// sending a password; exits with 0 when settings are recommended, 1 when none are, 2 when an
    /// argument is invalid
    Probe {
        #[command(flatten)]
        args: ProbeArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Check over DNS whether receivers believe mail of a domain: SPF, DKIM, DMARC and MX, each with the
    /// record as it is and as it should be; exits with 0 without a fault, 1 with one, 2 when the domain is
    /// invalid
    CheckDomain {
        #[command(flatten)]
        args: CheckDomainArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Check what postern serve needs, beside a running one or before its start, with a repair for each
    /// fault: run it with the arguments and the environment of postern serve. It changes nothing; exits
    /// with 0 without a fault, 1 with one, 2 when an argument is invalid
    Doctor(Box<DoctorArgs>),
    /// Print all relays of the organisation with their SMTP settings as JSON, for postern import
    Export {
        /// The public key to seal the passwords for, an RSA key in PEM; without one they are left out
        #[arg(long, env = "POSTERN_EXPORT_KEY", value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Import the SMTP settings of another Postern or of another program: show what was understood, ask, and
    /// save them
    Import {
        #[command(flatten)]
        args: Box<ImportArgs>,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Send a test email with the saved configuration
    SendTest {
        /// The recipient
        address: String,
        #[command(flatten)]
        relay: RelayArg,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Copy the SQLite database into a file, also while Postern runs
    Backup {
        #[command(flatten)]
        args: BackupArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Restore a backup into an absent or empty data folder, with delivery paused
    Restore {
        #[command(flatten)]
        args: RestoreArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Move the SQLite database to an empty PostgreSQL database, while Postern is stopped, and compare them
    Migrate {
        #[command(flatten)]
        args: MigrateArgs,
        #[command(flatten)]
        data_args: DataArgs,
    },
}

/// How mail is delivered, and how long it is kept.
#[derive(Clone, Debug, Args)]
pub struct DeliveryArgs {
    /// The maximum number of connections to a relay, 1 to 1000
    #[arg(
        long,
        env = "POSTERN_RELAY_CONNECTIONS",
        default_value = "20",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub relay_connections: u16,
    /// Networks in which relays and webhooks of accounts are allowed although their addresses are not public, as in
    /// 10.1.0.0/16; the networks of --relay-deny stay denied
    #[arg(
        long,
        env = "POSTERN_USER_RELAY_ALLOW",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub user_relay_allow: String,
    /// The maximum number of mails in doubt, from their final octet until their result is on disk, 1
    /// to 1000: so many can arrive twice after a crash
    #[arg(
        long,
        env = "POSTERN_IN_DOUBT",
        default_value = "64",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub in_doubt: u16,
    /// Pause delivery from the start, by all processes on the same database: accepted mail is held and
    /// none is sent until this process is restarted without this flag
    #[arg(long, env = "POSTERN_HOLD_MAIL", value_parser = BoolishValueParser::new())]
    pub hold_mail: bool,
    /// Days the bytes of a mail are kept after its delivery to all recipients
    #[arg(
        long,
        env = "POSTERN_KEEP_BODIES",
        default_value = "7",
        value_name = "DAYS"
    )]
    pub keep_bodies: u16,
    /// Days the history of a mail is kept after that
    #[arg(
        long,
        env = "POSTERN_KEEP_ROWS",
        default_value = "90",
        value_name = "DAYS"
    )]
    pub keep_rows: u16,
    /// Days an address stays on the suppression list
    #[arg(
        long,
        env = "POSTERN_KEEP_SUPPRESSIONS",
        default_value = "180",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub keep_suppressions: u16,
    /// Days the rows of the audit log are kept, at least 30
    #[arg(
        long,
        env = "POSTERN_KEEP_AUDIT",
        default_value = "400",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u16).range(30..)
    )]
    pub keep_audit: u16,
    /// Seconds after which mail leased by a process that died is delivered by another, 1 to 3600
    #[arg(
        long,
        env = "POSTERN_LEASE_SECONDS",
        default_value = "60",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u16).range(1..=3600)
    )]
    pub lease_seconds: u16,
}

/// Whether a process checks the health of relays.
#[derive(Clone, Copy, Debug, Args)]
pub struct HealthArgs {
    /// Do not check the health of relays; other processes on the same database do
    #[arg(long, env = "POSTERN_NO_HEALTH_CHECKS", value_parser = BoolishValueParser::new())]
    pub no_health_checks: bool,
}

#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Address and port to listen on
    #[arg(
        long,
        env = "POSTERN_LISTEN",
        default_value = "127.0.0.1:3000",
        value_name = "ADDR"
    )]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The URL of the console for its users, as in https://mail.example.org [default: http://<listen>, or
    /// https:// with --tls-cert]
    #[arg(long, env = "POSTERN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Networks of trusted proxies, whose X-Forwarded-For is used, separated by commas
    #[arg(
        long,
        env = "POSTERN_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: String,
    /// A further host name under which the console is opened, beside that of the public URL, addresses,
    /// localhost and the name of this machine; may be repeated
    #[arg(
        long = "allowed-host",
        env = "POSTERN_ALLOWED_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<String>,
    /// Client connections at once [default: half of the file descriptors, at most 10000]
    #[arg(
        long,
        env = "POSTERN_MAX_CONNECTIONS",
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_connections: Option<u32>,
    /// Connections of one client address, or of one IPv6 network of 64 bits; trusted proxies have no
    /// limit of their own
    #[arg(
        long,
        env = "POSTERN_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        default_value = "512",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_connections_per_address: u32,
    /// A port of its own for /metrics, /healthz and /readyz, without TLS and open to all who can reach it
    /// [default: /metrics needs a token, or is read on this machine where there is no public URL and no
    /// proxy]
    #[arg(long, env = "POSTERN_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
}

impl Command {
    /// Whether the command may create the data folder. Others need an existing one, so that a mistyped
    /// path does not create another.
    pub fn creates_data(&self) -> bool {
        matches!(
            self,
            Self::Serve { .. }
                | Self::Restore { .. }
                | Self::Import { .. }
                | Self::Account(AccountCommand::Create { .. } | AccountCommand::Invite { .. })
        )
    }

    /// Whether the command only looks at the data folder, whatever is wrong with it.
    pub fn only_looks(&self) -> bool {
        matches!(self, Self::Doctor(_))
    }

    /// Whether it is `audit verify`, whose exit code 1 says that a row is not as it was written.
    pub fn verifies_audit(&self) -> bool {
        matches!(self, Self::Audit(AuditCommand::Verify { .. }))
    }

    /// Whether mail that comes in is held.
    pub fn holds_mail(&self) -> bool {
        match self {
            Self::Serve { delivery, .. } | Self::Deliver { delivery, .. } => delivery.hold_mail,
            _ => false,
        }
    }

    /// The networks in which relays and webhooks of accounts are allowed although their addresses are not public.
    pub fn user_relay_allow(&self) -> &str {
        match self {
            Self::Serve { delivery, .. } | Self::Deliver { delivery, .. } => {
                &delivery.user_relay_allow
            }
            _ => "",
        }
    }

    /// The octets that stay free on the disk of the SQLite database.
    pub fn queue_minfree(&self) -> u64 {
        match self {
            Self::Serve { queue, .. } => queue.minfree(),
            _ => 0,
        }
    }

    /// Whether it runs until it is stopped.
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Serve { .. } | Self::Deliver { .. })
    }

    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::Serve { data_args, .. }
            | Self::Deliver { data_args, .. }
            | Self::SetupLink { data_args, .. }
            | Self::Diagnose { data_args, .. }
            | Self::Probe { data_args, .. }
            | Self::CheckDomain { data_args, .. }
            | Self::Export { data_args, .. }
            | Self::Import { data_args, .. }
            | Self::SendTest { data_args, .. }
            | Self::Backup { data_args, .. }
            | Self::Restore { data_args, .. }
            | Self::Migrate { data_args, .. } => data_args,
            Self::Account(account) => account.data_args(),
            Self::Audit(audit) => audit.data_args(),
            Self::Keys(keys) => keys.data_args(),
            Self::Policy(policy) => policy.data_args(),
            Self::Doctor(doctor) => &doctor.data_args,
            Self::Token(token) => token.data_args(),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::account::mailed_link::INVITATION_LIFETIME;
    use domain::timestamp::in_words;

    use super::Cli;

    fn undocumented(command: &clap::Command, found: &mut Vec<String>) {
        let path = command.get_name().to_owned();
        if command.get_about().is_none() {
            found.push(path.clone());
        }
        let arguments = command.get_arguments();
        let silent = arguments.filter(|argument| argument.get_help().is_none());
        found.extend(silent.map(|argument| format!("{path} {}", argument.get_id())));
        for sub in command.get_subcommands() {
            undocumented(sub, found);
        }
    }

    #[test]
    fn the_help_of_invite_names_the_lifetime_of_its_link() {
        let cli = Cli::with_sendmail();
        let invite = cli
            .find_subcommand("account")
            .and_then(|account| account.find_subcommand("invite"));
        let about = invite.and_then(clap::Command::get_about).expect("its help");
        let about = about.to_string();
        let lifetime = in_words(INVITATION_LIFETIME);
        assert!(about.ends_with(&format!("within {lifetime}")), "{about}");
    }

    #[test]
    fn every_command_and_every_argument_has_its_help() {
        let mut found = Vec::new();
        undocumented(&Cli::with_sendmail(), &mut found);
        assert!(found.is_empty(), "without help: {found:?}");
    }

    #[test]
    fn the_help_of_sendmail_names_its_options() {
        let arguments = ["postern", "sendmail", "--help"];
        let help = Cli::with_sendmail().try_get_matches_from(arguments);
        let help = help.expect_err("help").to_string();
        for named in ["-t", "-f ADDRESS", "POSTERN_SUBMIT_SOCKET", "mailq"] {
            assert!(help.contains(named), "{named}: {help}");
        }
        let all = Cli::with_sendmail().render_help().to_string();
        assert!(all.contains("  sendmail "), "{all}");
    }
}
