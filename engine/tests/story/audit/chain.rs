//! The audit log: searches, hash chains of nodes, their verification, and their retention.

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::audit::{AuditObject, AuditOutcome, AuditRow, AuditSearch};
use engine::{Actor, AuditTampering, AuditVerification, Config, Postern};
use futures::StreamExt;
use futures::future::join_all;

use crate::environment::{TestEnv, connect, execute};
use crate::outbox::TestWorker;
use crate::wait::wait_for;

/// Longer than rows are kept.
const OLD: Duration = Duration::from_secs(401 * 86_400);

/// An act with a row of its own.
async fn act(postern: &Postern) {
    let audit = postern.audit();
    let exported = audit.export(&Actor::local(0), AuditSearch::default()).await;
    drop(exported.expect("begins"));
}

impl TestEnv {
    async fn act_often(&self, number: usize) {
        for _ in 0..number {
            act(&self.postern).await;
        }
    }

    async fn verified(&self) -> AuditVerification {
        let verified = self.postern.audit().verify(&Actor::local(0)).await;
        verified.expect("verifies")
    }

    /// The rows that match, newest first.
    pub async fn audit_rows(&self, search: &AuditSearch) -> Vec<AuditRow> {
        let audit = self.postern.audit();
        let page = audit.list(&Actor::local(0), search, None, 500).await;
        page.expect("lists").rows
    }

    /// Another process on the same database, on this machine.
    async fn other_process(&self, host: &str) -> Postern {
        let config = Config {
            host: host.to_owned(),
            browser_key: None,
            ..self.config.clone()
        };
        Postern::open(config).await.expect("opens")
    }

    /// Waits until retention has left so many rows.
    async fn until_left(&self, number: usize) {
        wait_for("old rows to be deleted", async || {
            let rows = self.audit_rows(&AuditSearch::default()).await;
            (rows.len() == number).then_some(()).ok_or(rows)
        })
        .await;
    }
}

async fn acts_and_refusals_are_rows_of_one_chain(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    let refused = env.postern.settings().view(&user).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    env.act_often(2).await;
    let rows = env.audit_rows(&AuditSearch::default()).await;
    let mut numbers = Vec::new();
    for row in &rows {
        let place = row.place.as_ref().expect("a place in a chain");
        assert_eq!(place.node, "localhost");
        assert_eq!(place.hash.len(), 64);
        numbers.push(place.number);
    }
    numbers.sort_unstable();
    let all: Vec<i64> = (1..).take(rows.len()).collect();
    assert_eq!(numbers, all);
    assert!(rows.iter().any(|row| row.outcome == "refused (403)"));
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    let [chain] = &verified.chains[..] else {
        panic!("{verified:?}");
    };
    assert_eq!(
        (&*chain.node, chain.intact),
        ("localhost", rows.len() as i64)
    );
    assert_eq!((chain.anchor, verified.unchained), (None, 0));
    let refused = env.postern.audit().verify(&user).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
}

/// Each change by another program is at a row before those of the changes before it.
async fn a_row_that_another_program_changed_is_found(env: TestEnv) {
    env.act_often(6).await;
    assert!(env.verified().await.is_intact());
    for (statement, tampering, number) in [
        (
            "INSERT INTO audit (id, at, actor, origin, action, outcome, detail, node, number, hash) \
             SELECT 'inserted', at, actor, origin, action, outcome, detail, node, 7, hash FROM audit \
             WHERE number = 6",
            AuditTampering::Inserted,
            7,
        ),
        (
            "DELETE FROM audit WHERE number >= 6",
            AuditTampering::Removed,
            6,
        ),
        (
            "UPDATE audit SET at = at + 1 WHERE number = 5",
            AuditTampering::Changed,
            5,
        ),
        (
            "UPDATE audit SET hash = 'forged' WHERE number = 4",
            AuditTampering::Changed,
            4,
        ),
        (
            "DELETE FROM audit WHERE number = 3",
            AuditTampering::Removed,
            3,
        ),
        (
            "UPDATE audit SET number = 30 WHERE number = 2",
            AuditTampering::Removed,
            2,
        ),
        (
            "UPDATE audit SET actor = 'nobody' WHERE number = 1",
            AuditTampering::Changed,
            1,
        ),
    ] {
        env.tamper(statement).await;
        let verified = env.verified().await;
        assert!(!verified.is_intact(), "{statement}");
        let fault = verified.chains[0].fault.as_ref().expect("a fault");
        let found = (fault.tampering, fault.number);
        assert_eq!(found, (tampering, Some(number)), "{statement}");
        assert_eq!(verified.chains[0].intact, number - 1, "{statement}");
        let is_there = tampering != AuditTampering::Removed;
        assert_eq!(fault.id.is_some(), is_there, "{statement}");
    }
}

/// SQLite keeps a text in a column of numbers, so that a row is changed and cannot be read.
async fn a_row_that_cannot_be_read_is_changed(env: TestEnv) {
    env.act_often(5).await;
    for (statement, number) in [
        ("UPDATE audit SET number = 'fifth' WHERE number = 5", 5),
        ("UPDATE audit SET at = 'soon' WHERE number = 4", 4),
        ("UPDATE audit SET detail = x'ff' WHERE number = 2", 2),
    ] {
        env.tamper(statement).await;
        let verified = env.verified().await;
        let fault = verified.chains[0].fault.as_ref().expect("a fault");
        let found = (fault.tampering, fault.number);
        assert_eq!(
            found,
            (AuditTampering::Changed, Some(number)),
            "{statement}"
        );
        assert_eq!(verified.chains[0].intact, number - 1, "{statement}");
    }
    env.tamper("UPDATE audit_unchained SET number = 'none'")
        .await;
    let refused = env.postern.audit().verify(&Actor::local(0)).await;
    assert_eq!(refused.expect_err("unreadable").kind, Kind::Conflict);
}

async fn rows_in_no_chain_are_noticed(env: TestEnv) {
    env.act_often(2).await;
    env.tamper(
        "INSERT INTO audit (id, at, actor, origin, action, outcome, detail) \
         VALUES ('inserted', 0, 'nobody', '', 'login', 'done', '')",
    )
    .await;
    let verified = env.verified().await;
    assert_eq!((verified.unchained, verified.surplus), (1, 1));
    assert!(!verified.is_intact());
    env.tamper("UPDATE audit SET node = 'elsewhere', number = 1 WHERE id = 'inserted'")
        .await;
    let verified = env.verified().await;
    assert!(!verified.is_intact());
    let (node, fault) = verified.stray.expect("a row");
    assert_eq!(
        (&*node, fault.id.as_deref()),
        ("elsewhere", Some("inserted"))
    );
    env.tamper("DELETE FROM audit WHERE id = 'inserted'").await;
    assert!(env.verified().await.is_intact());
    env.tamper("DELETE FROM audit_chain").await;
    let verified = env.verified().await;
    assert_eq!(verified.stray.expect("a row").0, "localhost");
}

/// In a rolling upgrade.
async fn rows_of_nodes_of_an_earlier_version_are_accepted_by_a_person(env: TestEnv) {
    let (audit, operator) = (env.postern.audit(), Actor::local(0));
    let refused = audit.accept_unchained(&operator).await;
    assert_eq!(refused.expect_err("nothing").kind, Kind::Conflict);
    env.act_often(1).await;
    env.tamper(
        "INSERT INTO audit (id, at, actor, origin, action, outcome, detail) \
         VALUES ('one', 0, 'ann', '', 'login', 'done', ''), ('two', 0, 'ann', '', 'logout', 'done', '')",
    )
    .await;
    assert!(!env.verified().await.is_intact());
    let user = env.sign_in("user@example.org", Role::User).await;
    let refused = audit.accept_unchained(&user).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    assert!(!env.verified().await.is_intact());

    let accepted = audit.accept_unchained(&operator).await;
    assert_eq!(accepted.expect("accepted"), 2);
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!((verified.unchained, verified.surplus), (2, 0));
    let by = AuditSearch {
        action: "accept audit rows".to_owned(),
        outcome: Some(AuditOutcome::Done),
        ..AuditSearch::default()
    };
    let rows = env.audit_rows(&by).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].detail, "2 in no chain");

    // What is inserted or taken away later is noticed as before.
    env.tamper("DELETE FROM audit WHERE id = 'one'").await;
    let refused = audit.accept_unchained(&operator).await;
    assert_eq!(refused.expect_err("a row is gone").kind, Kind::Conflict);
    assert_eq!(env.verified().await.surplus, -1);
}

async fn each_node_writes_a_chain_of_its_own(env: TestEnv) {
    let other = env.other_process("other").await;
    let acts = (0..20).map(|number| match number % 2 {
        0 => act(&env.postern),
        _ => act(&other),
    });
    join_all(acts).await;
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    let chains = verified.chains.iter();
    let chains: Vec<(&str, i64)> = chains.map(|chain| (&*chain.node, chain.intact)).collect();
    assert_eq!(chains, [("localhost", 10), ("other", 10)]);
    other.close().await;
}

/// Two processes of a machine write to one chain, and refusals come from the group commit.
async fn acts_at_once_do_not_break_the_chain(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    let before = env.verified().await.chains[0].intact;
    let other = env.other_process("").await;
    let acts = join_all((0..40).map(|number| match number % 2 {
        0 => act(&env.postern),
        _ => act(&other),
    }));
    let (settings, outbox) = (env.postern.settings(), env.postern.outbox());
    let (_, read, paused) = tokio::join!(
        acts,
        settings.view(&user),
        outbox.pause_delivery(&user, true)
    );
    assert_eq!(read.expect_err("a user").kind, Kind::Forbidden);
    assert_eq!(paused.expect_err("a user").kind, Kind::Forbidden);
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!(verified.chains.len(), 1);
    assert_eq!(verified.chains[0].intact, before + 42);
    other.close().await;
}

async fn the_anchor_of_a_chain_outlives_retention(env: TestEnv) {
    env.act_often(3).await;
    env.pass(OLD);
    env.act_often(1).await;
    let worker = TestWorker::begin(&env, 1);
    env.until_left(1).await;
    worker.end().await;
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    let chain = &verified.chains[0];
    let anchor = chain.anchor.expect("rows were removed");
    assert_eq!((anchor.number, chain.intact), (3, 1));
    let at = anchor.at.expect("a time");
    assert!(env.clock.now().saturating_since(at) >= OLD);
    env.act_often(1).await;
    assert_eq!(env.verified().await.chains[0].intact, 2);
    env.tamper("DELETE FROM audit WHERE number = 4").await;
    let fault = env.verified().await.chains[0].fault.clone();
    let fault = fault.expect("a row behind the anchor is gone");
    let found = (fault.tampering, fault.number);
    assert_eq!(found, (AuditTampering::Removed, Some(4)));
}

/// As after the migration that begins the chains.
async fn rows_from_before_the_chains_are_counted_until_retention_removes_them(env: TestEnv) {
    env.act_often(3).await;
    env.tamper(
        "UPDATE audit SET node = NULL, number = NULL, hash = NULL; DELETE FROM audit_chain; \
         UPDATE audit_unchained SET number = 3",
    )
    .await;
    env.pass(OLD);
    env.act_often(1).await;
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!((verified.unchained, verified.chains[0].intact), (3, 1));
    let worker = TestWorker::begin(&env, 1);
    env.until_left(1).await;
    worker.end().await;
    let verified = env.verified().await;
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!((verified.unchained, verified.chains[0].anchor), (0, None));
}

async fn the_audit_log_is_searched_in_pages(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    // Rows of one millisecond have no order.
    env.pass(Duration::from_secs(1));
    let refused = env.postern.outbox().pause_delivery(&user, true).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    env.act_often(3).await;
    let (audit, local) = (env.postern.audit(), Actor::local(0));
    let names = async |search: AuditSearch| {
        let rows = env.audit_rows(&search).await.into_iter();
        rows.map(|row| row.action).collect::<Vec<String>>()
    };
    let all = AuditSearch::default;
    let by_user = AuditSearch {
        actor: "USER@example".to_owned(),
        ..all()
    };
    assert_eq!(names(by_user.clone()).await, ["pause delivery", "login"]);
    let refusals = AuditSearch {
        outcome: Some(AuditOutcome::Refused),
        ..all()
    };
    assert_eq!(names(refusals).await, ["pause delivery"]);
    let sessions = AuditSearch {
        object: Some(AuditObject::Session),
        ..by_user
    };
    assert_eq!(names(sessions).await, ["login"]);
    let exports = AuditSearch {
        action: "export audit".to_owned(),
        origin: "this machine".to_owned(),
        detail: "ALL ROWS".to_owned(),
        ..all()
    };
    assert_eq!(names(exports.clone()).await.len(), 3);
    let literally = AuditSearch {
        detail: "all%rows".to_owned(),
        ..all()
    };
    assert!(names(literally).await.is_empty());
    let later = AuditSearch {
        since: Some(env.clock.now() + OLD),
        ..all()
    };
    assert!(names(later).await.is_empty());
    let mut ids = Vec::new();
    let mut behind = None;
    loop {
        let page = audit.list(&local, &all(), behind.as_ref(), 2).await;
        let page = page.expect("lists");
        assert!(page.rows.len() <= 2);
        ids.extend(page.rows.into_iter().map(|row| row.id));
        behind = page.next;
        if behind.is_none() {
            break;
        }
    }
    let rows = env.audit_rows(&all()).await;
    let expected: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, expected);
    let parts: Vec<_> = audit
        .export(&local, exports)
        .await
        .expect("begins")
        .collect()
        .await;
    let exported: usize = parts
        .into_iter()
        .map(|part| part.expect("rows").len())
        .sum();
    assert_eq!(
        exported, 3,
        "the row of this export has the criteria as its detail"
    );
    let unknown = AuditSearch {
        action: "loign".to_owned(),
        ..all()
    };
    let refused = audit
        .list(&local, &unknown, None, 50)
        .await
        .expect_err("refused");
    assert!(refused.fields.contains_key("action"));
    let refused = audit.list(&user, &all(), None, 50).await;
    assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    let refused = audit.export(&user, all()).await.err().expect("a user");
    assert_eq!(refused.kind, Kind::Forbidden);
}

/// The databases of the other stories know no other letters than those of ASCII.
async fn a_text_with_letters_beyond_ascii_is_found(env: TestEnv) {
    let address = env.config.database.as_deref().expect("PostgreSQL");
    let (server, name) = address.rsplit_once('/').expect("a database");
    let name = format!("{name}_letters");
    let create =
        format!("CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'");
    execute(&mut env.connection().await, &create).await;
    let config = Config {
        database: Some(format!("{server}/{name}")),
        ..env.empty().await
    };
    let postern = Postern::open(config.clone()).await.expect("opens");
    execute(
        &mut connect(&config).await,
        "INSERT INTO audit (id, at, actor, origin, action, outcome, detail) \
         VALUES ('01JD0000000000000000000000', 0, 'admin', '', 'create relay', 'done', '“Übersee”')",
    )
    .await;
    for (detail, number) in [("Übersee", 1), ("über", 1), ("Übungen", 0)] {
        let search = AuditSearch {
            detail: detail.to_owned(),
            ..AuditSearch::default()
        };
        let audit = postern.audit();
        let page = audit.list(&Actor::local(0), &search, None, 50).await;
        assert_eq!(page.expect("lists").rows.len(), number, "{detail}");
    }
    postern.close().await;
}

stories! {
    both {
        acts_and_refusals_are_rows_of_one_chain;
        a_row_that_another_program_changed_is_found;
        rows_in_no_chain_are_noticed;
        rows_of_nodes_of_an_earlier_version_are_accepted_by_a_person;
        each_node_writes_a_chain_of_its_own;
        acts_at_once_do_not_break_the_chain;
        the_anchor_of_a_chain_outlives_retention;
        rows_from_before_the_chains_are_counted_until_retention_removes_them;
        the_audit_log_is_searched_in_pages;
    }
    sqlite {
        a_row_that_cannot_be_read_is_changed;
    }
    postgres {
        a_text_with_letters_beyond_ascii_is_found;
    }
}
