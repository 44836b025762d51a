//! Permits of diagnoses and probes that run at the same time, in all and of one person.

use domain::Refusal;

use crate::shares::{FullShare, Share, ShareLimit, Shares};

/// How many run at a time.
const LIMIT: ShareLimit = ShareLimit { own: 2, all: 4 };

/// The runs by actor. Cheap to clone.
#[derive(Clone, Default)]
pub struct Permits(Shares<String>);

/// The permit of one run, until it is dropped.
pub type Permit = Share<String>;

impl Permits {
    /// Takes a permit.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) with the seconds to wait.
    pub fn take(&self, actor: &str) -> Result<Permit, Refusal> {
        self.0.take(actor.to_owned(), LIMIT).map_err(|full| {
            let text = match full {
                FullShare::Own => {
                    "At most two of your diagnoses run at a time. Wait until one has ended."
                }
                FullShare::All => "At most four diagnoses run at a time. Wait until one has ended.",
            };
            Refusal::too_many(5, text)
        })
    }
}
