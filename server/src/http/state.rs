//! The state that handlers share.

use engine::Postern;

use super::address::TrustedProxies;
use super::allowed_hosts::AllowedHosts;
use super::public_url::PublicUrl;

/// The state that handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub postern: Postern,
    pub url: PublicUrl,
    pub proxies: TrustedProxies,
    pub hosts: AllowedHosts,
    /// Whether `/metrics` needs no token on this machine: without a proxy and a public URL nobody
    /// else's request comes from loopback.
    pub local_metrics: bool,
}
