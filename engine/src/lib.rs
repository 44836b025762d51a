//! What Postern does: keeps settings, seals secrets, speaks SMTP. No HTTP, no HTML.

pub mod smtp;
