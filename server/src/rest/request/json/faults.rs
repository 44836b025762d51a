//! Faults of a request body by field, bounded in number and size.

use std::cell::RefCell;

use domain::{Refusal, sanitize};

/// The most fields with a fault.
const FIELDS: usize = 200;

/// The longest name of a field, in characters.
const NAME: usize = 200;

/// The longest text of a field, in bytes, to which another fault is still appended.
const TEXT: usize = 2000;

/// The faults of a body, by field.
#[derive(Debug)]
pub struct Faults(RefCell<Refusal>);

impl Default for Faults {
    fn default() -> Self {
        Self(RefCell::new(Refusal::invalid()))
    }
}

impl Faults {
    /// Adds a fault; several faults of one field share one text.
    pub fn add(&self, field: &str, text: &str) {
        let mut refusal = self.0.borrow_mut();
        let full = refusal.fields.len() >= FIELDS;
        match refusal.fields.get_mut(field) {
            Some(known) if known.len() < TEXT => {
                known.push(' ');
                known.push_str(text);
            }
            None if !full => refusal.add(field, text),
            _ => {}
        }
    }

    /// Adds that a field is missing, unless it is there and has a fault already.
    pub fn add_missing(&self, field: &str) {
        if !self.has(field) {
            self.add(field, "This field is required.");
        }
    }

    /// Adds that there is no field of this name.
    pub fn add_unknown(&self, field: &str) {
        self.add(&sanitize::printable(field, NAME), "There is no such field.");
    }

    /// Whether a field has a fault.
    pub fn has(&self, field: &str) -> bool {
        self.0.borrow().fields.contains_key(field)
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().fields.is_empty()
    }

    /// The refusal with every fault.
    pub fn into_refusal(self) -> Refusal {
        self.0.into_inner()
    }

    /// # Errors
    /// [`domain::Kind::Invalid`] with every fault, if there is one.
    pub fn into_result(self) -> Result<(), Refusal> {
        self.into_refusal().or_ok()
    }
}
