//! The command `policy`: prints and replaces the networks of administrators.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use engine::NetworksChange;

use super::bootstrap::{Bootstrap, operator};
use crate::cli::PolicyCommand;

/// What is printed where every network is allowed.
const EVERYWHERE: &str = "everywhere";

pub async fn policy(
    bootstrap: Bootstrap,
    command: PolicyCommand,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    let (accounts, operator) = (postern.accounts(), operator());
    let networks = match command {
        PolicyCommand::Networks {
            networks,
            everywhere,
            ..
        } => match everywhere || !networks.is_empty() {
            true => {
                let change = NetworksChange {
                    networks,
                    ..NetworksChange::default()
                };
                accounts
                    .set_administrator_networks(&operator, change)
                    .await?
            }
            false => accounts.administrator_networks(&operator).await?,
        },
    };
    postern.close().await;
    let lines = match networks.is_empty() {
        true => EVERYWHERE.to_owned(),
        false => networks.join("\n"),
    };
    writeln!(io::stdout(), "{lines}")?;
    Ok(ExitCode::SUCCESS)
}
