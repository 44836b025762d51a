//! The state that handlers share.

use std::ops::Deref;
use std::sync::Arc;

use app::interfaces::ProgramFile;
#[cfg(test)]
use domain::interface::{InterfaceEncryption, InterfaceKind};
use engine::{OpenInterface, Postern};

use super::origin::address::TrustedProxies;
use super::origin::allowed_hosts::AllowedHosts;
use super::origin::public_url::PublicUrl;

/// The state that handlers share. Each layer of a request clones it, which is one count.
#[derive(Clone)]
pub struct AppState(Arc<SharedState>);

/// What [`AppState`] shares.
pub struct SharedState {
    pub postern: Postern,
    /// HTTP in the list of open interfaces.
    pub interface: OpenInterface,
    pub url: PublicUrl,
    /// The file of the program, for the settings of applications.
    pub program: ProgramFile,
    pub proxies: TrustedProxies,
    pub hosts: AllowedHosts,
    /// Whether `/metrics` needs no token on this machine: without a proxy and a public URL nobody
    /// else's request comes from loopback.
    pub local_metrics: bool,
}

impl From<SharedState> for AppState {
    fn from(shared: SharedState) -> Self {
        Self(Arc::new(shared))
    }
}

/// HTTP as tests list it.
#[cfg(test)]
pub fn test_interface(postern: &Postern) -> OpenInterface {
    postern.interfaces().open(
        InterfaceKind::Http,
        "127.0.0.1:3000".to_owned(),
        InterfaceEncryption::None,
        true,
    )
}

impl Deref for AppState {
    type Target = SharedState;

    fn deref(&self) -> &SharedState {
        &self.0
    }
}
