//! The command `account`: lists, creates, invites, changes and deletes accounts.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use domain::account::{AccountState, AccountView, Role};
use domain::{Kind, Refusal, SendingLimits, SendingQuota, Timestamp};
use engine::{AccountChange, Invited, LinkDelivery, Postern};

use super::bootstrap::{Bootstrap, operator, password, warn_of_loopback};
use super::senders::senders;
use crate::cli::{AccountArgs, AccountCommand, RoleArg, SecondFactorCommand};
use crate::http::origin::public_url::PublicUrl;
use crate::process::stderr;

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Self::Admin,
            RoleArg::User => Self::User,
        }
    }
}

pub async fn account(
    bootstrap: Bootstrap,
    command: AccountCommand,
) -> Result<ExitCode, Box<dyn Error>> {
    let public_url = match &command {
        AccountCommand::Invite { public_url, .. } => Some(PublicUrl::parse(public_url)?),
        _ => None,
    };
    let text = public_url.as_ref().map(ToString::to_string);
    let postern = bootstrap.open(text.unwrap_or_default()).await?;
    let done = run(&postern, command).await;
    postern.close().await;
    if let Some(url) = public_url.filter(|_| done.is_ok()) {
        warn_of_loopback(&url);
    }
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(postern: &Postern, command: AccountCommand) -> Result<(), Box<dyn Error>> {
    let (accounts, operator) = (postern.accounts(), operator());
    match command {
        AccountCommand::List { text, .. } => {
            let list = accounts.list(&operator, &text).await?;
            for account in &list.accounts {
                writeln!(io::stdout(), "{}", line(account))?;
            }
            if list.more {
                stderr::line("these are the first 200; give a part of the address to see others");
            }
        }
        AccountCommand::Create { email, role, .. } => {
            let password = password()?;
            accounts
                .create(&operator, &email, role.into(), password)
                .await?;
            stderr::line(&format!("{email} can sign in now"));
        }
        AccountCommand::Invite { email, role, .. } => {
            let invited = invite(postern, &email, role.into()).await?;
            match invited.delivery {
                LinkDelivery::Mailed => {
                    stderr::line(&format!("an invitation is mailed to {}", invited.email));
                }
                LinkDelivery::Returned { link, reason } => {
                    stderr::line(&format!(
                        "no invitation was mailed: {reason}; hand this link over:"
                    ));
                    writeln!(io::stdout(), "{link}")?;
                }
            }
        }
        AccountCommand::Disable(AccountArgs { email, .. }) => {
            change(postern, &email, disabled(true)).await?;
            stderr::line(&format!(
                "{email} is disabled, its sessions are ended, its tokens are revoked"
            ));
        }
        AccountCommand::Enable(AccountArgs { email, .. }) => {
            change(postern, &email, disabled(false)).await?;
            stderr::line(&format!("{email} is enabled"));
        }
        AccountCommand::Role { email, role, .. } => {
            let role = AccountChange {
                role: Some(role.into()),
                ..AccountChange::default()
            };
            let account = change(postern, &email, role).await?;
            let role = account.role.as_str();
            stderr::line(&format!("the role of {email} is {role}"));
        }
        AccountCommand::Delete(AccountArgs { email, .. }) => {
            let account = accounts.read_by_email(&operator, &email).await?;
            accounts.delete(&operator, &account.id).await?;
            stderr::line(&format!("{email} is deleted"));
        }
        AccountCommand::Passwd {
            email, keep_tokens, ..
        } => {
            accounts
                .reset_password(&operator, &email, password()?, keep_tokens)
                .await?;
            let tokens = match keep_tokens {
                true => "its tokens are kept",
                false => "its tokens are revoked",
            };
            stderr::line(&format!(
                "the password of {email} is changed, its sessions are ended, {tokens}"
            ));
        }
        AccountCommand::Senders(command) => senders(postern, command).await?,
        AccountCommand::Limits {
            email,
            limits,
            replace,
            ..
        } => {
            let account = accounts.read_by_email(&operator, &email).await?;
            let service = postern.limits();
            let before = service.of_account(&operator, &account.id).await?;
            let others = match replace {
                true => SendingLimits::default(),
                false => before.limits,
            };
            let after = service
                .set_of_account(&operator, &account.id, limits.or(others))
                .await?;
            for line in limit_lines(&after, service.now()) {
                writeln!(io::stdout(), "{line}")?;
            }
        }
        AccountCommand::SecondFactor(SecondFactorCommand::Remove(AccountArgs {
            email, ..
        })) => {
            accounts.remove_second_factor(&operator, &email).await?;
            stderr::line(&format!(
                "{email} signs in with its password alone from now on"
            ));
        }
    }
    Ok(())
}

/// The lines of `account limits`.
fn limit_lines(quota: &SendingQuota, now: Timestamp) -> Vec<String> {
    let messages = quota.uses(now).into_iter().map(|used| {
        let limit = used.period.limit_text(used.limit);
        let again = match (used.next_at, used.resets_at) {
            (Some(at), _) => format!(", the next at {}", at.rfc3339()),
            (None, Some(at)) => format!(", all of them again at {}", at.rfc3339()),
            (None, None) => String::new(),
        };
        format!("{limit}: {} left{again}", used.left)
    });
    let recipients = SendingLimits {
        max_recipients: quota.limits.max_recipients,
        ..SendingLimits::default()
    };
    let recipients = (!recipients.is_empty()).then(|| recipients.text());
    let lines: Vec<String> = messages.chain(recipients).collect();
    match lines.is_empty() {
        true => vec!["no limits".to_owned()],
        false => lines,
    }
}

fn disabled(disabled: bool) -> AccountChange {
    AccountChange {
        disabled: Some(disabled),
        ..AccountChange::default()
    }
}

async fn change(
    postern: &Postern,
    email: &str,
    change: AccountChange,
) -> Result<AccountView, Refusal> {
    let (accounts, operator) = (postern.accounts(), operator());
    let account = accounts.read_by_email(&operator, email).await?;
    accounts.change(&operator, &account.id, change).await
}

/// Invites the person of a new account, or again of one without a password.
async fn invite(postern: &Postern, email: &str, role: Role) -> Result<Invited, Refusal> {
    let (accounts, mail, operator) = (postern.accounts(), postern.account_mail(), operator());
    match accounts.read_by_email(&operator, email).await {
        Ok(account) if account.state == AccountState::Invited => {
            mail.invite_again(&operator, &account.id).await
        }
        Err(refusal) if refusal.kind != Kind::NotFound => Err(refusal),
        // An account with a password is refused as any address that has one.
        _ => mail.invite(&operator, email, role).await,
    }
}

/// A line of `account list`.
fn line(account: &AccountView) -> String {
    let state = match (account.state, account.invitation_expires) {
        (AccountState::Active, _) => "active".to_owned(),
        (AccountState::Disabled, _) => "disabled".to_owned(),
        (AccountState::Invited, Some(at)) => format!("invited until {at}"),
        (AccountState::Invited, None) => "invited".to_owned(),
    };
    let (role, made) = (account.role.as_str(), account.created);
    [
        account.email.as_str(),
        role,
        &state,
        &format!("made {made}"),
    ]
    .join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_listed_with_what_is_left() {
        let now = Timestamp(0);
        let mut quota = SendingQuota::default();
        assert_eq!(limit_lines(&quota, now), ["no limits"]);
        quota.limits = SendingLimits::of_numbers([Some(1), Some(5), None, Some(3)]);
        quota.count(1, now);
        assert_eq!(
            limit_lines(&quota, now),
            [
                "1 message a minute: 0 left, the next at 1970-01-01T00:02:00Z",
                "5 messages an hour: 4 left, all of them again at 1970-01-01T02:00:00Z",
                "3 recipients a message",
            ]
        );
    }

    #[test]
    fn a_line_of_the_list_has_role_and_state() {
        let account = |state, invitation_expires| AccountView {
            id: "1".to_owned(),
            email: "a@example.org".to_owned(),
            role: Role::User,
            state,
            created: Timestamp(0),
            invitation_expires,
        };
        for (state, invitation, expected) in [
            (AccountState::Active, None, "active"),
            (AccountState::Disabled, Some(Timestamp(0)), "disabled"),
            (
                AccountState::Invited,
                Some(Timestamp(60_000)),
                "invited until 1970-01-01 00:01 UTC",
            ),
        ] {
            let expected = format!("a@example.org  user  {expected}  made 1970-01-01 00:00 UTC");
            assert_eq!(line(&account(state, invitation)), expected);
        }
    }
}
