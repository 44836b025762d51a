//! Checks that the connection to PostgreSQL protects passwords and mail.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::store::StoreError;

/// Checks that the connection to PostgreSQL at `address` is protected.
///
/// # Errors
/// [`StoreError::Unprotected`] where others could read and change it; [`StoreError::Address`].
pub fn check(address: &str) -> Result<(), StoreError> {
    match is_protected(&parse(address)?) {
        true => Ok(()),
        false => Err(StoreError::Unprotected),
    }
}

/// Parses the address of a PostgreSQL database.
///
/// # Errors
/// [`StoreError::Address`].
pub fn parse(address: &str) -> Result<PgConnectOptions, StoreError> {
    if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
        return Err(StoreError::Address);
    }
    address.parse().map_err(|_| StoreError::Address)
}

/// The host and port of the server, or the folder of its socket.
pub fn server(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None if options.get_host().starts_with('/') => options.get_host().to_owned(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Whether the server is on this machine, or TLS verifies its certificate and name. A name other than
/// `localhost` is not resolved: an answer of DNS would prove nothing.
fn is_protected(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_socket = options.get_socket().is_some() || host.starts_with('/');
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback());
    is_socket || is_loopback || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_needs_verified_tls() {
        for (address, protected) in [
            ("postgres://postern@127.0.0.1/postern", true),
            ("postgres://postern@[::1]:5433/postern", true),
            ("postgres://postern@localhost/postern", true),
            ("postgres://postern@%2Fvar%2Frun%2Fpostgresql/postern", true),
            (
                "postgres://postern@x/postern?host=/var/run/postgresql",
                true,
            ),
            (
                "postgres://postern@db.example.org/postern?sslmode=verify-full",
                true,
            ),
            ("postgres://postern@db.example.org/postern", false),
            (
                "postgres://postern@db.example.org/postern?sslmode=require",
                false,
            ),
            (
                "postgres://postern@db.example.org/postern?sslmode=verify-ca",
                false,
            ),
            ("postgres://postern@192.0.2.7/postern", false),
            ("postgres://postern@127.0.0.1/postern?host=192.0.2.7", false),
            ("postgres://postern@localhost.example.org/postern", false),
        ] {
            let options = address.parse().expect("a valid address");
            assert_eq!(is_protected(&options), protected, "{address}");
        }
    }
}
