//! Which addresses an actor may send from, and whose sender addresses it may change.

use domain::account::Role;
use domain::{Kind, Refusal};

use super::{Actor, Identity};
use crate::store::accounts::Account;

impl Actor {
    /// Whether the actor may send from addresses that its account may not: an administrator who is signed
    /// in, a token of an administrator that was made so, a local user, a program of this machine without an
    /// account, and Postern itself.
    pub(crate) fn sends_from_any_address(&self) -> bool {
        match &self.identity {
            Identity::Session(session) => session.account.role == Role::Admin,
            Identity::Token { token, .. } => token.any_sender && token.account.role == Role::Admin,
            Identity::Sender(_) => false,
            Identity::Local { .. } | Identity::LocalSender { .. } | Identity::Postern => true,
        }
    }

    /// The account whose sender addresses the actor changes as its own. Tokens need the scope `admin`,
    /// and no limits, which an address would outlive.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other tokens, and for a local user.
    pub(crate) fn changes_own_senders(&self) -> Result<&Account, Refusal> {
        self.changes_settings()?;
        if self.is_limited() {
            let text = "A token that expires, or has senders, limits or a highest priority, changes no sender \
                        addresses. Sign in to do it.";
            return Err(Refusal::new(Kind::Forbidden, text));
        }
        self.own_account()
    }

    /// The account of the session or token.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a local user.
    pub(crate) fn own_account(&self) -> Result<&Account, Refusal> {
        self.account().ok_or_else(|| {
            let text = "Only an account has sender addresses. Sign in, or name an account.";
            Refusal::new(Kind::Forbidden, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::outbox::PriorityLimits;
    use domain::{SendingQuota, Timestamp};

    use super::*;
    use crate::Origin;
    use crate::store::accounts::tokens::{Token, TokenScope};

    fn holder(role: Role, scope: TokenScope, any_sender: bool, senders: &[&str]) -> Actor {
        let account = Account {
            id: "1".to_owned(),
            email: "a@example.org".to_owned(),
            role,
        };
        let token = Token {
            id: "2".to_owned(),
            name: "app".to_owned(),
            scopes: vec![scope],
            created_at: Timestamp(0),
            revoked_at: None,
            expires_at: None,
            last_used_at: None,
            senders: senders.iter().map(|text| (*text).to_owned()).collect(),
            any_sender,
            priorities: PriorityLimits::default(),
            quota: SendingQuota::default(),
            account,
        };
        Actor::token(token, "3".to_owned(), Origin::default())
    }

    #[test]
    fn only_administrators_send_from_any_address() {
        for (role, any_sender, expected) in [
            (Role::Admin, true, true),
            (Role::Admin, false, false),
            (Role::User, true, false),
            (Role::User, false, false),
        ] {
            let actor = holder(role, TokenScope::Send, any_sender, &[]);
            let sends = actor.sends_from_any_address();
            assert_eq!(sends, expected, "{role:?} {any_sender}");
        }
        assert!(Actor::local(0).sends_from_any_address());
        assert!(Actor::postern().sends_from_any_address());
        assert!(Actor::local_sender(Some(1)).sends_from_any_address());
        let account = Account {
            id: "1".to_owned(),
            email: "a@example.org".to_owned(),
            role: Role::Admin,
        };
        assert!(!Actor::sender(account, Origin::default()).sends_from_any_address());
    }

    #[test]
    fn own_senders_are_changed_by_unlimited_tokens_with_the_scope_admin() {
        for (scope, senders, changes) in [
            (TokenScope::Admin, &[][..], true),
            (TokenScope::Send, &[], false),
            (TokenScope::Admin, &["a@example.org"], false),
        ] {
            let actor = holder(Role::User, scope, false, senders);
            let changed = actor.changes_own_senders();
            assert_eq!(changed.is_ok(), changes, "{scope:?} {senders:?}");
        }
        assert!(Actor::local(0).changes_own_senders().is_err());
    }
}
