//! Feeds of the outbox: shared reads, changes, ends, and what each account sees.

use std::sync::Arc;
use std::time::Duration;

use domain::account::Role;
use domain::outbox::Search;
use domain::{Event, Kind};
use engine::{
    Actor, DiagnosisRequest, FeedItem, NewToken, Origin, OutboxQuery, OutboxView, TimedView,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::timeout;

use crate::environment::TestEnv;
use crate::wait::within;
use testkit::{Action, Relay, RelayScript};

/// How long an item may take: far longer than the second between two reads.
const LIMIT: Duration = Duration::from_secs(60);

pub struct TestFeed {
    items: BoxStream<'static, FeedItem>,
    /// The item before.
    last: Option<FeedItem>,
}

impl TestEnv {
    /// A feed of the first page of the list.
    pub async fn watch(&self, actor: &Actor) -> TestFeed {
        let query = OutboxQuery::List {
            search: Search::default(),
            before: None,
        };
        let feed = self.postern.feed().watch(actor.clone(), query).await;
        TestFeed {
            items: feed.expect("opens").boxed(),
            last: None,
        }
    }
}

impl TestFeed {
    /// The next item; `None` at the end.
    pub async fn next(&mut self) -> Option<FeedItem> {
        let Ok(item) = timeout(LIMIT, self.items.next()).await else {
            let last = &self.last;
            panic!("waited {LIMIT:?} for an item or the end; last seen: {last:#?}");
        };
        self.last.clone_from(&item);
        item
    }

    pub async fn view(&mut self) -> Arc<TimedView> {
        match self.next().await {
            Some(FeedItem::View(view)) => view,
            other => panic!("no view: {other:?}"),
        }
    }
}

fn subjects(view: &TimedView) -> Vec<&str> {
    match &view.view {
        OutboxView::List { rows, .. } => {
            let rows = rows.lines.iter();
            rows.map(|row| row.subject.as_str()).collect()
        }
        OutboxView::Message(message) => vec![&message.subject],
    }
}

async fn feeds_of_one_query_share_the_view_before_and_after_a_change(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let (mut one, mut other) = (env.watch(&admin).await, env.watch(&admin).await);
    let first = one.view().await;
    assert!(Arc::ptr_eq(&first, &other.view().await));
    assert!(subjects(&first).is_empty());
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let changed = one.view().await;
    assert_eq!(subjects(&changed), ["Fire"]);
    assert!(Arc::ptr_eq(&changed, &other.view().await));
    // Rendered once for both.
    assert_eq!(&*changed.rendered(|_| "once".to_owned()), "once");
    assert_eq!(&*changed.rendered(|_| "twice".to_owned()), "once");
}

async fn a_view_is_sent_again_when_its_ages_are_stale(env: TestEnv) {
    let admin = env.admin().await;
    let mut feed = env.watch(&admin).await;
    let first = feed.view().await;
    env.pass(Duration::from_secs(16));
    let again = feed.view().await;
    assert!(!Arc::ptr_eq(&first, &again));
    assert_eq!(first.view, again.view);
    assert!(again.at > first.at);
}

async fn a_feed_expires_and_one_of_a_process_that_stops_breaks_off(env: TestEnv) {
    let admin = env.admin().await;
    let mut feed = env.watch(&admin).await;
    feed.view().await;
    env.pass(Duration::from_secs(46));
    assert!(matches!(feed.next().await, Some(FeedItem::Expired)));
    assert!(feed.next().await.is_none());

    let mut feed = env.watch(&admin).await;
    feed.view().await;
    env.postern.feed().close();
    assert!(feed.next().await.is_none());
}

async fn a_feed_ends_with_the_session(env: TestEnv) {
    let admin = env.admin().await;
    let mut feed = env.watch(&admin).await;
    feed.view().await;
    let ended = env.postern.accounts().logout(&admin).await;
    ended.expect("signs out");
    assert!(matches!(feed.next().await, Some(FeedItem::Expired)));
    assert!(feed.next().await.is_none());
}

impl TestEnv {
    /// The actor of a new token of the administrator, and the id of the token.
    async fn token(&self) -> (Actor, String) {
        let (accounts, local) = (self.postern.accounts(), Actor::local(0));
        let new = NewToken::new("admin@example.org", "watch");
        let secret = accounts.create_token(&local, new).await.expect("made");
        let actor = accounts.token_actor(&secret, Origin::default()).await;
        let listed = accounts.tokens(&local).await.expect("lists");
        let id = listed.last().expect("listed").id.clone();
        (actor.expect("asks").expect("valid"), id)
    }

    async fn revoke(&self, id: &str) {
        let (accounts, local) = (self.postern.accounts(), Actor::local(0));
        let revoked = accounts.revoke_token(&local, id).await;
        revoked.expect("revokes");
    }
}

async fn a_feed_ends_with_the_token(env: TestEnv) {
    let _ = env.admin().await;
    let (actor, id) = env.token().await;
    let mut feed = env.watch(&actor).await;
    feed.view().await;
    env.revoke(&id).await;
    // It would send its view again as well.
    env.pass(Duration::from_secs(16));
    assert!(matches!(feed.next().await, Some(FeedItem::Expired)));
    assert!(feed.next().await.is_none());
}

async fn a_run_ends_with_the_session_or_token(env: TestEnv) {
    let (admin, (token, id)) = (env.admin().await, env.token().await);
    let relay = Relay::start(RelayScript::pipelining().at("GREETING", Action::Silence));
    env.save(&admin, &relay).await;
    for actor in [&admin, &token] {
        let run = env.postern.diagnosis();
        let run = run.diagnose(actor, DiagnosisRequest::default()).await;
        let mut events = run.expect("begins").boxed();
        let first = within("the first event", events.next()).await;
        assert!(matches!(first, Some(Event::Started { .. })), "{first:?}");
        env.postern.accounts().logout(actor).await.expect("ends");
        if std::ptr::eq(actor, &raw const token) {
            env.revoke(&id).await;
        }
        let mut rest = Vec::new();
        let end = async {
            while let Some(event) = events.next().await {
                rest.push(event);
            }
        };
        let ended = timeout(LIMIT, end).await;
        assert!(
            ended.is_ok(),
            "waited {LIMIT:?} for the end; seen: {rest:#?}"
        );
        rest.retain(|event| matches!(event, Event::Tick { .. } | Event::Finished(_)));
        assert!(rest.is_empty(), "{rest:?}");
    }
}

async fn accounts_see_their_own_messages_in_feeds(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let other = env.sign_in("other@example.org", Role::User).await;
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.submit_mail(&user, &["desk@example.net"], "Water").await;
    for (actor, expected) in [
        (&admin, &["Water", "Fire"][..]),
        (&user, &["Water"]),
        (&other, &[]),
    ] {
        let view = env.watch(actor).await.view().await;
        assert_eq!(subjects(&view), expected);
    }
    let feed = env.postern.feed();
    let message = || OutboxQuery::Message(id.clone());
    let refused = feed.watch(user, message()).await.err().expect("refused");
    assert_eq!(refused.kind, Kind::NotFound);
    assert!(feed.watch(admin, message()).await.is_ok());
}

stories! {
    both {
        feeds_of_one_query_share_the_view_before_and_after_a_change;
        a_view_is_sent_again_when_its_ages_are_stale;
        a_feed_expires_and_one_of_a_process_that_stops_breaks_off;
        a_feed_ends_with_the_session;
        a_feed_ends_with_the_token;
        a_run_ends_with_the_session_or_token;
        accounts_see_their_own_messages_in_feeds;
    }
}
