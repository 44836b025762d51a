//! The protocols of a connection: TLS, HTTP/1.1 or HTTP/2, and the requests in them.

pub mod connection;
mod http1;
mod http2;
mod requests;
