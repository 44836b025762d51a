//! The relay whose history a page shows.

use domain::Refusal;
use domain::settings::relay::OWN;
use engine::{Action, Actor, Postern, Settings};

use super::{RESTORE_MY_RELAY, RESTORE_RELAY};
use crate::audit::AUDIT;
use crate::my_relay::MY_RELAY;
use crate::relays::relay_path;
use crate::request::with_query;

/// A relay of the organisation, or the account's own.
pub struct HistoryRelay {
    pub id: String,
    pub name: String,
    pub settings: Settings,
}

impl HistoryRelay {
    /// Reads the name of a relay.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a relay of the organisation unless the actor is an
    /// administrator; [`Kind::NotFound`](domain::Kind::NotFound) if there is none.
    pub async fn read(postern: &Postern, actor: &Actor, id: String) -> Result<Self, Refusal> {
        let name = match id.as_str() {
            OWN => "My relay".to_owned(),
            id => postern.relays().read(actor, id).await?.config.name,
        };
        let settings = postern.settings().of_id(actor, &id)?;
        Ok(Self { id, name, settings })
    }

    /// The page with its settings.
    pub fn page(&self) -> String {
        match self.id.as_str() {
            OWN => MY_RELAY.to_owned(),
            id => relay_path(id),
        }
    }

    /// The rows of the audit log about its name, order, rule and limits; none of an account's own relay, which has
    /// none of these.
    pub fn other_changes(&self) -> Option<String> {
        let detail = format!("({})", self.id);
        let query = [
            ("action", Action::ChangeRelay.as_str()),
            ("detail", detail.as_str()),
        ];
        (self.id != OWN).then(|| with_query(AUDIT, query))
    }

    /// The form that brings a revision back.
    pub fn action(&self) -> &'static str {
        match self.id.as_str() {
            OWN => RESTORE_MY_RELAY,
            _ => RESTORE_RELAY,
        }
    }
}
