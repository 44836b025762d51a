//! What a connection speaks: TLS, HTTP/1.1 or HTTP/2, and its requests.

pub mod connection;
mod http1;
mod http2;
mod requests;
