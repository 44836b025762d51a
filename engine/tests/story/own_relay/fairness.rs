//! Many own relays: their connections stay under the cap, none waits long, idle ones cost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::account::Role;
use domain::outbox::{QueueKind, RecipientState};
use domain::settings::PasswordChange;
use domain::{Label, SecretString};
use engine::{Actor, NewToken, Origin, Submissions};
use parking_lot::{Condvar, Mutex};
use testkit::{Relay, RelayScript};
use tokio::runtime::Handle;

use crate::environment::{PASSWORD, TestEnv};
use crate::outbox::{TestWorker, WorkerLimits, is, mail, through};
use crate::own_relay::{TO, relay};
use crate::wait::wait_for;

const ACCOUNTS: usize = 60;

/// The mails of each account.
const MAILS: usize = 10;

/// The most connections to the own relays of all accounts together, and to one of them.
const CAP: usize = 200;
const CAP_OF_ONE: usize = 4;

/// The relays add fewer tasks than this.
const FEW_TASKS: usize = ACCOUNTS / 2;

/// One story at a time: each has some 500 open files.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The arrivals at all relays, which hold each mail back until they are opened.
#[derive(Default)]
struct Arrivals {
    is_open: Mutex<bool>,
    opened: Condvar,
    held: AtomicUsize,
    most_held: AtomicUsize,
    /// The account of each mail, and when it arrived.
    arrived: Mutex<Vec<(usize, Instant)>>,
}

impl Arrivals {
    /// A mail has arrived at the relay of an account.
    fn take(&self, account: usize) {
        let held = self.held.fetch_add(1, Ordering::AcqRel) + 1;
        self.most_held.fetch_max(held, Ordering::AcqRel);
        let mut is_open = self.is_open.lock();
        self.opened.wait_while(&mut is_open, |is_open| !*is_open);
        drop(is_open);
        self.held.fetch_sub(1, Ordering::AcqRel);
        self.arrived.lock().push((account, Instant::now()));
    }

    /// Lets all mail through from now on.
    fn open(&self) {
        *self.is_open.lock() = true;
        self.opened.notify_all();
    }

    /// When the last mail of each account arrived, since `begun`.
    fn last(&self, begun: Instant) -> Vec<Duration> {
        let mut last = vec![Duration::ZERO; ACCOUNTS];
        for (account, at) in self.arrived.lock().iter() {
            last[*account] = last[*account].max(at.saturating_duration_since(begun));
        }
        last
    }
}

/// An account with a relay of its own, as its token.
struct OwnRelay {
    actor: Actor,
    relay: Relay,
}

impl OwnRelay {
    async fn set_up(env: &TestEnv, number: usize, arrivals: &Arc<Arrivals>) -> Self {
        let arrivals = Arc::clone(arrivals);
        // Without PIPELINING a connection has one mail at a time.
        let relay = Relay::with_callback(RelayScript::default(), move |_| arrivals.take(number));
        let relay = relay.expect("a port");
        let (local, accounts) = (Actor::local(0), env.postern.accounts());
        let (email, password) = (
            format!("user{number}@example.org"),
            SecretString::new(PASSWORD),
        );
        let created = accounts.create(&local, &email, Role::User, password);
        created.await.expect("an account");
        let new = NewToken {
            scopes: ["send", "read", "admin"].map(str::to_owned).to_vec(),
            ..NewToken::new(&email, "app")
        };
        let secret = accounts.create_token(&local, new).await.expect("a token");
        let actor = accounts.token_actor(&secret, Origin::default()).await;
        let actor = actor.expect("asks").expect("in use");
        let form = through(&relay).with(Label::FromAddress, &email);
        let saved = env.save_own(&actor, form, PasswordChange::Keep).await;
        assert_eq!(saved, Ok(1));
        Self { actor, relay }
    }
}

fn open_connections(own: &[OwnRelay]) -> usize {
    own.iter().map(|own| own.relay.open_connections()).sum()
}

async fn own_relays_share_the_connections_and_none_starves(env: TestEnv) {
    let _alone = ALONE.lock().await;
    let (admin, organisation) = (env.admin().await, relay());
    env.save(&admin, &organisation).await;
    let begin = || {
        let limits = WorkerLimits {
            in_doubt: 1000,
            ..WorkerLimits::connections(20)
        };
        TestWorker::with(&env, limits)
    };
    let deliver_beside = async |subject: &str| {
        let id = env.submit_mail(&admin, &[TO], subject).await;
        let delivered = is(RecipientState::Delivered);
        env.until(&admin, &id, delivered).await;
    };
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let works = begin();
    deliver_beside("Before").await;
    let before = tasks();

    let (arrivals, mut own) = (Arc::<Arrivals>::default(), Vec::new());
    for number in 0..ACCOUNTS {
        own.push(OwnRelay::set_up(&env, number, &arrivals).await);
    }
    deliver_beside("Beside idle relays").await;
    let connections = own.iter().map(|own| own.relay.record().connections);
    assert_eq!(connections.sum::<usize>(), 0, "none without mail");
    let idle = tasks();
    assert!(idle < before + FEW_TASKS, "{before}, then {idle} tasks");
    works.end().await;

    for own in &own {
        let mails = (0..MAILS).map(|_| mail(&[TO], "Own")).collect();
        let submissions = Submissions::Many(mails);
        let outbox = env.postern.outbox();
        let accepted = outbox.accept(&own.actor, submissions, None).await;
        assert_eq!(accepted.expect("accepted").queue, QueueKind::OwnRelay);
    }
    let works = begin();
    wait_for("all connections to be in use", async || {
        let held = arrivals.held.load(Ordering::Acquire);
        (held >= CAP).then_some(()).ok_or(held)
    })
    .await;
    deliver_beside("Beside busy relays").await;
    assert_eq!(arrivals.most_held.load(Ordering::Acquire), CAP);
    assert_eq!(open_connections(&own), CAP);
    for own in &own {
        assert!(own.relay.most_connections() <= CAP_OF_ONE);
        assert_ne!(own.relay.most_connections(), 0, "each has its turn");
    }

    let begun = Instant::now();
    arrivals.open();
    wait_for("all mail", async || {
        let arrived = arrivals.arrived.lock().len();
        (arrived == ACCOUNTS * MAILS).then_some(()).ok_or(arrived)
    })
    .await;
    let last = arrivals.last(begun);
    let mean = last.iter().sum::<Duration>() / u32::try_from(ACCOUNTS).expect("few");
    let latest = last.iter().max().expect("accounts");
    assert!(*latest <= 3 * mean, "mean {mean:?}: {last:?}");

    wait_for("idle connections to be closed", async || {
        let open = open_connections(&own);
        (open == 0).then_some(()).ok_or(open)
    })
    .await;
    wait_for("the tasks of idle relays to end", async || {
        let idle = tasks();
        let few = idle < before + FEW_TASKS;
        few.then_some(()).ok_or((before, idle))
    })
    .await;
    works.end().await;
}

stories! {
    both {
        own_relays_share_the_connections_and_none_starves;
    }
}
