//! Reactive values of the islands, in as few types as possible.
//!
//! Leptos compiles its rendering code once for each type of closure. Boxed, all texts share one
//! copy, all flags another, which keeps the bundle small.

type Reactive<T> = Box<dyn FnMut() -> T + Send>;

/// A reactive flag, as a boolean attribute takes it.
pub type Flag = Reactive<bool>;

/// A text that follows `f`.
pub fn text(f: impl FnMut() -> &'static str + Send + 'static) -> Reactive<&'static str> {
    Box::new(f)
}

/// A text that is absent at times.
pub fn maybe(f: impl FnMut() -> Option<String> + Send + 'static) -> Reactive<Option<String>> {
    Box::new(f)
}

/// A boolean attribute.
pub fn flag(f: impl FnMut() -> bool + Send + 'static) -> Flag {
    Box::new(f)
}

/// An ARIA state: `true` or `false` as a text.
pub fn state(mut f: impl FnMut() -> bool + Send + 'static) -> Reactive<&'static str> {
    text(move || if f() { "true" } else { "false" })
}

/// The value of an input.
pub fn value(f: impl FnMut() -> String + Send + 'static) -> Reactive<String> {
    Box::new(f)
}
