//! Values in attributes of the page: postcard in base64url.
//!
//! Leptos passes properties to an island as JSON, whose reader costs the browser 25 kB.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Encodes a value. The attribute is page source, so the value must hold no secret.
pub fn to_attribute<T: Serialize>(value: &T) -> String {
    BASE64URL.encode(postcard::to_allocvec(value).unwrap_or_default())
}

/// Decodes the value that [`to_attribute`] encoded; `None` for any other text.
pub fn from_attribute<T: DeserializeOwned>(text: &str) -> Option<T> {
    postcard::from_bytes(&BASE64URL.decode(text).ok()?).ok()
}
