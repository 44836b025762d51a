//! Who a mail goes to: read from the lists that were given, each recipient once.

use std::collections::HashMap;

use domain::{EmailAddress, Refusal};

use super::mailbox::Mailbox;

/// The most recipients that one mail has.
const MOST: usize = 100;

/// Gathers recipients. Entries that are at fault count too, so that a hostile list ends.
#[derive(Default)]
pub(super) struct RecipientList {
    pub addresses: Vec<EmailAddress>,
    /// Of each recipient, the list that named it last.
    seen: HashMap<String, &'static str>,
    faulty: usize,
}

impl RecipientList {
    /// The mailboxes of a list, each once; its faults are added.
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

    /// Whether a list did not name it yet.
    pub fn add(&mut self, field: &'static str, mailbox: &Mailbox) -> bool {
        match self.seen.insert(mailbox.key(), field) {
            None => {
                self.addresses.push(mailbox.address.clone());
                true
            }
            Some(list) => list != field,
        }
    }

    pub fn too_many(&self) -> bool {
        self.addresses.len() + self.faulty > MOST
    }

    /// Whether there was nobody, not even at fault.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.faulty == 0
    }

    pub const TOO_MANY: &str =
        "A mail has at most 100 recipients, those in to, cc and bcc together; send several mails.";

    pub const NOBODY: &str = "Name at least one recipient, here or in cc or bcc.";
}

/// The name of an entry of a list: `to`, or `to[2]` where there are several.
pub(super) fn entry(field: &str, length: usize, index: usize) -> String {
    if length == 1 {
        field.to_owned()
    } else {
        format!("{field}[{index}]")
    }
}
