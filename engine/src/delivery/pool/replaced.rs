//! Connections to relays whose settings were replaced: they count toward the cap until they end.

use std::sync::Arc;

use crate::delivery::relay::route::Route;

/// A route that was replaced, and its connections with a message.
struct ReplacedRoute {
    route: Arc<Route>,
    connections: usize,
}

/// The connections on replaced routes. Without these each save of the settings of a relay that does not
/// answer would open as many again.
#[derive(Default)]
pub(super) struct ReplacedConnections(Vec<ReplacedRoute>);

impl ReplacedConnections {
    /// A route with this number of connections was replaced.
    pub fn add(&mut self, route: Arc<Route>, connections: usize) {
        if connections > 0 {
            self.0.push(ReplacedRoute { route, connections });
        }
    }

    /// A connection on a replaced route ended.
    pub fn ended(&mut self, route: &Arc<Route>) {
        let is_of = |replaced: &&mut ReplacedRoute| Arc::ptr_eq(&replaced.route, route);
        if let Some(replaced) = self.0.iter_mut().find(is_of) {
            replaced.connections -= 1;
        }
        self.0.retain(|replaced| replaced.connections > 0);
    }

    /// The number of those to the server of a route, by earlier settings of its relay.
    pub fn count(&self, route: &Route) -> usize {
        let replaced = self.0.iter();
        let of_relay = replaced.filter(|replaced| replaced.route.is_same_server(route));
        of_relay.map(|replaced| replaced.connections).sum()
    }
}
