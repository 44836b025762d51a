//! The state that handlers share, and limits of requests.

use engine::Postern;

use super::address::TrustedProxies;
use super::public_url::PublicUrl;

/// The largest body outside of submissions, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// The state that handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub postern: Postern,
    pub url: PublicUrl,
    pub proxies: TrustedProxies,
}
