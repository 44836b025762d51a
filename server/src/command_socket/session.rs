//! A connection to the command socket: one command of a local user, and its answer.

use std::time::Duration;

use engine::{Actor, OpenInterface, Postern};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::answer::{self, OK};
use super::message::{self, MESSAGE_MAX, SocketCommand};
use super::users::SocketUsers;
use crate::sockets::peer;
use crate::test_mail;

/// The time for a message, and for the caller to take its answer.
pub const TIME: Duration = Duration::from_secs(5);

/// How long a caller may take to close the connection. Closing it before drops what the caller still
/// sends, and with it the answer.
const CLOSE: Duration = Duration::from_secs(1);

/// What connections share. Cheap to clone.
#[derive(Clone)]
pub struct SessionServices {
    pub postern: Postern,
    pub users: SocketUsers,
    pub interface: OpenInterface,
    /// The time for a message.
    pub time: Duration,
}

impl SessionServices {
    /// Whether the user of the calling process may use the socket.
    pub fn admit(&self, stream: &UnixStream) -> bool {
        peer::of(stream).is_ok_and(|peer| self.users.contain(peer.uid))
    }

    /// Reads a command, runs it and answers.
    pub async fn serve(self, mut stream: UnixStream) {
        let line = match self.run(&mut stream).await {
            Ok(()) => OK.to_owned(),
            Err(fault) => answer::of_fault(&fault),
        };
        let answered = async {
            stream.write_all(line.as_bytes()).await?;
            stream.shutdown().await
        };
        if let Ok(Ok(())) = timeout(TIME, answered).await {
            let _ = timeout(CLOSE, until_closed(&mut stream)).await;
        }
    }

    /// Runs the command of a connection.
    ///
    /// # Errors
    /// The fault, for the caller.
    async fn run(&self, stream: &mut UnixStream) -> Result<(), String> {
        let peer = peer::of(stream)
            .map_err(|error| format!("The user of the calling process is unknown: {error}"))?;
        if !self.users.contain(peer.uid) {
            let (uid, pid) = (peer.uid, peer.pid);
            tracing::warn!(
                uid,
                pid,
                "a process of this user was refused at the command socket (POSTERN_SOCKET_USERS)"
            );
            return Err(format!(
                "The user with the id {uid} may not use this socket. POSTERN_SOCKET_USERS lists those who may."
            ));
        }
        let read = timeout(self.time, read(stream)).await;
        let command = read.unwrap_or_else(|_| {
            let seconds = self.time.as_secs();
            Err(format!("The message was not complete within {seconds} s."))
        })?;
        let actor = Actor::local(peer.uid);
        self.interface.used_by(actor.name());
        let done = match command {
            SocketCommand::SendTestEmail(address) => {
                let sent = test_mail::send(self.postern.diagnosis(), &actor, address).await;
                sent.map(drop)
            }
            SocketCommand::SystemUpdated => self.postern.settings().reload(&actor).await,
        };
        done.map_err(|refusal| answer::text_of(&refusal))
    }
}

/// Reads a message until its command has its arguments, or the caller has sent all of it.
async fn read(stream: &mut UnixStream) -> Result<SocketCommand, String> {
    let (mut message, mut buffer) = (Vec::new(), [0; 512]);
    loop {
        let number = stream
            .read(&mut buffer)
            .await
            .map_err(|error| format!("The message cannot be read: {error}"))?;
        message.extend_from_slice(&buffer[..number]);
        if message.len() > MESSAGE_MAX {
            return Err(format!("The message is longer than {MESSAGE_MAX} bytes."));
        }
        match message::parse(&message, number == 0)? {
            Some(command) => return Ok(command),
            None if number == 0 => return Err("The message is not complete.".to_owned()),
            None => {}
        }
    }
}

/// Drops what the caller still sends, until it closes the connection.
async fn until_closed(stream: &mut UnixStream) {
    let mut buffer = [0; 512];
    while stream
        .read(&mut buffer)
        .await
        .is_ok_and(|number| number > 0)
    {}
}
