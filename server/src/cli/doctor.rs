//! The arguments of `postern doctor`: those of `postern serve` that it checks.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Args;
use clap::builder::BoolishValueParser;

use super::data::DataArgs;
use super::listeners::command_socket::CommandSocketArgs;
use super::listeners::submission::SubmissionArgs;
use super::{ListenArgs, QueueArgs};

/// What is checked, as `postern serve` has it.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON object
    #[arg(long, env = "POSTERN_DOCTOR_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
    #[command(flatten)]
    pub data_args: DataArgs,
    #[command(flatten)]
    pub listen: ListenArgs,
    #[command(flatten)]
    pub command_socket: CommandSocketArgs,
    #[command(flatten)]
    pub submission: SubmissionArgs,
    #[command(flatten)]
    pub queue: QueueArgs,
}
