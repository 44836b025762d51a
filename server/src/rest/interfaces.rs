//! `/api/interfaces`: where programs reach this process, and the last use of each.

use axum::extract::State;
use domain::interface::{
    InterfaceEncryption, InterfaceKind, InterfaceView, LastUse, closed_interfaces,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::request::extract::SignedIn;
use super::response::envelope::{Refused, Success};
use super::response::errors::{Always, Restricted};
use crate::http::state::AppState;

/// An open interface.
#[derive(Serialize, ToSchema)]
pub struct ApiInterface {
    kind: InterfaceKind,
    /// The IP address and port, or the path of a socket.
    #[schema(example = "127.0.0.1:3000")]
    address: String,
    /// The encryption of the connections. It is `none` also if a proxy encrypts them.
    encryption: InterfaceEncryption,
    /// Whether only programs on this machine reach it.
    #[schema(example = true)]
    loopback: bool,
    /// Whether mail and tokens reach the interface unencrypted over a network.
    exposed: bool,
    /// The time of the last use since the process began; null before the first. Only uses of `http` with
    /// a token count.
    #[schema(format = DateTime, example = "2026-11-20T05:13:30Z")]
    last_used: Option<String>,
    /// The address of the account, or the name of the local user, of the last use.
    #[schema(example = "jonas@example.org")]
    last_used_by: Option<String>,
}

impl From<InterfaceView> for ApiInterface {
    fn from(view: InterfaceView) -> Self {
        let exposed = view.is_exposed();
        let (last_used, last_used_by) = match view.last_use {
            Some(LastUse { at, by }) => (Some(at.rfc3339()), Some(by)),
            None => (None, None),
        };
        Self {
            kind: view.kind,
            address: view.address,
            encryption: view.encryption,
            loopback: view.is_loopback,
            exposed,
            last_used,
            last_used_by,
        }
    }
}

/// An interface that is not open.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "kind": "submission", "opened_by": InterfaceKind::Submission.opened_by() }))]
pub struct ClosedInterface {
    kind: InterfaceKind,
    /// The options of `postern serve`, or the variables of its environment, that open it.
    #[schema(value_type = String)]
    opened_by: &'static str,
}

/// The interfaces of a process.
#[derive(Serialize, ToSchema)]
pub struct InterfaceList {
    /// The public URL of the console, which may be that of a proxy.
    #[schema(example = "https://postern.example.org")]
    public_url: String,
    open: Vec<ApiInterface>,
    closed: Vec<ClosedInterface>,
}

/// List the interfaces
///
/// Lists the interfaces of the process that answers: their addresses, their encryption and the last use
/// since the process began. For closed interfaces it names the options that open them.
#[utoipa::path(
    get,
    path = "/api/interfaces",
    tag = "Configuration",
    responses(
        (status = 200, description = "The interfaces", body = Success<InterfaceList>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<InterfaceList>, Refused> {
    let open = state.postern.interfaces().list(&actor).await?;
    let closed = closed_interfaces(&open).map(|kind| ClosedInterface {
        kind,
        opened_by: kind.opened_by(),
    });
    Ok(Success::new(InterfaceList {
        public_url: state.url.to_string(),
        closed: closed.collect(),
        open: open.into_iter().map(Into::into).collect(),
    }))
}
