//! Mail about the health of relays: submitted once, dropped when outdated, due in time.

use std::time::Duration;

use engine::Postern;
use sqlx::AnyConnection;

use crate::environment::{TestEnv, execute};
use crate::webhooks::{answered, claim, event, record};
use testkit::AcceptedMail;

const YEARS: Duration = Duration::from_hours(3 * 365 * 24);

const URL: &str = "https://hooks.example.org/postern";

const ID: &str = "01JD0000000000000000000009";

/// A change as it is stored.
const RECOVERED: &str = r#"{"relay_name":"Main relay","own":false,"to":"healthy","at":120000,"failing_since":60000,"stage":"auth","cause":"The relay refuses the password.","reply":null}"#;
const DOWN: &str = r#"{"relay_name":"Main relay","own":false,"to":"down","at":120000,"failing_since":60000,"stage":null,"cause":null,"reply":null}"#;

/// Stores a mail to the administrator, as a change of state does.
async fn store(connection: &mut AnyConnection, change: &str, recovery: i64) {
    let sql = format!(
        "INSERT INTO health_mail \
         (id, account_id, relay_id, change, recovery, created_at, due_at) \
         SELECT '{ID}', id, 'global', '{change}', {recovery}, 0, 0 FROM account \
         WHERE email = 'admin@example.org'"
    );
    execute(connection, &sql).await;
}

async fn stored(connection: &mut AnyConnection) -> i64 {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM health_mail");
    query.fetch_one(connection).await.expect("a number")
}

async fn send(postern: &Postern) {
    let sent = postern.notifications().send_due_mail().await;
    sent.expect("the database answers");
}

/// The content of a mail without its transfer encoding.
pub fn text(mail: &AcceptedMail) -> String {
    mail.data.replace("=\r\n", "").replace("=22", "\"")
}

async fn a_recovery_is_mailed_once_by_several_nodes(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    let mut connection = env.connection().await;
    store(&mut connection, RECOVERED, 1).await;
    tokio::join!(send(&env.postern), send(&other));
    assert_eq!(stored(&mut connection).await, 0);
    // As after a node that died between the outbox and the deletion of the row.
    store(&mut connection, RECOVERED, 1).await;
    send(&other).await;
    assert_eq!(stored(&mut connection).await, 0);

    let fence = env
        .submit_mail(&admin, &["desk@example.net"], "Fence")
        .await;
    env.until_delivered(&admin, &[fence]).await;
    let mails = relay.wait_for_mails(2).await;
    let to_admin: Vec<&AcceptedMail> = mails
        .iter()
        .filter(|mail| mail.to == ["admin@example.org"])
        .collect();
    let [mail] = &to_admin[..] else {
        panic!("{} mails to the administrator", to_admin.len());
    };
    assert_eq!(
        mail.header("Subject"),
        Some("Relay Main relay is healthy again")
    );
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    let text = text(mail);
    for line in [
        "It failed from 1970-01-01 00:01 UTC until 1970-01-01 00:02 UTC.",
        "Stage: AUTH sign-in",
        "Cause: The relay refuses the password.",
        "http://gate.example/settings/relays",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    worker.end().await;
    other.close().await;
}

async fn a_failure_that_is_over_is_not_mailed(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let mut connection = env.connection().await;
    store(&mut connection, DOWN, 0).await;
    let created = format!("UPDATE health_mail SET created_at = {}", env.clock.now().0);
    execute(&mut connection, &created).await;
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 1, "it is not checked yet");
    assert_eq!(env.check().await, 1);
    env.pass(Duration::from_secs(31));
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 0);
    let fence = env
        .submit_mail(&admin, &["desk@example.net"], "Fence")
        .await;
    env.until_delivered(&admin, &[fence]).await;
    assert_eq!(relay.accepted().len(), 1, "the fence alone");
    worker.end().await;
}

async fn a_mail_that_is_not_accepted_waits(env: TestEnv) {
    let admin = env.admin().await;
    let mut connection = env.connection().await;
    // No relay has settings, so that there is no From address.
    store(&mut connection, RECOVERED, 1).await;
    let since = env.clock.now();
    let created = format!("UPDATE health_mail SET created_at = {}", since.0);
    execute(&mut connection, &created).await;
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 1);
    let (relay, worker) = env.mail_leaves(&admin).await;
    env.pass(Duration::from_secs(31));
    send(&env.postern).await;
    assert_eq!(relay.wait_for_mails(1).await.len(), 1);
    worker.end().await;
}

async fn a_mail_that_fails_backs_off_and_stops_no_other(env: TestEnv) {
    let admin = env.admin().await;
    let (relay, worker) = env.mail_leaves(&admin).await;
    let mut connection = env.connection().await;
    store(&mut connection, RECOVERED, 1).await;
    // As a later version may store it. It comes before the other.
    let unreadable = "INSERT INTO health_mail \
                      (id, account_id, relay_id, change, recovery, created_at, due_at) \
                      SELECT '01JD0000000000000000000008', account_id, relay_id, '{}', recovery, \
                      created_at, due_at FROM health_mail";
    execute(&mut connection, unreadable).await;
    let since = env.clock.now();
    let created = format!("UPDATE health_mail SET created_at = {}", since.0);
    execute(&mut connection, &created).await;
    send(&env.postern).await;
    assert_eq!(relay.wait_for_mails(1).await.len(), 1);
    assert_eq!(stored(&mut connection).await, 1);
    // The clock runs meanwhile.
    for (pass, wait) in [(0, 30), (600, 600), (1_200, 1_800), (4_800, 3_600)] {
        env.pass(Duration::from_secs(pass));
        send(&env.postern).await;
        let query = sqlx::query_scalar("SELECT due_at FROM health_mail");
        let due: i64 = query.fetch_one(&mut connection).await.expect("one row");
        let found = (due - env.clock.now().0) / 1_000;
        assert!(
            (wait - 20..=wait + 20).contains(&found),
            "{found} of {wait} s"
        );
    }
    env.pass(Duration::from_hours(3 * 24));
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 0, "after three days");
    worker.end().await;
}

async fn mail_that_is_due_years_later_is_due_now(env: TestEnv) {
    let admin = env.admin().await;
    let mut connection = env.connection().await;
    env.pass(YEARS);
    // No relay has settings, so that it is put off.
    store(&mut connection, RECOVERED, 1).await;
    let created = format!("UPDATE health_mail SET created_at = {}", env.clock.now().0);
    execute(&mut connection, &created).await;
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 1);
    env.put_back(YEARS);
    let (relay, worker) = env.mail_leaves(&admin).await;
    send(&env.postern).await;
    assert_eq!(relay.wait_for_mails(1).await.len(), 1);
    worker.end().await;
}

async fn a_mail_of_a_clock_that_was_ahead_is_deleted_after_three_days(env: TestEnv) {
    let _ = env.admin().await;
    let mut connection = env.connection().await;
    // No relay has settings, so that it is put off.
    store(&mut connection, RECOVERED, 1).await;
    let ahead = (env.clock.now() + YEARS).0;
    let created = format!("UPDATE health_mail SET created_at = {ahead}, due_at = {ahead}");
    execute(&mut connection, &created).await;
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 1);
    env.pass(Duration::from_hours(3 * 24));
    send(&env.postern).await;
    assert_eq!(stored(&mut connection).await, 0);
}

async fn events_that_are_due_years_later_are_due_now(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.pass(YEARS);
    env.test_event(&admin, &id).await;
    let first = claim(&env.postern).await.remove(0);
    record(&env.postern, &first, &answered(503)).await;
    env.put_back(YEARS);
    let again = claim(&env.postern).await;
    assert_eq!(again.iter().map(event).collect::<Vec<_>>(), [event(&first)]);
    assert!(claim(&env.postern).await.is_empty(), "it is leased");
    record(&env.postern, &again[0], &answered(204)).await;

    // The state after a node was killed whose clock was ahead.
    env.pass(YEARS);
    env.test_event(&admin, &id).await;
    let dead = claim(&env.postern).await;
    env.put_back(YEARS);
    let again = claim(&env.postern).await;
    assert_eq!(
        again.iter().map(event).collect::<Vec<_>>(),
        [event(&dead[0])]
    );
}

stories! {
    both {
        a_recovery_is_mailed_once_by_several_nodes;
        a_failure_that_is_over_is_not_mailed;
        a_mail_that_is_not_accepted_waits;
        a_mail_that_fails_backs_off_and_stops_no_other;
        mail_that_is_due_years_later_is_due_now;
        a_mail_of_a_clock_that_was_ahead_is_deleted_after_three_days;
        events_that_are_due_years_later_are_due_now;
    }
}
