//! The command socket: programs on this machine send test mails and announce saves of settings.

mod answer;
mod message;
mod notification;
mod session;
mod slots;
mod users;

use std::path::{Path, PathBuf};

use domain::interface::{InterfaceEncryption, InterfaceKind};
use engine::Postern;
use futures::future::OptionFuture;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::cli::CommandSocketArgs;
use crate::process::signals::GRACE;
use crate::sockets::accept::next_connection;
use crate::sockets::inherited::InheritedUnixListener;
use crate::sockets::unix_listener::{self, SocketFault, SocketFile};
use session::{SessionServices, TIME};
use slots::SocketSlots;
use users::SocketUsers;

/// The socket in the data folder, where no other is named.
const NAME: &str = "postern.sock";

/// The path of the socket, by default in the data folder.
pub fn path(args: &CommandSocketArgs, data: &Path) -> PathBuf {
    args.socket.clone().unwrap_or_else(|| data.join(NAME))
}

/// The command socket, bound, and the sockets of other programs that are notified of saves.
pub struct CommandSocket {
    /// `None` where the data folder cannot hold a socket, and no other path is named.
    bound: Option<BoundSocket>,
    users: SocketUsers,
    notified: Vec<PathBuf>,
}

struct BoundSocket {
    listener: UnixListener,
    /// That of a socket which this process has bound itself.
    file: Option<SocketFile>,
    /// The path, to be shown.
    path: String,
}

impl CommandSocket {
    /// Binds the socket, or takes the one that the service manager passed. Where other users are listed
    /// they can connect to it, else only root and the user of this process. A data folder that cannot hold
    /// a socket is no reason not to start, unless users are listed.
    ///
    /// # Errors
    /// One line, where the socket cannot be bound, or a user is unknown.
    pub fn open(
        args: &CommandSocketArgs,
        data: &Path,
        inherited: Option<InheritedUnixListener>,
    ) -> Result<Self, String> {
        let users = SocketUsers::parse(&args.socket_users)?;
        let path = path(args, data);
        let mode = match users.are_listed() {
            true => 0o666,
            false => 0o600,
        };
        let is_required = args.socket.is_some() || users.are_listed();
        let bound = match inherited {
            Some(InheritedUnixListener { listener, path }) => Some(BoundSocket {
                listener,
                file: None,
                path,
            }),
            None => match unix_listener::bind(&path, mode) {
                Ok(listener) => Some(BoundSocket {
                    listener,
                    file: Some(SocketFile::of(&path)),
                    path: path.display().to_string(),
                }),
                Err(SocketFault::Unsupported(fault)) if !is_required => {
                    tracing::warn!("no command socket: {fault}; --socket names another path");
                    None
                }
                Err(fault) => return Err(format!("{fault}; --socket names another")),
            },
        };
        let notified = args.notify_sockets.iter().map(|path| path.trim());
        let notified = notified.filter(|path| !path.is_empty()).map(PathBuf::from);
        Ok(Self {
            bound,
            users,
            notified: notified.collect(),
        })
    }

    /// Serves connections and notifies programs until `stopped` is true, and then up to 10 s until the
    /// commands under way have ended. The socket is removed before that.
    pub fn start(self, postern: &Postern, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        // Before the task runs, so that no save is missed.
        let saves = postern.settings().saves();
        let notifying = notification::run(saves, self.notified, stopped.clone());
        let serving = self.bound.map(|bound| {
            let interface = postern.interfaces().open(
                InterfaceKind::CommandSocket,
                bound.path.clone(),
                InterfaceEncryption::None,
                true,
            );
            let services = SessionServices {
                postern: postern.clone(),
                users: self.users,
                interface,
                time: TIME,
            };
            serve(bound, services, stopped)
        });
        tokio::spawn(async move {
            tokio::join!(OptionFuture::from(serving), notifying);
        })
    }
}

async fn serve(bound: BoundSocket, services: SessionServices, mut stopped: watch::Receiver<bool>) {
    let mut sessions = JoinSet::new();
    let stop = async { drop(stopped.wait_for(|stop| *stop).await) };
    tokio::select! {
        () = accept(&bound.listener, &services, &mut sessions) => {}
        () = stop => {}
    }
    // Its file first: the path may be bound again from then on.
    drop((bound.file, bound.listener, services));
    let ended = async { while sessions.join_next().await.is_some() {} };
    let _ = timeout(GRACE, ended).await;
}

/// Accepts connections, without end.
async fn accept(listener: &UnixListener, services: &SessionServices, sessions: &mut JoinSet<()>) {
    let slots = SocketSlots::new();
    loop {
        while sessions.try_join_next().is_some() {}
        let fault = "the command socket accepts no connection";
        let (stream, _) = next_connection(fault, || listener.accept()).await;
        let Some(slot) = slots.take(services.admit(&stream)).await else {
            continue;
        };
        let session = services.clone().serve(stream);
        sessions.spawn(async move {
            session.await;
            drop(slot);
        });
    }
}

#[cfg(test)]
mod tests;
