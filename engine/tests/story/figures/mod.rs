//! Figures of mail: they equal what happened, and stay after restarts and compaction.

mod year;

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::figures::{FigureQuery, FigureStep, FigureSubject, Figures};
use domain::outbox::{MessageAction, RecipientState, Selection};
use domain::settings::PasswordChange;
use domain::timestamp::DAY;
use engine::{Actor, Config, NewToken, Postern, Submissions};
use sqlx::AssertSqlSafe;

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, is, mail, states};
use crate::own_relay::{own_form, relay};
use crate::wait::wait_for;

const HOUR: Duration = Duration::from_secs(3600);

const DESK: &str = "desk@example.net";
const GONE: &str = "gone@example.net";
const LATER: &str = "later@example.net";

impl TestEnv {
    /// The figures of a subject, of the last day by hour.
    pub async fn figures(&self, actor: &Actor, subject: &FigureSubject) -> Figures {
        self.figures_by(actor, subject, FigureStep::Hour, DAY).await
    }

    pub async fn figures_by(
        &self,
        actor: &Actor,
        subject: &FigureSubject,
        step: FigureStep,
        length: Duration,
    ) -> Figures {
        let service = self.postern.figures();
        let query = FigureQuery::last(subject.clone(), step, length, service.now());
        let figures = service.read(actor, &query).await;
        figures.expect("figures")
    }

    async fn id_of_account(&self, email: &str) -> String {
        let list = self.postern.accounts().list(&Actor::local(0), email).await;
        list.expect("a list").accounts.remove(0).id
    }

    /// The actor of a new token, and the id of the token.
    async fn new_token(&self, email: &str, name: &str) -> (Actor, String) {
        let (accounts, local) = (self.postern.accounts(), Actor::local(0));
        let secret = accounts.create_token(&local, NewToken::new(email, name));
        let holder = self.holder(&secret.await.expect("a token")).await;
        let tokens = accounts.tokens(&local).await.expect("a list");
        let token = tokens.into_iter().find(|token| token.name == name);
        (holder.expect("valid"), token.expect("listed").id)
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.connection().await;
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        query.fetch_one(&mut connection).await.expect("a number")
    }

    /// Sets the clock forward to the next noon, so that no hour or day begins during a story.
    pub fn to_noon(&self) {
        let within = self.clock.now().0.rem_euclid(86_400_000).unsigned_abs();
        self.pass((DAY + 12 * HOUR).saturating_sub(Duration::from_millis(within)));
    }

    /// Runs a worker until a count is zero: it adds figures up when it begins.
    pub async fn compact_until_none(&self, sql: &str) {
        let works = TestWorker::begin(self, 1);
        let mut connection = self.connection().await;
        wait_for("figures that are added up", async || {
            let query = sqlx::query_scalar(AssertSqlSafe(sql));
            let number: i64 = query.fetch_one(&mut connection).await.expect("a number");
            (number == 0).then_some(()).ok_or(number)
        })
        .await;
        works.end().await;
    }
}

/// Accepted, delivered, deferred and failed.
pub fn numbers(figures: &Figures) -> [u64; 4] {
    let total = &figures.total;
    let rows = figures.rows.iter();
    let sum = rows.fold([0; 4], |[accepted, delivered, deferred, failed], row| {
        [
            accepted + row.accepted,
            delivered + row.delivered,
            deferred + row.deferred,
            failed + row.failed,
        ]
    });
    let total = [
        total.accepted,
        total.delivered,
        total.deferred,
        total.failed,
    ];
    assert_eq!(sum, total, "the rows add up to the total");
    total
}

async fn figures_equal_what_happened_after_a_restart_and_with_two_nodes(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&ann, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let (app, app_id) = env.new_token("admin@example.org", "app").await;
    let (news, news_id) = env.new_token("admin@example.org", "news").await;
    organisation.reply_to("RCPT TO:<gone@", "550 5.1.1 no such user");
    organisation.reply_to("RCPT TO:<later@", "450 4.2.0 try again later");

    let cancelled = env.submit_mail(&admin, &[DESK], "Cancelled").await;
    let one = Selection::Message(cancelled);
    let outbox = env.postern.outbox();
    let changed = outbox.act(&admin, MessageAction::Cancel, &one, None).await;
    assert_eq!(changed, Ok(1));
    let works = TestWorker::begin(&env, 2);
    let three = env.submit_mail(&app, &[GONE, LATER, DESK], "Three").await;
    let mut delivered = vec![
        env.submit_mail(&news, &[DESK], "News").await,
        env.submit_mail(&news, &[DESK], "News").await,
        env.submit_mail(&ann, &[DESK, "ops@example.net"], "Ann")
            .await,
    ];
    let expected = [
        RecipientState::Failed,
        RecipientState::Deferred,
        RecipientState::Delivered,
    ];
    env.until(&admin, &three, |message| states(message) == expected)
        .await;
    // The address is suppressed: it fails without an attempt.
    let again = env.submit_mail(&app, &[GONE], "Again").await;
    env.until(&admin, &again, is(RecipientState::Failed)).await;
    organisation.reset();
    env.pass(Duration::from_secs(180));
    let settled = |state| state != RecipientState::Deferred;
    env.until(&admin, &three, |message| {
        states(message).into_iter().all(settled)
    })
    .await;
    env.until_delivered(&admin, &delivered).await;

    let (of_admin, of_ann) = (
        env.id_of_account("admin@example.org").await,
        env.id_of_account("ann@example.org").await,
    );
    let all = FigureSubject::All;
    let expected = [
        (all.clone(), [9, 6, 1, 2]),
        (FigureSubject::Account(of_admin), [7, 4, 1, 2]),
        (FigureSubject::Account(of_ann.clone()), [2, 2, 0, 0]),
        (FigureSubject::Token(app_id), [4, 2, 1, 2]),
        (FigureSubject::Token(news_id), [2, 2, 0, 0]),
        (FigureSubject::Relay("global".to_owned()), [0, 4, 1, 1]),
        (
            FigureSubject::Relay(format!("account:{of_ann}")),
            [0, 2, 0, 0],
        ),
    ];
    for (subject, expected) in &expected {
        let figures = env.figures(&admin, subject).await;
        assert_eq!(numbers(&figures), *expected, "{subject}");
        assert!(figures.total.p50.is_some() && figures.total.p99 >= figures.total.p50);
    }
    assert_eq!(numbers(&env.figures(&ann, &all).await), [2, 2, 0, 0]);
    works.end().await;

    // The first node, another one beside it, and the first after a restart.
    let before = env.figures(&admin, &all).await;
    let config = Config {
        browser_key: None,
        ..env.config.clone()
    };
    let other = Postern::open(config.clone()).await.expect("opens");
    let one = |subject| Submissions::One(Box::new(mail(&[DESK], subject)));
    for (postern, subject) in [
        (&other, "Other"),
        (&env.postern, "First"),
        (&other, "Other"),
    ] {
        let accepted = postern.outbox().accept(&admin, one(subject), None).await;
        delivered.push(accepted.expect("accepted").ids.remove(0));
    }
    other.close().await;
    env.postern.close().await;
    let postern = Postern::open(config).await.expect("opens");
    let env = TestEnv { postern, ..env };
    delivered.push(env.submit_mail(&admin, &[DESK], "Restarted").await);
    let works = TestWorker::begin(&env, 2);
    env.until_delivered(&admin, &delivered).await;
    works.end().await;
    let [accepted, delivered, deferred, failed] = numbers(&before);
    let expected = [accepted + 4, delivered + 4, deferred, failed];
    assert_eq!(numbers(&env.figures(&admin, &all).await), expected);
}

async fn a_commit_that_fails_counts_nothing(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let (fail, work) = match env.config.database {
        Some(_) => (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON figure FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP TRIGGER refuse ON figure",
        ),
        None => (
            "CREATE TRIGGER refuse BEFORE INSERT ON figure \
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "DROP TRIGGER refuse",
        ),
    };
    env.submit_mail(&admin, &[DESK], "First").await;
    env.tamper(fail).await;
    let one = Submissions::One(Box::new(mail(&[DESK, GONE], "Refused")));
    let refused = env.postern.outbox().accept(&admin, one, None).await;
    assert!(refused.is_err(), "figures are part of the transaction");
    assert_eq!(env.number("SELECT COUNT(*) FROM message").await, 1);
    env.tamper(work).await;
    env.submit_mail(&admin, &[DESK], "Second").await;
    env.submit_mail(&admin, &[DESK], "Third").await;
    let figures = env.figures(&admin, &FigureSubject::All).await;
    assert_eq!(numbers(&figures), [3, 0, 0, 0]);
}

async fn sums_stay_when_shards_become_hours_and_hours_days(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let mut ids = Vec::new();
    for minutes in [1, 30, 61] {
        env.pass(Duration::from_secs(60 * minutes));
        ids.push(env.submit_mail(&admin, &[DESK], "Mail").await);
    }
    let works = TestWorker::begin(&env, 1);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    let all = FigureSubject::All;
    let before = env.figures(&admin, &all).await;
    assert_eq!(numbers(&before), [3, 3, 0, 0]);

    env.pass(3 * HOUR);
    env.compact_until_none("SELECT COUNT(*) FROM figure WHERE shard <> ''")
        .await;
    let hours = env.figures(&admin, &all).await;
    assert_eq!(numbers(&hours), numbers(&before));
    let percentiles = |figures: &Figures| [figures.total.p50, figures.total.p90];
    assert_eq!(percentiles(&hours), percentiles(&before));

    env.pass(40 * DAY);
    env.compact_until_none("SELECT COUNT(*) FROM figure WHERE step = 'hour'")
        .await;
    let days = env
        .figures_by(&admin, &all, FigureStep::Day, 60 * DAY)
        .await;
    assert_eq!(numbers(&days), numbers(&before));
    assert_eq!(percentiles(&days), percentiles(&before));
    let old = FigureQuery {
        subject: all.clone(),
        step: FigureStep::Hour,
        from: env.clock.now() - 41 * DAY,
        until: env.clock.now(),
    };
    let refused = env.postern.figures().read(&admin, &old).await;
    let refusal = refused.expect_err("hours are kept for 35 days");
    assert!(refusal.kind == Kind::Invalid && refusal.fields.contains_key("from"));

    env.pass(3 * 366 * DAY);
    env.compact_until_none("SELECT COUNT(*) FROM figure").await;
}

/// The percentile of latencies by the nearest rank, in milliseconds.
fn exact(latencies: &[i64], percent: usize) -> f64 {
    let rank = (latencies.len() * percent).div_ceil(100);
    latencies[rank - 1] as f64
}

async fn percentiles_are_those_of_the_rows(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let mut ids = Vec::new();
    for number in 0..40_u64 {
        ids.push(env.submit_mail(&admin, &[DESK], "Mail").await);
        env.pass(Duration::from_millis(250 * number * number));
    }
    let works = TestWorker::begin(&env, 2);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    let mut connection = env.connection().await;
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT message_id, settled_at FROM recipient WHERE state = 'delivered'")
            .fetch_all(&mut connection)
            .await
            .expect("rows");
    let latency = |(id, settled): (String, i64)| {
        let id = ulid::Ulid::from_string(&id).expect("a ULID");
        settled - i64::try_from(id.timestamp_ms()).expect("a time")
    };
    let mut latencies: Vec<i64> = rows.into_iter().map(latency).collect();
    latencies.sort_unstable();
    assert_eq!(latencies.len(), 40);
    let total = env.figures(&admin, &FigureSubject::All).await.total;
    for (percent, found) in [(50, total.p50), (90, total.p90), (99, total.p99)] {
        let found = found.expect("deliveries").as_secs_f64() * 1000.0;
        let error = found / exact(&latencies, percent) - 1.0;
        assert!(error.abs() < 0.05, "{percent}: {found} of {latencies:?}");
    }
}

async fn figures_of_others_are_not_found_and_reading_needs_its_scope(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let ben = env.sign_in("ben@example.org", Role::User).await;
    let (_, token) = env.new_token("ann@example.org", "app").await;
    let id = env.id_of_account("ann@example.org").await;
    let service = env.postern.figures();
    let read = async |actor: &Actor, subject: &FigureSubject| {
        let query = FigureQuery::last(subject.clone(), FigureStep::Day, DAY, service.now());
        service
            .read(actor, &query)
            .await
            .map_err(|refusal| refusal.kind)
    };
    for subject in [
        FigureSubject::Account(id.clone()),
        FigureSubject::Token(token),
        FigureSubject::Relay(format!("account:{id}")),
    ] {
        assert!(read(&ann, &subject).await.is_ok(), "{subject}");
        assert!(read(&admin, &subject).await.is_ok(), "{subject}");
        assert!(read(&Actor::local(0), &subject).await.is_ok(), "{subject}");
        assert_eq!(read(&ben, &subject).await, Err(Kind::NotFound), "{subject}");
    }
    let global = FigureSubject::Relay("global".to_owned());
    assert!(read(&admin, &global).await.is_ok());
    for (actor, subject) in [
        (&ann, global),
        (&admin, FigureSubject::Account("nobody".to_owned())),
        (&admin, FigureSubject::Token("none".to_owned())),
        (&admin, FigureSubject::Relay("none".to_owned())),
        (&admin, FigureSubject::Relay("account:none".to_owned())),
    ] {
        assert_eq!(
            read(actor, &subject).await,
            Err(Kind::NotFound),
            "{subject}"
        );
    }
    let sends_only = NewToken {
        scopes: vec!["send".to_owned()],
        ..NewToken::new("ann@example.org", "sender")
    };
    let accounts = env.postern.accounts();
    let secret = accounts.create_token(&Actor::local(0), sends_only).await;
    let sender = env.holder(&secret.expect("a token")).await.expect("valid");
    let refused = read(&sender, &FigureSubject::All).await;
    assert_eq!(refused, Err(Kind::Forbidden));
}

async fn figures_of_a_deleted_account_are_deleted(env: TestEnv) {
    let admin = env.admin().await;
    let _ = env.user().await;
    let (_, token) = env.new_token("ann@example.org", "app").await;
    let id = env.id_of_account("ann@example.org").await;
    let start = FigureStep::Hour.start(env.clock.now()).0;
    let subjects = [
        "all".to_owned(),
        "account:another".to_owned(),
        format!("account:{id}"),
        format!("relay:account:{id}"),
        format!("token:{token}"),
    ];
    let empty = match env.config.database {
        Some(_) => r"CAST('\x' AS BYTEA)",
        None => "x''",
    };
    for subject in subjects {
        let insert = format!(
            "INSERT INTO figure VALUES ('{subject}', 'hour', {start}, '', 1, 0, 0, 0, {empty})"
        );
        execute(&mut env.connection().await, &insert).await;
    }
    let deleted = env.postern.accounts().delete(&admin, &id).await;
    deleted.expect("deleted");
    assert_eq!(env.number("SELECT COUNT(*) FROM figure").await, 2);
    let figures = env.figures(&admin, &FigureSubject::All).await;
    assert_eq!(numbers(&figures), [1, 0, 0, 0]);
}

async fn mail_under_way_brings_no_figures_of_a_deleted_account_back(env: TestEnv) {
    env.to_noon();
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let _ = env.user().await;
    let (app, _) = env.new_token("ann@example.org", "app").await;
    let id = env.id_of_account("ann@example.org").await;
    env.submit_mail(&app, &[DESK], "Before").await;
    let owned = "SELECT COUNT(*) FROM figure WHERE subject <> 'all'";
    assert_eq!(env.number(owned).await, 2, "of the account and the token");
    env.tamper("DELETE FROM message").await;
    let deleted = env.postern.accounts().delete(&admin, &id).await;
    deleted.expect("deleted");
    assert_eq!(env.number(owned).await, 0);

    // Its request began before.
    let late = Submissions::One(Box::new(mail(&[DESK], "After")));
    let late = env.postern.outbox().accept(&app, late, None).await;
    assert_eq!(late.expect_err("deleted").kind, Kind::Unauthenticated);
    assert_eq!(env.number(owned).await, 0);
    let figures = env.figures(&admin, &FigureSubject::All).await;
    assert_eq!(numbers(&figures), [1, 0, 0, 0]);
}

async fn a_clock_that_is_set_back_loses_nothing(env: TestEnv) {
    env.to_noon();
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    for _ in 0..2 {
        env.submit_mail(&admin, &[DESK], "Mail").await;
        env.pass(HOUR);
        env.submit_mail(&admin, &[DESK], "Mail").await;
        env.put_back(HOUR);
    }
    env.pass(HOUR);
    let figures = env.figures(&admin, &FigureSubject::All).await;
    let hours: Vec<u64> = figures.rows.iter().map(|row| row.accepted).collect();
    assert_eq!(hours[22..], [2, 2]);
}

stories! {
    both {
        figures_equal_what_happened_after_a_restart_and_with_two_nodes;
        a_commit_that_fails_counts_nothing;
        sums_stay_when_shards_become_hours_and_hours_days;
        percentiles_are_those_of_the_rows;
        figures_of_others_are_not_found_and_reading_needs_its_scope;
        figures_of_a_deleted_account_are_deleted;
        mail_under_way_brings_no_figures_of_a_deleted_account_back;
        a_clock_that_is_set_back_loses_nothing;
    }
}
