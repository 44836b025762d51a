//! The page of an account: its role and state, its sender addresses, its sessions and its tokens.

use domain::account::mailed_link::INVITATION_LIFETIME;
use domain::account::{AccountState, AccountView, Role, SessionView};
use domain::figures::FigureSubject;
use domain::timestamp::in_words;
use domain::{Refusal, SendingQuota, Timestamp};
use engine::{Actor, NewestTokens, Postern, SenderView};

use super::format::{account_badge, role_name};
use super::requests::InvitationLink;
use super::senders_section::SendersSection;
use super::{
    ACCOUNTS, CHANGE_ACCOUNT, DELETE_ACCOUNT, END_SESSION_OF, INVITE_AGAIN, REVOKE_TOKEN_OF,
};
use crate::account::{SessionList, TokenList};
use crate::components::{ErrorNotice, HiddenFields, SuccessNotice, Time, refused};
use crate::figures::figures_path;
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::limits::{LimitFacts, LimitsTarget};
use crate::request::{other_fault, param, with_query};
use crate::server_prelude::*;

/// What the page shows.
struct Details {
    account: AccountView,
    sessions: Vec<SessionView>,
    tokens: NewestTokens,
    senders: Vec<SenderView>,
    quota: SendingQuota,
    is_deletable: bool,
}

impl Details {
    async fn read(postern: &Postern, actor: &Actor, id: &str) -> Result<Self, Refusal> {
        let accounts = postern.accounts();
        Ok(Self {
            account: accounts.read(actor, id).await?,
            sessions: accounts.sessions_of(actor, id).await?,
            tokens: accounts.tokens_of(actor, id).await?,
            senders: postern.senders().of_account(actor, id).await?,
            quota: postern.limits().of_account(actor, id).await?,
            is_deletable: accounts.is_deletable(actor, id).await?,
        })
    }
}

#[component]
pub fn AccountDetailsPage() -> impl IntoView {
    console_page("Account", |actor| {
        let postern = expect_context::<Postern>();
        let id = param("id").unwrap_or_default();
        let fault = other_fault(&["address"]);
        let done = flash().and_then(done);
        let link = use_context::<InvitationLink>();
        Suspend::new(async move {
            let details = match Details::read(&postern, &actor, &id).await {
                Ok(details) => details,
                Err(refusal) => return refused(&refusal),
            };
            let account = details.account.clone();
            let badge = account_badge(account.state);
            view! {
                <div class="page">
                    <header class="page-head outbox-head">
                        <a class="page-back" href=ACCOUNTS>
                            "Accounts"
                        </a>
                        <h1>{account.email.clone()}</h1>
                        <span class=badge.class>{badge.name}</span>
                    </header>
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    {link.map(|link| view! { <InvitationLinkNotice link email=account.email.clone() /> })}
                    <Access account=account.clone() is_deletable=details.is_deletable />
                    <SendersSection
                        account=account.id.clone()
                        role=account.role
                        senders=details.senders
                    />
                    <LimitsSection
                        id=account.id.clone()
                        quota=details.quota
                        now=postern.limits().now()
                    />
                    <section class="card" aria-labelledby="sessions-title">
                        <header class="card-head">
                            <h2 id="sessions-title">"Sessions"</h2>
                            <p>"Where the person is signed in."</p>
                        </header>
                        <SessionList
                            sessions=details.sessions
                            action=END_SESSION_OF
                            fields=vec![("account", account.id.clone())]
                        />
                    </section>
                    <section class="card" aria-labelledby="tokens-title">
                        <header class="card-head">
                            <h2 id="tokens-title">"API tokens"</h2>
                            <p>"What applications send and read mail with, as this account."</p>
                        </header>
                        <TokenList
                            newest=details.tokens
                            now=postern.accounts().now()
                            action=REVOKE_TOKEN_OF
                            changes_limits=true
                            fields=vec![("account", account.id)]
                        />
                    </section>
                </div>
            }
            .into_any()
        })
    })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::AccountCreated(email) => Some(format!("{email} can sign in now.")),
        Flash::AccountInvited(email) => Some(format!(
            "An invitation is mailed to {email}. Its link works once, within {}.",
            in_words(INVITATION_LIFETIME)
        )),
        Flash::AccountChanged(email) => Some(format!("{email} is changed.")),
        Flash::AccountDisabled(email) => Some(format!(
            "{email} is disabled. Its sessions are ended and its tokens revoked."
        )),
        Flash::AccountEnabled(email) => Some(format!("{email} is enabled.")),
        Flash::SenderAdded(address) => Some(format!("It may send from {address} now.")),
        Flash::SenderRemoved => Some("The sender address is removed.".to_owned()),
        Flash::LimitsChanged(name) => Some(format!("The limits of {name} are changed.")),
        Flash::SessionEnded => Some("The session is ended.".to_owned()),
        Flash::TokenRevoked => Some("The token is revoked.".to_owned()),
        _ => None,
    }
}

/// The link of an invitation that was not mailed.
#[component]
fn InvitationLinkNotice(link: InvitationLink, email: String) -> AnyView {
    view! {
        <div class="notice notice-warn" role="status">
            <p>
                "No invitation was mailed: " {link.reason} ". Give this link to " {email}
                ". It works once, within " {in_words(INVITATION_LIFETIME)}
                ", and is not shown again."
            </p>
            <code class="token-secret">{link.link}</code>
        </div>
    }
    .into_any()
}

/// The role, the state, and the buttons that change them.
#[component]
fn Access(account: AccountView, is_deletable: bool) -> AnyView {
    let state = match account.state {
        AccountState::Active => "The person can sign in.",
        AccountState::Invited => "The person was invited and has not set a password yet.",
        AccountState::Disabled => {
            "Nobody can sign in. Its sessions are ended and its tokens revoked."
        }
    };
    let invitation = account
        .invitation_expires
        .filter(|_| account.state == AccountState::Invited)
        .map(|at| {
            view! {
                <dt>"Invitation"</dt>
                <dd>"Its link ends " <Time at /> "."</dd>
            }
        });
    let (role, text) = match account.role {
        Role::Admin => (Role::User, "Make it a user"),
        Role::User => (Role::Admin, "Make it an administrator"),
    };
    let (disabled, switch, class) = match account.state {
        AccountState::Disabled => ("0", "Enable", "button button-secondary"),
        _ => ("1", "Disable", "button button-danger"),
    };
    let again = (account.state == AccountState::Invited).then(|| {
        view! {
            <Button
                action=INVITE_AGAIN
                class="button button-secondary"
                fields=vec![("id", account.id.clone())]
                text="Invite again"
            />
        }
    });
    let delete = match is_deletable {
        true => {
            let href = with_query(DELETE_ACCOUNT, [("id", account.id.as_str())]);
            view! {
                <a class="button button-danger" href=href>
                    "Delete"
                </a>
            }
            .into_any()
        }
        false => ().into_any(),
    };
    let figures = figures_path(&FigureSubject::Account(account.id.clone()));
    let kept = (!is_deletable).then(|| {
        view! {
            <p class="field-hint">
                "The account cannot be deleted while mail of it is stored. It can be disabled."
            </p>
        }
    });
    view! {
        <section class="card" aria-labelledby="access-title">
            <header class="card-head">
                <h2 id="access-title">"Access"</h2>
                <p>{state}</p>
            </header>
            <div class="card-body">
                <dl class="facts">
                    <dt>"Role"</dt>
                    <dd>{role_name(account.role)}</dd>
                    <dt>"Created"</dt>
                    <dd>
                        <Time at=account.created />
                    </dd>
                    {invitation}
                </dl>
                {kept}
                <div class="actions">
                    <a class="button button-secondary" href=figures>
                        "Figures"
                    </a>
                    {again}
                    <Button
                        action=CHANGE_ACCOUNT
                        class="button button-secondary"
                        fields=vec![("id", account.id.clone()), ("role", role.as_str().to_owned())]
                        text=text
                    />
                    <Button
                        action=CHANGE_ACCOUNT
                        class=class
                        fields=vec![("id", account.id.clone()), ("disabled", disabled.to_owned())]
                        text=switch
                    /> {delete}
                </div>
            </div>
        </section>
    }
    .into_any()
}

/// The limits, what is left of them, and the link to the form that changes them.
#[component]
fn LimitsSection(id: String, quota: SendingQuota, now: Timestamp) -> AnyView {
    let limits = match quota.limits.is_empty() {
        true => view! { <p>"No limits."</p> }.into_any(),
        false => view! { <LimitFacts quota now /> }.into_any(),
    };
    view! {
        <section class="card" aria-labelledby="limits-title">
            <header class="card-head">
                <h2 id="limits-title">"Limits"</h2>
                <p>"What the account may send, with all its tokens together."</p>
            </header>
            <div class="card-body">
                {limits} <div class="buttons">
                    <a class="button button-secondary" href=LimitsTarget::Account(id).path()>
                        "Change limits"
                    </a>
                </div>
            </div>
        </section>
    }
    .into_any()
}

/// A form with one button.
#[component]
fn Button(
    action: &'static str,
    class: &'static str,
    fields: Vec<(&'static str, String)>,
    text: &'static str,
) -> AnyView {
    view! {
        <form method="post" action=action>
            <HiddenFields fields />
            <button class=class type="submit">
                {text}
            </button>
        </form>
    }
    .into_any()
}
