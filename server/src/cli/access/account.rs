//! The arguments of `account`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::super::data::DataArgs;
use super::limits::LimitArgs;

/// An account by its address.
#[derive(Debug, Args)]
pub struct AccountArgs {
    /// The email address of the account
    pub email: String,
    #[command(flatten)]
    pub data_args: DataArgs,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List the accounts with their roles and states
    List {
        /// Only those whose address contains this
        #[arg(default_value = "", hide_default_value = true, value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Create an account; the password is asked for, or read from standard input
    Create {
        /// The email address, with which the person signs in
        email: String,
        /// What the account may do
        #[arg(long, env = "POSTERN_ROLE", value_enum)]
        role: RoleArg,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Create an account and invite its person to set the password, or invite again; where no mail
    /// leaves now, print the link, which works once, within 7 days
    Invite {
        /// The email address, to which the invitation is mailed
        email: String,
        /// What the account may do; for an account that was invited before, its role stays
        #[arg(long, env = "POSTERN_ROLE", value_enum)]
        role: RoleArg,
        /// The URL of the console for its users, as `postern serve` has it
        #[arg(
            long,
            env = "POSTERN_PUBLIC_URL",
            value_name = "URL",
            default_value = "http://127.0.0.1:3000"
        )]
        public_url: String,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Disable an account: its sessions end, its tokens are revoked, and nobody can sign in
    Disable(AccountArgs),
    /// Enable an account that is disabled
    Enable(AccountArgs),
    /// Change what an account may do
    Role {
        /// The email address of the account
        email: String,
        /// What it may do from now on
        #[arg(value_enum)]
        role: RoleArg,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Delete an account without stored mail
    Delete(AccountArgs),
    /// Set the password of an account, end its sessions and revoke its tokens; the password is asked
    /// for, or read from standard input
    Passwd {
        /// The email address of the account
        email: String,
        /// Keep the tokens of the account
        #[arg(long, env = "POSTERN_KEEP_TOKENS", value_parser = BoolishValueParser::new())]
        keep_tokens: bool,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Print the limits of an account and what is left of them, or change those that are given
    Limits {
        /// The email address of the account
        email: String,
        #[command(flatten)]
        limits: LimitArgs,
        /// Remove the limits that are not given
        #[arg(long, env = "POSTERN_REPLACE_LIMITS", value_parser = BoolishValueParser::new())]
        replace: bool,
        #[command(flatten)]
        data_args: DataArgs,
    },
    /// Remove the second factor of an account whose device is lost
    #[command(subcommand, subcommand_value_name = "ACTION")]
    SecondFactor(SecondFactorCommand),
    /// List, add and remove the addresses and domains that an account may send from
    #[command(subcommand, subcommand_value_name = "ACTION")]
    Senders(SendersCommand),
}

#[derive(Debug, Subcommand)]
pub enum SendersCommand {
    /// List what an account may send from
    List(AccountArgs),
    /// Let an account send from an address or a whole domain, without a confirmation
    Add(SenderArgs),
    /// Take an address or a domain away from an account
    Remove(SenderArgs),
}

/// An address or a domain of an account.
#[derive(Debug, Args)]
pub struct SenderArgs {
    /// The email address of the account
    pub email: String,
    /// The address, or the domain, as in example.org: every address of it, none of its subdomains
    pub sender: String,
    #[command(flatten)]
    pub data_args: DataArgs,
}

#[derive(Debug, Subcommand)]
pub enum SecondFactorCommand {
    /// Remove the authenticator app, the passkeys and the recovery codes of an account, which then
    /// signs in with its password alone
    Remove(AccountArgs),
}

impl AccountCommand {
    pub fn data_args(&self) -> &DataArgs {
        match self {
            Self::List { data_args, .. }
            | Self::Create { data_args, .. }
            | Self::Invite { data_args, .. }
            | Self::Disable(AccountArgs { data_args, .. })
            | Self::Enable(AccountArgs { data_args, .. })
            | Self::Role { data_args, .. }
            | Self::Delete(AccountArgs { data_args, .. })
            | Self::SecondFactor(SecondFactorCommand::Remove(AccountArgs { data_args, .. }))
            | Self::Senders(
                SendersCommand::List(AccountArgs { data_args, .. })
                | SendersCommand::Add(SenderArgs { data_args, .. })
                | SendersCommand::Remove(SenderArgs { data_args, .. }),
            )
            | Self::Limits { data_args, .. }
            | Self::Passwd { data_args, .. } => data_args,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Configures the relay and manages mail
    Admin,
    /// Sends mail and reads its own
    User,
}
