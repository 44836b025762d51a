//! A connection that speaks HTTP/2: its limits, and how it is closed.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::sleep;

use super::requests::Requests;
use crate::http::listener::client::Client;
use crate::http::listener::limits::HEAD_MAX;
use crate::http::listener::stream::ClientStream;
use crate::http::listener::waiting::{Activity, MOST_CANCELLED};

/// Requests of a connection at the same time. RFC 9113 section 6.5.2 recommends at least 100.
const STREAMS: u32 = 100;

/// The octets of a request body, and of all bodies of a connection, that a client may send before a
/// handler reads them: so much memory a connection can take.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// The octets of a response that are kept for a client that does not take them.
const SEND_BUFFER: usize = 64 * 1024;

/// What makes connections of HTTP/2.
pub fn builder() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_MAX as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_local_error_reset_streams(MOST_CANCELLED as usize);
    http
}

/// Serves requests until the connection ends. A GOAWAY frame ends the opening of streams once the process
/// stops, once the slot is needed, and where nothing came or went for the time that a connection may be
/// idle; what is under way is answered, unless the client takes nothing of it. One whose slot is needed gives
/// it up soon, whether it answers to that or not. One that cancels its requests again and again is cut off.
pub async fn serve(http: &Builder<TokioExecutor>, stream: ClientStream, client: Client) {
    let stream = client.limit(stream, None);
    let mut http = pin!(http.serve_connection(stream, Requests::of(&client)));
    let Client {
        activity,
        limits,
        mut stopped,
        ..
    } = client;
    let is_needed = tokio::select! {
        biased;
        _ = &mut http => return,
        () = activity.closed() => true,
        () = activity.quiet(limits.idle) => false,
        _ = stopped.wait_for(|stopped| *stopped) => false,
    };
    if activity.is_abused() {
        return;
    }
    http.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        _ = &mut http => {}
        () = activity.closed() => {}
        () = activity.quiet(limits.write) => {}
        () = unused(&activity, limits.drain), if is_needed => {}
    }
}

/// Waits for so long, and for ever where there is a request then: the connection is listed as waiting again
/// once that has ended.
async fn unused(activity: &Activity, time: Duration) {
    sleep(time).await;
    if activity.has_requests() {
        pending::<()>().await;
    }
}
