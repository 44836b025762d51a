//! The audit log: who did what, when and from where.

mod page;
mod row;
mod search_form;

pub use page::AuditLogPage;

/// The page.
pub const AUDIT: &str = "/audit";
