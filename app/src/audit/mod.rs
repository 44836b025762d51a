//! The audit log: who did what, when and from where.

mod export_page;
mod page;
mod row;
mod search_form;

pub use export_page::AuditExportPage;
pub use page::AuditLogPage;

/// The page.
pub const AUDIT: &str = "/audit";

/// The page that exports the rows of a search.
pub const EXPORT_AUDIT: &str = "/audit/export";

/// The file that it downloads, over REST.
pub const EXPORT_FILE: &str = "/api/audit/export";
