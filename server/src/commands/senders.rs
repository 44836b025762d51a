//! The command `account senders`: lists, adds and removes what an account may send from.

use std::error::Error;
use std::io::{self, Write};

use domain::{Kind, Refusal};
use engine::{Postern, SenderState, SenderView};

use super::bootstrap::operator;
use crate::cli::{AccountArgs, SenderArgs, SendersCommand};
use crate::process::stderr;

pub async fn senders(postern: &Postern, command: SendersCommand) -> Result<(), Box<dyn Error>> {
    let (accounts, senders, operator) = (postern.accounts(), postern.senders(), operator());
    match command {
        SendersCommand::List(AccountArgs { email, .. }) => {
            let account = accounts.read_by_email(&operator, &email).await?;
            for sender in senders.of_account(&operator, &account.id).await? {
                writeln!(io::stdout(), "{}", line(&sender))?;
            }
        }
        SendersCommand::Add(SenderArgs { email, sender, .. }) => {
            let account = accounts.read_by_email(&operator, &email).await?;
            let added = senders.add_for(&operator, &account.id, &sender).await;
            // The commands of relays name the same field otherwise.
            let added = added.map_err(|refusal| Refusal::new(refusal.kind, refusal.text()))?;
            let what = named(&added);
            stderr::line(&format!("{email} may send from {what} now"));
        }
        SendersCommand::Remove(SenderArgs { email, sender, .. }) => {
            let account = accounts.read_by_email(&operator, &email).await?;
            let listed = senders.of_account(&operator, &account.id).await?;
            let found = found(&listed, &sender)?;
            senders
                .remove_for(&operator, &account.id, &found.id)
                .await?;
            let what = named(found);
            stderr::line(&format!("{email} no longer sends from {what}"));
        }
    }
    Ok(())
}

/// The address or domain in the list that is written so, in any case.
fn found<'a>(listed: &'a [SenderView], sender: &str) -> Result<&'a SenderView, Refusal> {
    let sender = sender.trim().trim_start_matches('@').to_lowercase();
    let is_it = |view: &&SenderView| {
        view.state != SenderState::Own && view.address.to_lowercase() == sender
    };
    listed.iter().find(is_it).ok_or_else(|| {
        let text = "The account has no such address or domain; `account senders list` lists those \
                    that it has. Its own address stays.";
        Refusal::new(Kind::NotFound, text)
    })
}

fn named(view: &SenderView) -> String {
    match view.is_domain {
        true => format!("every address of {}", view.address),
        false => view.address.clone(),
    }
}

/// A line of `account senders list`.
fn line(view: &SenderView) -> String {
    let by = view.added.as_ref().map_or("", |added| added.by.as_str());
    let state = match (view.state, view.expires) {
        (SenderState::Own, _) => "own".to_owned(),
        (SenderState::Confirmed, _) => "confirmed".to_owned(),
        (SenderState::Administrator, _) => format!("added by {by}"),
        (SenderState::Waiting, Some(end)) => format!("waiting until {end}"),
        (SenderState::Waiting | SenderState::Expired, _) => "not confirmed in time".to_owned(),
    };
    format!("{}  {state}", named(view))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::settings::Stamp;

    use super::*;

    fn view(address: &str, is_domain: bool, state: SenderState) -> SenderView {
        SenderView {
            id: address.to_owned(),
            address: address.to_owned(),
            is_domain,
            state,
            added: Some(Stamp {
                at: Timestamp(0),
                by: "uid 0".to_owned(),
            }),
            confirmed: None,
            expires: (state == SenderState::Waiting).then_some(Timestamp(60_000)),
        }
    }

    #[test]
    fn a_line_says_why_an_account_may_send_or_why_not_yet() {
        for (address, is_domain, state, expected) in [
            (
                "a@example.org",
                false,
                SenderState::Own,
                "a@example.org  own",
            ),
            (
                "example.net",
                true,
                SenderState::Administrator,
                "every address of example.net  added by uid 0",
            ),
            (
                "b@example.org",
                false,
                SenderState::Waiting,
                "b@example.org  waiting until 1970-01-01 00:01 UTC",
            ),
            (
                "c@example.org",
                false,
                SenderState::Expired,
                "c@example.org  not confirmed in time",
            ),
        ] {
            assert_eq!(line(&view(address, is_domain, state)), expected);
        }
    }

    #[test]
    fn what_is_removed_is_named_as_it_is_listed() {
        let listed = [
            view("a@example.org", false, SenderState::Own),
            view("Team@example.org", false, SenderState::Confirmed),
            view("example.net", true, SenderState::Administrator),
        ];
        for (sender, id) in [
            ("team@EXAMPLE.org", Some("Team@example.org")),
            ("@example.net", Some("example.net")),
            ("a@example.org", None),
            ("example.org", None),
        ] {
            let found = found(&listed, sender).ok().map(|view| view.id.as_str());
            assert_eq!(found, id, "{sender}");
        }
    }
}
