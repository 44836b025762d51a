//! The interfaces service: which interfaces this process has open, and the last use of each.
//!
//! It is in the memory of the process: it knows nothing of other processes on the database, nor of uses
//! before the start.

use std::sync::Arc;

use domain::Refusal;
use domain::interface::{InterfaceEncryption, InterfaceKind, InterfaceView, LastUse};
use parking_lot::Mutex;

use crate::audit::{Action, Audit};
use crate::{Actor, Clock};

/// The open interfaces, in the order in which they were opened.
type Registry = Arc<Mutex<Vec<Arc<Registered>>>>;

/// The open interfaces of this process. Cheap to clone.
#[derive(Clone)]
pub struct Interfaces {
    clock: Clock,
    audit: Audit,
    registry: Registry,
}

/// An interface in the list.
struct Registered {
    kind: InterfaceKind,
    address: String,
    encryption: InterfaceEncryption,
    is_loopback: bool,
    last_use: Mutex<Option<LastUse>>,
}

/// An open interface, in the list until the last clone of it is dropped. Cheap to clone.
#[derive(Clone)]
pub struct OpenInterface(Arc<Listing>);

/// Keeps an interface in the list.
struct Listing {
    clock: Clock,
    registry: Registry,
    interface: Arc<Registered>,
}

impl Interfaces {
    pub(crate) fn new(clock: Clock, audit: Audit) -> Self {
        Self {
            clock,
            audit,
            registry: Registry::default(),
        }
    }

    /// Lists an interface that the process has opened. `address` is its IP address and port, or the path
    /// of its socket; `is_loopback` whether only programs on this machine reach it.
    pub fn open(
        &self,
        kind: InterfaceKind,
        address: String,
        encryption: InterfaceEncryption,
        is_loopback: bool,
    ) -> OpenInterface {
        let interface = Arc::new(Registered {
            kind,
            address,
            encryption,
            is_loopback,
            last_use: Mutex::default(),
        });
        self.registry.lock().push(interface.clone());
        OpenInterface(Arc::new(Listing {
            clock: self.clock.clone(),
            registry: self.registry.clone(),
            interface,
        }))
    }

    /// The open interfaces of this process by kind, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<InterfaceView>, Refusal> {
        self.audit
            .administer(actor, Action::ReadInterfaces, async { Ok(self.views()) })
            .await
    }

    fn views(&self) -> Vec<InterfaceView> {
        let registered = self.registry.lock().clone();
        let views = registered.iter().map(|interface| InterfaceView {
            kind: interface.kind,
            address: interface.address.clone(),
            encryption: interface.encryption,
            is_loopback: interface.is_loopback,
            last_use: interface.last_use.lock().clone(),
        });
        let mut views: Vec<InterfaceView> = views.collect();
        views.sort_by_key(|view| view.kind);
        views
    }
}

impl OpenInterface {
    /// Records a use by the account or the local user of this name. It touches memory only, and allocates
    /// where the name is another than before.
    pub fn used_by(&self, name: &str) {
        let at = self.0.clock.now();
        let mut last_use = self.0.interface.last_use.lock();
        match last_use.as_mut() {
            Some(last) => {
                last.at = at;
                if last.by != name {
                    name.clone_into(&mut last.by);
                }
            }
            None => {
                let by = name.to_owned();
                *last_use = Some(LastUse { at, by });
            }
        }
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        let mut registered = self.registry.lock();
        registered.retain(|other| !Arc::ptr_eq(other, &self.interface));
    }
}
