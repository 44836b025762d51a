//! The forms about accounts of others: add, change, invite, delete; sessions, tokens and senders.

use domain::Refusal;
use engine::{Invited, LinkDelivery};

use super::requests::{
    AccountChangeRequest, AddRequest, EndOfAccount, EndedSessions, InvitationLink, TypedAccount,
};
use super::{
    ACCOUNTS, ADD_SENDER_OF, CHANGE_ACCOUNT, DELETE_ACCOUNT, END_SESSION_OF, INVITE_AGAIN,
    REMOVE_SENDER_OF, REVOKE_TOKEN_OF, SESSIONS, account_path,
};
use crate::flash::Flash;
use crate::form::{FormAnswer, FormRequest, FormRoute};
use crate::request::{only_id, with_query};
use crate::senders::SenderForm;

/// Their routes.
pub fn forms() -> Vec<FormRoute> {
    vec![
        FormRoute::new(ACCOUNTS, add),
        FormRoute::new(CHANGE_ACCOUNT, change),
        FormRoute::new(INVITE_AGAIN, invite_again),
        FormRoute::new(DELETE_ACCOUNT, delete),
        FormRoute::new(SESSIONS, end_sessions),
        FormRoute::new(END_SESSION_OF, end_session),
        FormRoute::new(REVOKE_TOKEN_OF, revoke_token),
        FormRoute::new(ADD_SENDER_OF, add_sender),
        FormRoute::new(REMOVE_SENDER_OF, remove_sender),
    ]
}

/// Creates an account with a password, or invites its person without one.
async fn add(posted: FormRequest) -> FormAnswer {
    let mut typed = TypedAccount::default();
    let added = async {
        let actor = posted.actor()?;
        let fields = posted.fields()?;
        typed = typed_account(fields);
        let AddRequest {
            email,
            role,
            password,
        } = AddRequest::parse(fields)?;
        Ok::<_, Refusal>(match password {
            Some(password) => {
                let accounts = posted.postern.accounts();
                let account = accounts.create(actor, &email, role, password).await?;
                let done = Flash::AccountCreated(account.email);
                FormAnswer::done(account_path(&account.id), done)
            }
            None => {
                let mail = posted.postern.account_mail();
                invited(mail.invite(actor, &email, role).await?)
            }
        })
    };
    match added.await {
        Ok(answer) => answer,
        Err(refusal) => FormAnswer::refused_with(ACCOUNTS, typed, refusal),
    }
}

/// What was typed, without the password.
fn typed_account(fields: &[(String, String)]) -> TypedAccount {
    let value = |name| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    TypedAccount {
        email: value("email"),
        role: value("role"),
    }
}

/// The page of an account whose person was invited. A link that was not mailed is shown in this answer
/// alone.
fn invited(invited: Invited) -> FormAnswer {
    let path = account_path(&invited.id);
    match invited.delivery {
        LinkDelivery::Mailed => FormAnswer::done(path, Flash::AccountInvited(invited.email)),
        LinkDelivery::Returned { link, reason } => {
            FormAnswer::page(path, InvitationLink { link, reason })
        }
    }
}

async fn change(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let changed = async {
        let actor = posted.actor()?;
        let AccountChangeRequest { id, change } = AccountChangeRequest::parse(posted.fields()?)?;
        path = account_path(&id);
        let accounts = posted.postern.accounts();
        let account = accounts.change(actor, &id, change).await?;
        Ok::<_, Refusal>(match change.disabled {
            Some(true) => Flash::AccountDisabled(account.email),
            Some(false) => Flash::AccountEnabled(account.email),
            None => Flash::AccountChanged(account.email),
        })
    };
    match changed.await {
        Ok(done) => FormAnswer::done(path, done),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

async fn invite_again(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let invited_again = async {
        let actor = posted.actor()?;
        let id = only_id(posted.fields()?)?;
        path = account_path(&id);
        let mail = posted.postern.account_mail();
        mail.invite_again(actor, &id).await
    };
    match invited_again.await {
        Ok(again) => invited(again),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

async fn delete(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let deleted = async {
        let actor = posted.actor()?;
        let id = only_id(posted.fields()?)?;
        path = with_query(DELETE_ACCOUNT, [("id", &id)]);
        let accounts = posted.postern.accounts();
        let email = accounts.read(actor, &id).await?.email;
        accounts.delete(actor, &id).await?;
        Ok::<_, Refusal>(email)
    };
    match deleted.await {
        Ok(email) => FormAnswer::done(ACCOUNTS, Flash::AccountDeleted(email)),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

/// Ends one of the sessions of all accounts, or all of an account.
async fn end_sessions(posted: FormRequest) -> FormAnswer {
    let ended = async {
        let actor = posted.actor()?;
        let accounts = posted.postern.accounts();
        Ok::<_, Refusal>(match EndedSessions::parse(posted.fields()?)? {
            EndedSessions::One(id) => {
                accounts.end_any_session(actor, &id).await?;
                Flash::SessionEnded
            }
            EndedSessions::OfAccount(id) => {
                Flash::SessionsEnded(accounts.end_sessions_of(actor, &id).await?)
            }
        })
    };
    match ended.await {
        Ok(done) => FormAnswer::done(SESSIONS, done),
        Err(refusal) => FormAnswer::refused(SESSIONS, refusal),
    }
}

async fn end_session(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let ended = async {
        let actor = posted.actor()?;
        let EndOfAccount { account, id } = EndOfAccount::parse(posted.fields()?)?;
        path = account_path(&account);
        let accounts = posted.postern.accounts();
        accounts.end_session_of(actor, &account, &id).await
    };
    match ended.await {
        Ok(()) => FormAnswer::done(path, Flash::SessionEnded),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

async fn revoke_token(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let revoked = async {
        let actor = posted.actor()?;
        let EndOfAccount { account, id } = EndOfAccount::parse(posted.fields()?)?;
        path = account_path(&account);
        let accounts = posted.postern.accounts();
        accounts.revoke_token(actor, &id).await
    };
    match revoked.await {
        Ok(()) => FormAnswer::done(path, Flash::TokenRevoked),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}

async fn add_sender(posted: FormRequest) -> FormAnswer {
    let mut form = SenderForm::default();
    let added = async {
        let actor = posted.actor()?;
        form = posted.read()?;
        let senders = posted.postern.senders();
        senders.add_for(actor, &form.account, &form.address).await
    };
    let added = added.await;
    let path = match form.account.as_str() {
        "" => ACCOUNTS.to_owned(),
        id => account_path(id),
    };
    match added {
        Ok(sender) => FormAnswer::done(path, Flash::SenderAdded(sender.address)),
        Err(refusal) => FormAnswer::refused_with(path, form, refusal),
    }
}

async fn remove_sender(posted: FormRequest) -> FormAnswer {
    let mut path = ACCOUNTS.to_owned();
    let removed = async {
        let actor = posted.actor()?;
        let EndOfAccount { account, id } = EndOfAccount::parse(posted.fields()?)?;
        path = account_path(&account);
        let senders = posted.postern.senders();
        senders.remove_for(actor, &account, &id).await
    };
    match removed.await {
        Ok(()) => FormAnswer::done(path, Flash::SenderRemoved),
        Err(refusal) => FormAnswer::refused(path, refusal),
    }
}
