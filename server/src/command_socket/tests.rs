//! The command socket as its callers see it.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::settings::PasswordChange;
use domain::{Form, Label};
use engine::{Actor, Config, Postern};
use testkit::{Relay, RelayScript};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::CommandSocket;
use super::session::{SessionServices, TIME};
use super::users::SocketUsers;
use crate::cli::CommandSocketArgs;

/// Longer than a slow machine needs.
const DEADLINE: Duration = Duration::from_secs(90);

/// A Postern with its command socket.
struct SocketEnv {
    folder: tempfile::TempDir,
    postern: Postern,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

fn args(users: &[&str], notified: &[PathBuf]) -> CommandSocketArgs {
    CommandSocketArgs {
        socket: None,
        socket_users: users.iter().map(|user| (*user).to_owned()).collect(),
        notify_sockets: notified
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
    }
}

async fn postern(folder: &Path) -> Postern {
    let config = Config {
        data: folder.to_owned(),
        ..Config::default()
    };
    Postern::open(config).await.expect("opens")
}

impl SocketEnv {
    async fn open(notified: &[PathBuf]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = CommandSocket::open(&args(&[], notified), folder.path(), None);
        let socket = socket.expect("a socket");
        let postern = postern(folder.path()).await;
        let (stop, stopped) = watch::channel(false);
        let running = socket.start(&postern, stopped);
        Self {
            folder,
            postern,
            stop,
            running,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("postern.sock")
    }

    async fn save(&self, relay: &Relay) {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "127.0.0.1")
            .with(Label::Port, &relay.address.port().to_string());
        let (local, settings) = (Actor::local(0), self.postern.settings());
        let saved = settings.save(&local, form, PasswordChange::Keep, None);
        saved.await.expect("saves");
    }

    /// Sends a message, and returns the answer up to its end.
    async fn ask(&self, message: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.path()).await.expect("connects");
        stream.write_all(message).await.expect("sent");
        answer(&mut stream).await
    }

    async fn close(self) {
        self.stop.send_replace(true);
        self.running.await.expect("ended");
        self.postern.close().await;
    }
}

async fn answer(stream: &mut UnixStream) -> String {
    let mut answer = String::new();
    let read = timeout(DEADLINE, stream.read_to_string(&mut answer)).await;
    read.expect("in time").expect("an answer and its end");
    answer
}

#[tokio::test]
async fn a_test_mail_is_answered_ok_or_with_what_failed() {
    let (env, relay) = (
        SocketEnv::open(&[]).await,
        Relay::start(RelayScript::pipelining()),
    );
    let message = b"SEND_TEST_EMAIL*desk@example.net*";
    let refused = env.ask(message).await;
    assert_eq!(refused, "No configuration is saved yet. Save one first.");
    env.save(&relay).await;
    assert_eq!(env.ask(message).await, "OK");
    assert_eq!(relay.accepted()[0].to, ["desk@example.net"]);
    relay.reply_to("RCPT", "550 5.1.1 no such desk OK");
    let failed = env.ask(message).await;
    assert!(failed.contains("no such desk"), "{failed}");
    assert!(
        !failed.starts_with("OK") && !failed.ends_with("OK"),
        "{failed}"
    );
    assert!(!failed.contains('\n') && failed.len() <= 1350, "{failed}");
    let refused = env.ask(b"SEND_TEST_EMAIL*nobody*").await;
    assert!(refused.contains('@'), "{refused}");
    env.close().await;
}

#[tokio::test]
async fn a_message_may_come_in_pieces_and_end_with_the_connection() {
    let env = SocketEnv::open(&[]).await;
    assert_eq!(env.ask(b"SYSTEM_UPDATED*RESET*").await, "OK");
    let mut stream = UnixStream::connect(env.path()).await.expect("connects");
    for piece in ["SYSTEM_", "UPDATED*RE", "SET"] {
        stream.write_all(piece.as_bytes()).await.expect("sent");
    }
    stream.shutdown().await.expect("half closed");
    assert_eq!(answer(&mut stream).await, "OK");
    let long = env.ask(&b"SEND_TEST_EMAIL*".repeat(1000)).await;
    assert!(
        long.contains("1 argument") || long.contains("4096"),
        "{long}"
    );
    let mut long = b"SEND_TEST_EMAIL*".to_vec();
    long.resize(5000, b'a');
    let refused = env.ask(&long).await;
    assert_eq!(refused, "The message is longer than 4096 bytes.");
    let refused = env.ask(b"REBOOT*now*").await;
    assert!(refused.starts_with("The command is unknown."), "{refused}");
    env.close().await;
}

/// A session with other services than those of a socket.
async fn session(users: Option<SocketUsers>, time: Duration, message: &[u8]) -> String {
    use domain::interface::{InterfaceEncryption, InterfaceKind};

    let folder = tempfile::tempdir().expect("a folder");
    let postern = postern(folder.path()).await;
    let services = SessionServices {
        interface: postern.interfaces().open(
            InterfaceKind::CommandSocket,
            "a socket".to_owned(),
            InterfaceEncryption::None,
            true,
        ),
        users: users.unwrap_or_else(|| SocketUsers::parse(&[]).expect("nobody else")),
        time,
        postern,
    };
    let (mut client, server) = UnixStream::pair().expect("two streams");
    let serving = tokio::spawn(services.serve(server));
    client.write_all(message).await.expect("sent");
    let answer = answer(&mut client).await;
    drop(client);
    serving.await.expect("ended");
    answer
}

#[tokio::test]
async fn a_message_that_is_not_complete_in_time_is_refused() {
    let refused = session(None, Duration::from_millis(20), b"SEND_TEST_EMAIL*desk").await;
    assert!(
        refused.starts_with("The message was not complete"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_user_who_is_not_listed_is_refused() {
    let nobody = SocketUsers::none();
    let refused = session(Some(nobody), TIME, b"SYSTEM_UPDATED*RESET*").await;
    assert!(refused.contains("POSTERN_SOCKET_USERS"), "{refused}");
}

#[tokio::test]
async fn users_who_are_not_listed_are_refused_at_the_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = CommandSocket::open(&args(&[], &[]), folder.path(), None);
    let mut socket = socket.expect("a socket");
    socket.users = SocketUsers::none();
    let postern = postern(folder.path()).await;
    let (stop, stopped) = watch::channel(false);
    let running = socket.start(&postern, stopped);
    let env = SocketEnv {
        folder,
        postern,
        stop,
        running,
    };
    let refused = env.ask(b"SYSTEM_UPDATED*RESET*").await;
    assert!(refused.contains("POSTERN_SOCKET_USERS"), "{refused}");
    env.close().await;
}

#[tokio::test]
async fn the_socket_is_private_unless_other_users_are_listed() {
    for (users, expected) in [(vec![], 0o600), (vec!["12345"], 0o666)] {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = CommandSocket::open(&args(&users, &[]), folder.path(), None);
        let _socket = socket.expect("a socket");
        let metadata = std::fs::metadata(folder.path().join("postern.sock")).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, expected);
    }
}

#[tokio::test]
async fn the_socket_is_where_it_is_named_and_its_faults_name_the_option() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.sock");
    let named = CommandSocketArgs {
        socket: Some(path.clone()),
        ..args(&[], &[])
    };
    let _socket = CommandSocket::open(&named, folder.path(), None).expect("a socket");
    assert!(path.exists() && !folder.path().join("postern.sock").exists());
    let refused = CommandSocket::open(&named, folder.path(), None).err();
    let refused = refused.expect("in use");
    assert!(
        refused.contains("in use") && refused.contains("--socket"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_data_folder_that_can_hold_no_socket_is_served_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    // The path of a socket has at most 107 octets.
    let data = folder.path().join("x".repeat(120));
    let open = |users: &[&str]| CommandSocket::open(&args(users, &[]), &data, None);
    let socket = open(&[]).expect("a reason to start");
    assert!(socket.bound.is_none());
    let refused = open(&["65534"]).err().expect("a user is listed");
    assert!(refused.contains("--socket"), "{refused}");
}

#[tokio::test]
async fn the_socket_is_removed_at_the_end() {
    let env = SocketEnv::open(&[]).await;
    let path = env.path();
    assert!(path.exists());
    // A caller that has sent nothing yet does not keep it.
    let idle = UnixStream::connect(&path).await.expect("connects");
    env.stop.send_replace(true);
    let removed = async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, removed).await.expect("in time");
    let gone = UnixStream::connect(&path).await.expect_err("it is gone");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    drop(idle);
    env.close().await;
}

#[tokio::test]
async fn programs_are_notified_of_each_save() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("program");
    let program = UnixListener::bind(&path).expect("bound");
    let missing = folder.path().join("missing");
    let env = SocketEnv::open(&[missing, path]).await;
    let relay = Relay::start(RelayScript::pipelining());
    for _ in 0..2 {
        // One that does not answer does not fail it.
        env.save(&relay).await;
        let accepted = timeout(DEADLINE, program.accept()).await.expect("in time");
        let (mut stream, _) = accepted.expect("a connection");
        assert_eq!(answer(&mut stream).await, "SYSTEM_UPDATED*RESET*");
    }
    env.close().await;
}
