//! The recipients of a message, collected from To, Cc and Bcc without duplicates.

use std::collections::HashMap;

use domain::{EmailAddress, Refusal};

use super::mailbox::Mailbox;

/// The maximum number of recipients of a message.
const MOST: usize = 100;

/// Collects recipients. Invalid entries count towards the maximum as well, which bounds the work
/// and the faults of a hostile list.
#[derive(Default)]
pub(in crate::mail) struct RecipientList {
    /// The recipients, in the order in which they were added.
    pub addresses: Vec<EmailAddress>,
    /// The list that named a recipient last, by [`Mailbox::key`].
    seen: HashMap<String, &'static str>,
    /// The number of invalid entries.
    faulty: usize,
}

impl RecipientList {
    /// Parses the list `field` and returns its mailboxes, each once. Faults are added under
    /// `field`.
    pub fn read(
        &mut self,
        field: &'static str,
        list: &[String],
        faults: &mut Refusal,
    ) -> Vec<Mailbox> {
        let mut mailboxes = Vec::with_capacity(list.len().min(MOST));
        for (index, text) in list.iter().enumerate() {
            match Mailbox::parse(text) {
                Ok(mailbox) => {
                    if self.add(field, &mailbox) {
                        mailboxes.push(mailbox);
                    }
                }
                Err(fault) => {
                    self.faulty += 1;
                    faults.add(&entry(field, list.len(), index), fault);
                }
            }
            if self.too_many() {
                faults.add(field, Self::TOO_MANY);
                break;
            }
        }
        mailboxes
    }

    /// Adds a recipient, and returns whether the list `field` did not name it yet.
    pub fn add(&mut self, field: &'static str, mailbox: &Mailbox) -> bool {
        match self.seen.insert(mailbox.key(), field) {
            None => {
                self.addresses.push(mailbox.address.clone());
                true
            }
            Some(list) => list != field,
        }
    }

    /// Whether a mailbox is one of the recipients.
    pub fn contains(&self, mailbox: &Mailbox) -> bool {
        self.seen.contains_key(&mailbox.key())
    }

    /// Whether there are more than the maximum.
    pub fn too_many(&self) -> bool {
        self.addresses.len() + self.faulty > MOST
    }

    /// Whether there was no entry, valid or invalid.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.faulty == 0
    }

    /// The fault of a message with too many recipients.
    pub const TOO_MANY: &str =
        "A mail has at most 100 recipients, those in to, cc and bcc together; send several mails.";

    /// The fault of a message without recipients.
    pub const NOBODY: &str = "Name at least one recipient, here or in cc or bcc.";
}

/// The field name of an entry of a list: `to` if it has one entry, `to[2]` otherwise.
pub(in crate::mail) fn entry(field: &str, length: usize, index: usize) -> String {
    if length == 1 {
        field.to_owned()
    } else {
        format!("{field}[{index}]")
    }
}
