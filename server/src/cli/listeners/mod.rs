//! The arguments of the command socket, of SMTP submission and of the certificate of the console.

pub mod command_socket;
pub mod submission;
pub mod tls;
