//! The organisation's policy: saved by administrators, audited, and followed by other processes.

mod networks;

use domain::account::Role;
use domain::account::policy::PolicyChange;
use domain::{Kind, OrganisationPolicy};
use engine::Postern;

use crate::environment::TestEnv;

async fn administrators_change_the_policy(env: TestEnv) {
    let admin = env.admin().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let policy = env.postern.policy();
    let defaults = policy.get(&admin).await.expect("readable");
    assert_eq!(defaults, OrganisationPolicy::default());

    let change = PolicyChange {
        own_relays: Some(false),
        fallback: Some(true),
        ..PolicyChange::default()
    };
    for refused in [
        policy.get(&user).await,
        policy.save(&user, change).await,
        policy.save(&user, PolicyChange::default()).await,
    ] {
        assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
    }
    let version = env
        .postern
        .relays()
        .configured()
        .await
        .expect("a table")
        .version;
    let saved = policy.save(&admin, change).await.expect("saved");
    let expected = OrganisationPolicy {
        own_relays: false,
        ..defaults
    };
    assert_eq!(saved, expected);
    let routing = env.postern.relays().configured().await.expect("a table");
    assert!(routing.version > version, "delivery reads it again");
    policy.save(&admin, change).await.expect("the same again");

    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    let rows = trail.iter().filter(|row| row.action == "change policy");
    let rows = rows.map(|row| (row.outcome.as_str(), row.detail.as_str()));
    let refused = ("refused (403)", "request");
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [("done", "own relays off"), refused]
    );

    let other = Postern::open(env.config.clone()).await.expect("opens");
    let read = other.policy().get(&admin).await.expect("readable");
    assert_eq!(read, expected, "it is in the database");
    other.close().await;
}

stories! {
    both {
        administrators_change_the_policy;
    }
}
