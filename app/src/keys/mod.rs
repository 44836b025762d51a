//! Keys: their ages, what they seal, rotation and retirement.

mod forms;
mod key_row;
mod notices;
mod page;

pub(crate) use forms::forms;
pub use page::KeysPage;

/// The page.
pub const KEYS: &str = "/keys";

/// The form that makes a new key for stored secrets.
pub const ROTATE_KEYS: &str = "/keys/rotate";

/// The form that makes a new key for browsers.
pub const ROTATE_BROWSER_KEY: &str = "/keys/rotate-browser";

/// The form that retires a key.
pub const RETIRE_KEY: &str = "/keys/retire";
