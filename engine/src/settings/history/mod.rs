//! The history of a relay's settings: its revisions, with what each changed.

mod restore;

use domain::settings::revision::{
    FieldChange, RevisionComparison, RevisionPassword, RevisionSettings, RevisionView, is_removal,
};
use domain::{Kind, Label, Refusal};

use super::password::revision_label;
use super::{SavedSettings, Settings};
use crate::Actor;
use crate::store::settings::revisions::{self, KeptRevision, Revision};

impl Settings {
    /// The revisions that are kept, newest first, for administrators; those of an account's own relay for
    /// the account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::NotFound`] if the relay was removed.
    pub async fn revisions(&self, actor: &Actor) -> Result<Vec<RevisionView>, Refusal> {
        self.consult(actor, async {
            let mut connection = self.store.read().await?;
            self.require_relay(&mut connection).await?;
            let kept = revisions::kept(&mut connection, self.scope).await?;
            Ok(self.revision_views(&kept))
        })
        .await
    }

    /// The revision with this number, beside the settings in use.
    ///
    /// # Errors
    /// As [`Settings::revisions`], and [`Kind::NotFound`] if it is not kept.
    pub async fn revision(
        &self,
        actor: &Actor,
        number: i64,
    ) -> Result<RevisionComparison, Refusal> {
        self.consult(actor, async {
            let mut connection = self.store.read().await?;
            let saved = self.read(&mut connection).await?;
            let kept = revisions::kept(&mut connection, self.scope).await?;
            let mut found = kept.iter().map(|entry| &entry.revision);
            let index = found.position(|revision| revision.number == number);
            let index = index.ok_or_else(no_such_revision)?;
            let now = in_use(&saved);
            let mut changes = FieldChange::between(now, settings_of(&kept[index].revision));
            let environment_password = saved.password_variable().is_some();
            if environment_password {
                changes.retain(|change| change.label != Label::Password);
            }
            Ok(RevisionComparison {
                changes,
                newest: saved.revision(),
                environment_password,
                locks: saved.locked_otherwise(&kept[index].revision.form),
                revision: self.revision_views(&kept).swap_remove(index),
            })
        })
        .await
    }

    /// The views of all revisions that are kept, which are newest first.
    fn revision_views(&self, kept: &[KeptRevision]) -> Vec<RevisionView> {
        let views = kept.iter().enumerate().map(|(index, entry)| {
            let revision = &entry.revision;
            let before = kept.get(index + 1).map(|before| &before.revision);
            let before = before.filter(|before| before.number + 1 == revision.number);
            let is_known = before.is_some() || revision.number == 1;
            let changes = is_known
                .then(|| FieldChange::between(before.and_then(settings_of), settings_of(revision)));
            RevisionView {
                number: revision.number,
                saved: revision.saved.clone(),
                origin: revision.origin.clone(),
                restored: revision.restored,
                verified: entry.verified.clone(),
                password: self.password_of(kept, revision),
                is_removal: is_removal(&revision.form),
                changes,
            }
        });
        views.collect()
    }

    /// The password that goes with a revision, which another one may have introduced.
    fn password_of(&self, kept: &[KeptRevision], revision: &Revision) -> RevisionPassword {
        let Some(from) = revision.password_from else {
            return RevisionPassword::None;
        };
        let mut revisions = kept.iter().map(|entry| &entry.revision);
        let introduced = revisions.find(|revision| revision.number == from);
        let Some(sealed) = introduced.and_then(|revision| revision.password.as_deref()) else {
            return RevisionPassword::Forgotten;
        };
        let scope = self.scope.to_string();
        match self.vault.unseal(&scope, &revision_label(from), sealed) {
            Ok(_) => RevisionPassword::Kept,
            Err(_) => RevisionPassword::ReEnter,
        }
    }
}

/// The settings of a revision; `None` of a removal.
fn settings_of(revision: &Revision) -> Option<RevisionSettings<'_>> {
    (!is_removal(&revision.form)).then_some(RevisionSettings {
        form: &revision.form,
        password_from: revision.password_from,
    })
}

/// The settings in use; `None` before the first save, and after a removal.
fn in_use(saved: &SavedSettings) -> Option<RevisionSettings<'_>> {
    settings_of(saved.newest.as_ref()?)
}

fn no_such_revision() -> Refusal {
    let text = "This revision is not kept, or there never was one with this number. Look at the \
                history of the relay.";
    Refusal::of(Kind::NotFound, "number", text)
}
