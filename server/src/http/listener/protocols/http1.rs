//! A connection that speaks HTTP/1.1: its requests, and how it is closed.

use std::future::poll_fn;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::requests::Requests;
use crate::http::listener::client::{Client, drained};
use crate::http::listener::limits::{HEAD_MAX, Limits};
use crate::http::listener::stream::ClientStream;

/// How long, and how many bytes, a client may still send after the last response. A client that sends
/// when its connection is reset may lose a response that it has not read.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_MAX: u64 = 64 * 1024 * 1024;

/// What makes connections of HTTP/1.1.
pub fn builder(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(HEAD_MAX);
    http
}

/// Serves requests until the connection ends. The client learns of errors by itself. Once the process
/// stops, each response closes the connection, and a client without a request has some time to send one:
/// a connection that is closed at once would lose a request that is on its way.
pub async fn serve(http: &Builder, stream: ClientStream, client: Client) {
    let stream = client.limit(stream, Some(client.limits.head));
    let service = Requests::of(&client);
    let seen = service.seen();
    let mut http = http.serve_connection(stream, service);
    let Client {
        activity,
        limits,
        mut stopped,
        ..
    } = client;
    let leave = async {
        tokio::select! {
            () = activity.closed() => {}
            () = drained(&mut stopped, limits.drain) => {}
        }
    };
    tokio::select! {
        biased;
        _ = poll_fn(|context| http.poll_without_shutdown(context)) => {}
        () = leave => {
            // hyper would wait for the rest of a first head.
            if !seen.are_any() {
                return;
            }
            Pin::new(&mut http).graceful_shutdown();
            let _ = poll_fn(|context| http.poll_without_shutdown(context)).await;
        }
    }
    let mut stream = http.into_parts().io.into_inner();
    activity.finish();
    let shut_down = timeout(limits.write, stream.shutdown()).await;
    if !matches!(shut_down, Ok(Ok(()))) || !seen.last_has_body() {
        return;
    }
    let rest = async {
        let mut rest = stream.take(LINGER_MAX);
        let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    };
    tokio::select! {
        _ = timeout(LINGER, rest) => {}
        () = activity.closed() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}
