//! The command `token`: creates, lists and revokes API tokens.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::SendingLimits;
use domain::outbox::PriorityLimits;
use engine::{Clock, NewToken, Token};

use super::bootstrap::{Bootstrap, operator};
use crate::cli::TokenCommand;
use crate::process::stderr;

pub async fn token(
    bootstrap: Bootstrap,
    command: TokenCommand,
) -> Result<ExitCode, Box<dyn Error>> {
    let postern = bootstrap.open(String::new()).await?;
    match command {
        TokenCommand::Create {
            account,
            name,
            scope,
            expires,
            sender,
            any_sender,
            default_priority,
            highest_priority,
            limits,
            ..
        } => {
            let new = NewToken {
                scopes: scope,
                expires_days: expires,
                senders: sender,
                any_sender,
                default_priority,
                highest_priority,
                limits: limits.or(SendingLimits::default()),
                ..NewToken::new(&account, &name)
            };
            let secret = postern.accounts().create_token(&operator(), new).await?;
            writeln!(io::stdout(), "{secret}")?;
        }
        TokenCommand::List { .. } => {
            for token in postern.accounts().tokens(&operator()).await? {
                writeln!(io::stdout(), "{}", token_line(&token))?;
            }
        }
        TokenCommand::Revoke { id, .. } => {
            postern.accounts().revoke_token(&operator(), &id).await?;
            stderr::line("revoked");
        }
    }
    postern.close().await;
    Ok(ExitCode::SUCCESS)
}

/// A line of `token list`.
fn token_line(token: &Token) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(Into::into).collect();
    let mut parts = vec![
        token.id.clone(),
        token.account.email.clone(),
        token.name.clone(),
        format!("made {}", token.created_at),
        scopes.join(","),
    ];
    if !token.senders.is_empty() {
        parts.push(format!("from {}", token.senders.join(",")));
    } else if token.any_sender {
        parts.push("from any address".to_owned());
    }
    if token.priorities != PriorityLimits::default() {
        let PriorityLimits { default, highest } = token.priorities;
        parts.push(format!(
            "priority {} up to {}",
            default.as_str(),
            highest.as_str()
        ));
    }
    if !token.quota.limits.is_empty() {
        parts.push(format!("at most {}", token.quota.limits.text()));
    }
    parts.push(match token.last_used_at {
        Some(at) => format!("used {at}"),
        None => "never used".to_owned(),
    });
    let is_expired = token.is_expired(Clock::default().now());
    if let Some(at) = token.expires_at {
        parts.push(format!("expires {at}"));
    }
    parts.push(match token.revoked_at {
        Some(at) => format!("revoked {at}"),
        None if is_expired => "expired".to_owned(),
        None => "in use".to_owned(),
    });
    parts.join("  ")
}
