//! The audit log: repeated refusals are counted, no refusal has a commit of its own, retention.

mod chain;

use std::time::Duration;

use domain::account::Role;
use domain::{Kind, SecretString};
use engine::{Actor, NewToken, Origin};
use futures::future::join_all;

use crate::environment::{PASSWORD, TestEnv, execute};
use crate::outbox::TestWorker;
use crate::wait::wait_for;

fn origin(address: &str) -> Origin {
    Origin {
        address: address.parse().ok(),
        ..Origin::default()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// The detail of the row of 49 refusals behind the first.
const REPEATED: &str = "repeated 49 times in a minute";

impl TestEnv {
    /// Tokens of an account without rights.
    async fn user_tokens(&self, number: usize) -> Vec<Actor> {
        let email = "user@example.org";
        let _ = self.sign_in(email, Role::User).await;
        let accounts = self.postern.accounts();
        let mut tokens = Vec::new();
        for number in 0..number {
            // An account has ten new ones a minute.
            if number > 0 && number % 10 == 0 {
                self.pass(MINUTE);
            }
            let new = NewToken::new(email, &format!("app{number}"));
            let secret = accounts.create_token(&Actor::local(0), new).await;
            let secret = secret.expect("a token");
            let token = accounts.token_actor(&secret, Origin::default()).await;
            tokens.push(token.expect("asks").expect("a valid token"));
        }
        tokens
    }

    /// The row of the refusals with this outcome that repeat one, once it is written.
    async fn until_counted(&self, outcome: &str) -> [String; 3] {
        wait_for("the row of the minute", async || {
            let rows = self.refused(outcome).await;
            let counted = rows.iter().find(|row| row[2].starts_with("repeated "));
            counted.cloned().ok_or(rows)
        })
        .await
    }

    /// The rows of the audit log with this outcome: actor, origin, detail.
    async fn refused(&self, outcome: &str) -> Vec<[String; 3]> {
        let trail = self.postern.audit().trail(&Actor::local(0), 1000).await;
        let rows = trail.expect("readable").into_iter();
        rows.filter(|row| row.outcome == outcome)
            .map(|row| [row.actor, row.origin, row.detail])
            .collect()
    }
}

/// Notes each write of a session or of an audit row in the table `written`.
const NOTE_WRITES: &str = "CREATE TABLE written (what TEXT NOT NULL);
    CREATE TRIGGER a AFTER INSERT ON session BEGIN INSERT INTO written VALUES ('INSERT session'); END;
    CREATE TRIGGER b AFTER UPDATE ON session BEGIN INSERT INTO written VALUES ('UPDATE session'); END;
    CREATE TRIGGER c AFTER DELETE ON session BEGIN INSERT INTO written VALUES ('DELETE session'); END;
    CREATE TRIGGER d AFTER INSERT ON audit BEGIN INSERT INTO written VALUES ('INSERT audit'); END;
    CREATE TRIGGER e AFTER UPDATE ON audit BEGIN INSERT INTO written VALUES ('UPDATE audit'); END;
    CREATE TRIGGER f AFTER DELETE ON audit BEGIN INSERT INTO written VALUES ('DELETE audit'); END";

/// [`NOTE_WRITES`] for PostgreSQL.
const NOTE_WRITES_POSTGRES: &str = "CREATE TABLE written (what TEXT NOT NULL);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO written VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON session
    FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION note()";

async fn signing_out_writes_once(env: TestEnv) {
    let (admin, ann) = (
        env.admin().await,
        env.sign_in("ann@example.org", Role::User).await,
    );
    let accounts = env.postern.accounts();
    let trail = async || env.postern.audit().trail(&admin, 100).await.expect("rows");
    let before = trail().await.len();
    let on_postgres = env.config.database.is_some();
    env.tamper(match on_postgres {
        true => NOTE_WRITES_POSTGRES,
        false => NOTE_WRITES,
    })
    .await;
    accounts.logout(&ann).await.expect("signs out");
    let mut connection = env.connection().await;
    let written: Vec<(String,)> = sqlx::query_as("SELECT what FROM written ORDER BY what")
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    let written: Vec<&str> = written.iter().map(|(what,)| what.as_str()).collect();
    assert_eq!(written, ["DELETE session", "INSERT audit"]);
    if on_postgres {
        let commits = "SELECT COUNT(DISTINCT xmin::text) FROM written";
        let (commits,): (i64,) = sqlx::query_as(commits)
            .fetch_one(&mut connection)
            .await
            .expect("a number");
        assert_eq!(commits, 1);
    }
    let rows = trail().await;
    let new = rows.len() - before;
    let of_ann = rows.iter().filter(|row| row.action == "logout");
    let of_ann: Vec<_> = of_ann.map(|row| (&*row.actor, &*row.outcome)).collect();
    assert_eq!((new, of_ann), (1, vec![("ann@example.org", "done")]));
    assert!(accounts.sessions(&ann).await.expect("asks").is_empty());
}

async fn throttled_logins_are_one_row_a_minute(env: TestEnv) {
    let login = async |number: usize| {
        let email = format!("a{number}@example.org");
        let wrong = SecretString::new("wrong");
        let accounts = env.postern.accounts();
        let refused = accounts.login(&email, wrong, &origin("192.0.2.7")).await;
        refused.expect_err("wrong").kind
    };
    let mut throttled = 0;
    for number in 0..100 {
        throttled += usize::from(login(number).await == Kind::TooMany);
    }
    assert!(throttled > 50, "{throttled}");
    let compared = env.refused("refused (401)").await;
    assert_eq!(compared.len(), 100 - throttled);
    assert_eq!(compared[0][1], "192.0.2.7");
    let first = env.refused("refused (429)").await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0][1], "192.0.2.7");
    env.pass(MINUTE);
    let row = env.until_counted("refused (429)").await;
    let detail = format!("repeated {} times in a minute", throttled - 1);
    assert_eq!(row, ["", "192.0.2.0/24", &detail]);
    assert_eq!(env.refused("refused (429)").await.len(), 2);
}

/// A token may send requests as fast as it can.
async fn refusals_that_repeat_are_one_row_a_minute(env: TestEnv) {
    let token = env.user_tokens(1).await.remove(0);
    let outbox = env.postern.outbox();
    let refuse = async || {
        let paused = outbox.pause_delivery(&token, true).await;
        assert_eq!(paused.expect_err("a user").kind, Kind::Forbidden);
        let removed = outbox.remove_suppression(&token, "a@example.org").await;
        assert_eq!(removed.expect_err("a user").kind, Kind::Forbidden);
    };
    for _ in 0..50 {
        refuse().await;
    }
    assert_eq!(
        env.refused("refused (403)").await.len(),
        2,
        "one of each act"
    );
    env.pass(MINUTE);
    let rows = wait_for("both rows", async || {
        let rows = env.refused("refused (403)").await;
        let counted: Vec<_> = rows.iter().filter(|row| row[2] == REPEATED).collect();
        if counted.len() == 2 {
            Ok(rows)
        } else {
            Err(rows)
        }
    })
    .await;
    assert_eq!(rows.len(), 4);
    assert!(
        rows.iter()
            .all(|row| row[0] == "user@example.org (token app0)")
    );
    refuse().await;
    assert_eq!(
        env.refused("refused (403)").await.len(),
        6,
        "the next minute"
    );
}

/// Networks are as many as a client of IPv6 has, and the wait of each begins anew.
async fn guesses_of_a_setup_link_from_many_networks_fill_no_log(env: TestEnv) {
    let _ = env.admin().await;
    let accounts = env.postern.accounts();
    let guess = async |number: usize| {
        let address = format!("2001:db8:{number:x}::1");
        let password = SecretString::new(PASSWORD);
        let origin = origin(&address);
        let created = accounts.create_first("guess", "a@example.org", password, &origin);
        assert_eq!(created.await.expect_err("a guess").kind, Kind::Forbidden);
    };
    join_all((0..1500).map(guess)).await;
    env.postern.close().await;
    let mut connection = env.connection().await;
    let rows = "SELECT actor, detail FROM audit WHERE outcome = 'refused (403)' ORDER BY id";
    let rows: Vec<(String, String)> = sqlx::query_as(rows)
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    assert_eq!(rows.len(), 1002);
    let rest = (String::new(), "repeated 499 times in a minute".to_owned());
    assert!(rows.contains(&rest));
}

async fn guesses_of_a_setup_link_are_throttled(env: TestEnv) {
    let accounts = env.postern.accounts();
    let token = accounts.setup_token().await.expect("asks");
    let token = token.expect("no account exists");
    let create = async |token: &str, address: &str| {
        let password = SecretString::new(PASSWORD);
        let origin = origin(address);
        let created = accounts.create_first(token, "a@example.org", password, &origin);
        created.await.map(drop).map_err(|refusal| refusal.kind)
    };
    let mut refused = Vec::new();
    for _ in 0..20 {
        refused.push(create("guess", "192.0.2.7").await.expect_err("a guess"));
    }
    assert_eq!(refused[..5], [Kind::Forbidden; 5]);
    assert!(refused.contains(&Kind::TooMany), "{refused:?}");
    let rows = env.refused("refused (403)").await;
    assert_eq!(rows, [["setup link", "192.0.2.7", "request"]]);
    assert_eq!(create(&token, "198.51.100.7").await, Ok(()));
    // What is counted is written when Postern closes.
    env.postern.close().await;
    let mut connection = env.connection().await;
    let counted = "SELECT detail FROM audit WHERE outcome = 'refused (429)' ORDER BY detail";
    let rows: Vec<(String,)> = sqlx::query_as(counted)
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    assert_eq!(rows.len(), 2);
    assert!(rows[0].0.ends_with(" times in a minute"), "{rows:?}");
}

/// The rows of refusals that arrive together are in one transaction, or in two if one of them began
/// alone.
async fn refusals_have_no_commit_of_their_own(env: TestEnv) {
    let tokens = env.user_tokens(40).await;
    let mut lock = env.connection().await;
    execute(&mut lock, "BEGIN; LOCK TABLE audit IN EXCLUSIVE MODE").await;
    let settings = env.postern.settings();
    let refusals = join_all(tokens.iter().map(|token| settings.view(token)));
    let unlock = async {
        env.until_locked().await;
        execute(&mut lock, "COMMIT").await;
    };
    let (refused, ()) = tokio::join!(refusals, unlock);
    assert!(refused.iter().all(Result::is_err));
    assert_eq!(env.refused("refused (403)").await.len(), 40);
    let commits = "SELECT COUNT(DISTINCT xmin::text) FROM audit WHERE outcome = 'refused (403)'";
    let (commits,): (i64,) = sqlx::query_as(commits)
        .fetch_one(&mut lock)
        .await
        .expect("a number");
    assert!(commits <= 2, "{commits}");
}

async fn audit_rows_are_deleted_after_their_retention(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    let refuse = async || {
        let refused = env.postern.settings().view(&user).await;
        assert_eq!(refused.expect_err("a user").kind, Kind::Forbidden);
    };
    refuse().await;
    env.pass(Duration::from_secs(400 * 86_400));
    refuse().await;
    let worker = TestWorker::begin(&env, 1);
    wait_for("the old row to be deleted", async || {
        let rows = env.refused("refused (403)").await;
        (rows.len() == 1).then_some(()).ok_or(rows)
    })
    .await;
    worker.end().await;
}

stories! {
    both {
        signing_out_writes_once;
        throttled_logins_are_one_row_a_minute;
        refusals_that_repeat_are_one_row_a_minute;
        guesses_of_a_setup_link_from_many_networks_fill_no_log;
        guesses_of_a_setup_link_are_throttled;
        audit_rows_are_deleted_after_their_retention;
    }
    postgres {
        refusals_have_no_commit_of_their_own;
    }
}
