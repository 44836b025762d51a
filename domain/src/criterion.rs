//! Decodes the criteria of searches: trimmed texts, names, times and positions in a list.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::Timestamp;
use crate::lenient::Lenient;
use crate::refusal::TextFault;

/// The longest value of a criterion, in bytes: a line of a header (RFC 5322 section 2.1.1).
pub(crate) const VALUE_MAX: usize = 998;

/// The fault of a text that is no position in a list of rows.
pub(crate) const NO_POSITION: TextFault = "This is not a position in the list; start at its top.";

/// Decodes a text, trimmed; it is empty where it is blank or, with a fault, not valid.
pub(crate) fn text<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let Lenient(criterion) = Lenient::deserialize(value)?;
    Ok(criterion.map_or_else(String::new, |Criterion(text)| text))
}

/// Decodes a text and parses it. `None` for a blank text, and with a fault for an invalid one.
pub(crate) fn parsed<'de, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    let Lenient(parsed) = Lenient::deserialize(value)?;
    Ok(parsed.and_then(|Parsed(parsed)| parsed))
}

/// Decodes a time. `None` for a blank text, and with a fault for an invalid one.
pub(crate) fn time<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Timestamp>, D::Error> {
    let time: Option<Time> = parsed(value)?;
    Ok(time.map(|Time(at)| at))
}

/// A text, trimmed.
struct Criterion(String);

impl<'de> Deserialize<'de> for Criterion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        let value = value.trim();
        if value.chars().any(char::is_control) {
            return Err(D::Error::custom("Remove the control character."));
        }
        if value.len() > VALUE_MAX {
            let fault = format!("Shorten this to at most {VALUE_MAX} bytes.");
            return Err(D::Error::custom(fault));
        }
        Ok(Self(value.to_owned()))
    }
}

/// A parsed text; `None` where it is blank.
struct Parsed<T>(Option<T>);

impl<'de, T> Deserialize<'de> for Parsed<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Criterion(text) = Criterion::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let parsed = text.parse().map_err(D::Error::custom)?;
        Ok(Self(Some(parsed)))
    }
}

/// A date, or a date and a time.
struct Time(Timestamp);

impl FromStr for Time {
    type Err = TextFault;

    fn from_str(text: &str) -> Result<Self, TextFault> {
        let at = Timestamp::parse(text).ok_or(
            "Enter a date or a date and time in UTC, as in 2026-11-20 or 2026-11-20T05:13.",
        )?;
        Ok(Self(at))
    }
}
