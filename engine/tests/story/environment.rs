//! The environment of a story: a Postern of its own on SQLite or PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use domain::account::Role;
use domain::crypto::jwe::{Jwk, seal_for};
use domain::settings::PasswordChange;
use domain::{Form, Label, SecretString};
use engine::smtp::PublicAddresses;
use engine::{Actor, Clock, Config, HashCost, Origin, Postern};
use rand::rngs::OsRng;
use rsa::RsaPrivateKey;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use crate::template::{empty_database, migrated_database, sqlite_file};
use crate::wait::wait_for;

pub const PASSWORD: &str = "correct horse battery";

/// A Postern on a fresh database, with a clock that the story sets.
pub struct TestEnv {
    pub postern: Postern,
    pub clock: Clock,
    pub config: Config,
    pub folder: TempDir,
}

/// Executes statements as another program would.
pub async fn execute(connection: &mut AnyConnection, statements: &str) {
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
        .execute(connection)
        .await;
    done.expect("executes");
}

/// A connection to the database of a configuration. An SQLite file is made where there is none.
pub async fn connect(config: &Config) -> AnyConnection {
    let address = config.database.clone().unwrap_or_else(|| {
        format!(
            "sqlite://{}?mode=rwc",
            config.data.join("postern.db").display()
        )
    });
    AnyConnection::connect(&address).await.expect("connects")
}

/// One key pair for all stories: generating it takes seconds.
pub fn browser_key() -> RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::new(&mut OsRng, engine::BROWSER_KEY_BITS).expect("a key"))
        .clone()
}

impl TestEnv {
    /// On a fresh SQLite file.
    pub async fn sqlite() -> Self {
        Self::open(None).await
    }

    /// On a fresh database of the server at `POSTERN_TEST_POSTGRES`, which `cargo xtask test` starts.
    pub async fn postgres() -> Self {
        let server = std::env::var("POSTERN_TEST_POSTGRES");
        let server = server.expect("POSTERN_TEST_POSTGRES: the URL of a PostgreSQL server");
        Self::open(Some(migrated_database(&server).await)).await
    }

    async fn open(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if database.is_none() {
            sqlite_file(&folder.path().join("postern.db")).await;
        }
        let clock = Clock::default();
        // A story begins with a minute, so that what it does at once is within one minute, and within
        // one step of a TOTP code.
        let within = clock.now().0.rem_euclid(60_000);
        clock.advance(Duration::from_millis(60_000 - within.unsigned_abs()));
        let config = Config {
            data: folder.path().to_owned(),
            database,
            clock: clock.clone(),
            // Of this machine one address counts as public, so that others are refused.
            account_relays: PublicAddresses::parse("127.0.0.1").expect("an address"),
            public_url: "http://gate.example".to_owned(),
            browser_key: Some(browser_key()),
            hash_cost: HashCost::Least,
            ..Config::default()
        };
        let postern = Postern::open(config.clone()).await.expect("Postern opens");
        Self {
            postern,
            clock,
            config,
            folder,
        }
    }

    /// Opened again with hashes that take as long as those of people, so that a queue of them fills.
    pub async fn with_recommended_hashes(mut self) -> Self {
        self.postern.close().await;
        self.config.browser_key = None;
        self.config.hash_cost = HashCost::Recommended;
        let postern = Postern::open(self.config.clone()).await;
        self.postern = postern.expect("Postern opens");
        self
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    pub fn key_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.data().join("keys")).expect("the folder of keys");
        entries.map(|entry| entry.expect("a key").path()).collect()
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Sets the time of day back; no time passes.
    pub fn put_back(&self, time: Duration) {
        self.clock.put_back(time);
    }

    /// An account, signed in.
    pub async fn sign_in(&self, email: &str, role: Role) -> Actor {
        let local = Actor::local(0);
        let password = || SecretString::new(PASSWORD);
        let _ = self
            .postern
            .accounts()
            .create(&local, email, role, password())
            .await;
        let origin = Origin::default();
        let login = self
            .postern
            .accounts()
            .login(email, password(), &origin)
            .await
            .expect("signs in");
        let secret = ulid::Ulid::new().to_string();
        self.postern
            .accounts()
            .begin_session(&secret, &login, &origin)
            .await
            .expect("begins");
        self.postern
            .accounts()
            .session_actor(&secret, origin)
            .await
            .expect("asks")
            .expect("is signed in")
    }

    pub async fn admin(&self) -> Actor {
        self.sign_in("admin@example.org", Role::Admin).await
    }

    /// A password as a browser sends it.
    pub async fn sealed(&self, password: &str) -> PasswordChange {
        let jwk: Jwk = self.postern.keys().browser_key().await.expect("a key");
        let token = seal_for(&jwk, password.as_bytes(), &mut OsRng).expect("seals");
        PasswordChange::Sealed(token)
    }

    /// The configuration of another Postern, with an empty database of the same kind.
    pub async fn empty(&self) -> Config {
        let data = self.data().join("empty");
        std::fs::create_dir(&data).expect("a folder");
        let database = match &self.config.database {
            Some(address) => Some(empty_database(address).await),
            None => None,
        };
        Config {
            data,
            database,
            ..self.config.clone()
        }
    }

    /// A connection to the database that is not Postern's.
    pub async fn connection(&self) -> AnyConnection {
        connect(&self.config).await
    }

    /// Locks the messages against writes, not against reads, until it is dropped.
    pub async fn lock_out(&self) -> AnyConnection {
        let mut connection = self.connection().await;
        let statements = match self.config.database {
            Some(_) => "BEGIN; LOCK TABLE message IN SHARE MODE",
            None => "BEGIN EXCLUSIVE",
        };
        execute(&mut connection, statements).await;
        connection
    }

    /// Waits until a statement waits for a lock in this PostgreSQL database.
    pub async fn until_locked(&self) {
        self.until_waiting(1).await;
    }

    /// Waits until so many statements wait for locks in this PostgreSQL database.
    pub async fn until_waiting(&self, many: i64) {
        let waits = "wait_event_type = 'Lock'";
        self.until_activity(waits, |number| number >= many).await;
    }

    /// Waits until no connection to this PostgreSQL database is idle in a transaction.
    pub async fn until_no_transaction_is_idle(&self) {
        let idle = "state LIKE 'idle in transaction%'";
        self.until_activity(idle, |number| number == 0).await;
    }

    /// Waits until enough connections to this PostgreSQL database match the condition.
    pub async fn until_activity(&self, condition: &str, enough: impl Fn(i64) -> bool) {
        let mut connection = self.connection().await;
        let sql = format!(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        );
        wait_for(condition, async || {
            let sql = sqlx::AssertSqlSafe(sql.as_str());
            let found = sqlx::query_as(sql).fetch_one(&mut connection).await;
            let (number,): (i64,) = found.expect("an answer");
            enough(number).then_some(()).ok_or(number)
        })
        .await;
    }

    /// Changes the database as another program would.
    pub async fn tamper(&self, sql: &'static str) {
        execute(&mut self.connection().await, sql).await;
    }
}

/// Settings that are valid, and sign in.
pub fn form() -> Form {
    Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Username, "alerts")
        .with(Label::Host, "smtp.example.org")
        .with(Label::Port, "587")
        .with(Label::ConnectionType, "TLS")
        .with(Label::AuthenticationType, "Plain")
}
