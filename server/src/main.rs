//! The binary `postern`: HTTP, REST and the command line on top of the engine.

mod assets;
mod audit_lines;
mod certificate_args;
mod cli;
mod command_socket;
mod commands;
mod compression;
mod doctor;
mod http;
mod import;
mod process;
mod rest;
mod sendmail;
mod service;
mod smtp_variables;
mod sockets;
mod submission;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod test_key;
mod test_mail;
mod tls;
#[cfg(feature = "otel")]
mod traces;

use std::error::Error;
use std::process::ExitCode;

use clap::error::ErrorKind;
use cli::{Cli, Command};
use commands::bootstrap::Bootstrap;
use commands::relay::{check_domain, diagnose, probe};
use commands::{account, audit, backup, error, export, keys, migrate, policy, setup_link, token};
use process::{core_dumps, log, memory, open_files, stderr};
use service::{deliver, serve};

fn main() -> ExitCode {
    if let Some(code) = sendmail::run_if_called(std::env::args_os()) {
        return code;
    }
    let cli = match Cli::parse_arguments() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            // The fault alone, on one line, without the usage.
            let text = match error.kind() {
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    "error: a command is missing".to_owned()
                }
                _ => error.to_string(),
            };
            let line = text
                .lines()
                .take_while(|line| !line.is_empty())
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" ");
            stderr::line(&format!("{line}; postern --help lists commands and flags"));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let verifies_audit = cli.command.verifies_audit();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) if verifies_audit => error::report_not_verified(&*error),
        Err(error) => error::report(&*error),
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    memory::return_large_blocks();
    // Before the user is switched: the owner of the data folder may not be able to read the files.
    let restore_source = backup::RestoreSource::open(&command)?;
    let imported = import::ImportSource::of_command(&command)?;
    let export_key = export::key_of_command(&command)?;
    // Before any thread is started: switching the user affects the whole process.
    let bootstrap = Bootstrap::new(&command)?;
    log::start(command.data_args().log, command.is_service());
    core_dumps::disable();
    if command.is_service() {
        open_files::raise_limit();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match command {
            Command::Serve {
                listen,
                command_socket,
                submission,
                delivery,
                no_delivery,
                health,
                ..
            } => {
                let delivery = (!no_delivery).then_some(delivery);
                serve::serve(
                    bootstrap,
                    listen,
                    command_socket,
                    &submission,
                    delivery,
                    health,
                )
                .await
            }
            Command::Deliver {
                delivery, health, ..
            } => deliver::deliver(bootstrap, delivery, health).await,
            Command::SetupLink { public_url, .. } => {
                setup_link::setup_link(bootstrap, &public_url).await
            }
            Command::Account(account) => account::account(bootstrap, account).await,
            Command::Token(token) => token::token(bootstrap, token).await,
            Command::Audit(audit) => audit::audit(bootstrap, audit).await,
            Command::Keys(command) => keys::keys(bootstrap, command).await,
            Command::Policy(command) => policy::policy(bootstrap, command).await,
            Command::Diagnose { relay, .. } => diagnose::diagnose(bootstrap, relay).await,
            Command::Probe { args, .. } => probe::probe(bootstrap, args).await,
            Command::CheckDomain { args, .. } => check_domain::check_domain(bootstrap, args).await,
            Command::Doctor(args) => doctor::doctor(&bootstrap, &args).await,
            Command::Export { .. } => export::export(bootstrap, export_key).await,
            Command::Import { args, .. } => import::import(bootstrap, imported, *args).await,
            Command::SendTest { address, relay, .. } => {
                diagnose::send_test(bootstrap, address, relay).await
            }
            Command::Backup { args, .. } => backup::back_up(bootstrap, args).await,
            Command::Restore { .. } => backup::restore(bootstrap, restore_source).await,
            Command::Migrate { .. } => migrate::migrate(bootstrap).await,
        }
    });
    // Threads that still block (a resolver, a hash) are not waited for.
    runtime.shutdown_background();
    result
}
