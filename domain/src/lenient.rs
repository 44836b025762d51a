//! Values whose decoding may fail separately, so that a request reports all faults at once.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// A value whose decoding may fail: then the fault is recorded and the value is `None`.
#[derive(Debug)]
pub struct Lenient<T>(pub Option<T>);

/// Decodes a field of the plain type like [`Lenient`], with the default of the type in case of a fault.
///
/// # Errors
/// Only errors of the deserializer; an invalid value is not an error.
pub fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let Lenient(value) = Lenient::deserialize(deserializer)?;
    Ok(value.unwrap_or_default())
}

/// The name of the newtype that [`Lenient`] requests. A deserializer that reports every fault recognises
/// the name and calls [`attempt`].
pub const LENIENT: &str = "$lenient";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attempted<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Attempted<T> {
            type Value = Lenient<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut attempt: A) -> Result<Lenient<T>, A::Error> {
                Ok(Lenient(attempt.next_element()?))
            }

            /// For a deserializer that does not recognise the name and stops at its first fault.
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Lenient<T>, D::Error> {
                T::deserialize(deserializer).map(|value| Lenient(Some(value)))
            }
        }

        deserializer.deserialize_newtype_struct(LENIENT, Attempted(PhantomData))
    }
}

/// Decodes a value for the visitor of [`Lenient`] and passes a fault to `record`.
///
/// # Errors
/// Only errors of the deserializer; an invalid value is not an error.
pub fn attempt<'de, D, V>(
    deserializer: D,
    visitor: V,
    record: impl FnOnce(D::Error),
) -> Result<V::Value, D::Error>
where
    D: Deserializer<'de>,
    V: Visitor<'de>,
{
    visitor.visit_seq(OneValue(Some((deserializer, record))))
}

/// A sequence of one value, which is empty if the value has a fault.
struct OneValue<D, R>(Option<(D, R)>);

impl<'de, D, R> SeqAccess<'de> for OneValue<D, R>
where
    D: Deserializer<'de>,
    R: FnOnce(D::Error),
{
    type Error = D::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, D::Error> {
        let Some((deserializer, record)) = self.0.take() else {
            return Ok(None);
        };
        Ok(seed.deserialize(deserializer).map_err(record).ok())
    }
}
