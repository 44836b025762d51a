//! Programs that submit mail without a token: as an account, or as programs of this machine.

use domain::account::Role;
use domain::{Kind, Refusal};
use engine::{AccountChange, Actor, Origin, Submission, Submissions};

use crate::environment::TestEnv;

const ANN: &str = "ann@example.org";

impl TestEnv {
    /// The actor that submits mail as an account.
    async fn program_of(&self, email: &str) -> Option<Actor> {
        let accounts = self.postern.accounts();
        let found = accounts.sender_by_email(email, Origin::default()).await;
        found.expect("asks")
    }

    /// Submits a mail, and returns its id.
    async fn submits(&self, actor: &Actor, from: &str) -> Result<String, Refusal> {
        let one = Submission {
            from: Some(from.to_owned()),
            to: vec!["desk@example.net".to_owned()],
            text: Some("Hello.".to_owned()),
            ..Submission::default()
        };
        let one = Submissions::One(Box::new(one));
        let accepted = self.postern.outbox().accept(actor, one, None).await?;
        Ok(accepted.ids.concat())
    }

    /// The submitter of a mail, as its page shows it.
    async fn submitter(&self, id: &str) -> String {
        let read = self.postern.outbox().message(&Actor::local(0), id).await;
        read.expect("a message").by
    }
}

async fn a_program_submits_mail_as_an_account_from_its_addresses(env: TestEnv) {
    let ann = env.sign_in(ANN, Role::Admin).await;
    let program = env.program_of(" Ann@Example.org ").await.expect("known");
    let id = env.submits(&program, ANN).await.expect("its own address");
    assert_eq!(env.submitter(&id).await, ANN);
    let refused = env.submits(&program, "other@example.net").await;
    let refused = refused.expect_err("an address of somebody else");
    assert!(refused.fields.contains_key("from"), "{refused:?}");
    let own = env.postern.outbox().message(&ann, &id).await;
    assert_eq!(own.expect("the account sees its mail").id, id);
    let read = env.postern.outbox().message(&program, &id).await;
    assert_eq!(read.expect_err("only sends").kind, Kind::Forbidden);
}

async fn a_disabled_account_has_no_programs(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.sign_in(ANN, Role::User).await;
    let program = env.program_of(ANN).await.expect("known");
    let accounts = env.postern.accounts();
    assert!(accounts.is_current(&program).await.expect("asks"));
    let found = accounts.read_by_email(&admin, ANN).await;
    let disable = AccountChange {
        disabled: Some(true),
        ..AccountChange::default()
    };
    let id = found.expect("an account").id;
    let disabled = accounts.change(&admin, &id, disable).await;
    disabled.expect("disabled");
    assert!(!accounts.is_current(&program).await.expect("asks"));
    for email in [ANN, "nobody@example.org", "not an address"] {
        assert!(env.program_of(email).await.is_none(), "{email}");
    }
}

async fn a_program_of_this_machine_sends_from_any_address(env: TestEnv) {
    for uid in [None, Some(1000)] {
        let program = Actor::local_sender(uid);
        let id = env.submits(&program, "cron@gate.example").await;
        let id = id.expect("any address");
        assert_eq!(env.submitter(&id).await, "local");
        let read = env.postern.outbox().message(&program, &id).await;
        assert_eq!(read.expect_err("only sends").kind, Kind::Forbidden);
        let accounts = env.postern.accounts();
        assert!(accounts.is_current(&program).await.expect("asks"));
    }
}

stories! {
    both {
        a_program_submits_mail_as_an_account_from_its_addresses;
        a_disabled_account_has_no_programs;
        a_program_of_this_machine_sends_from_any_address;
    }
}
