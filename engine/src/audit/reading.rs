//! Reading the audit log: pages of a search, and exports of all that match.

use domain::audit::{AuditCursor, AuditPage, AuditRow, AuditSearch};
use domain::{Kind, Refusal};
use futures::StreamExt;
use futures::stream::{BoxStream, try_unfold};

use super::Audit;
use super::action::Action;
use crate::Actor;
use crate::store::search::{AuditRows, audit_rows};

/// The rows that an export reads at once.
const EXPORT_ROWS: i64 = 500;

/// The most rows of a page.
const PAGE_MAX: i64 = 500;

/// Where an export goes on.
#[derive(Default)]
struct ExportPosition {
    /// Behind this row; `None` at the top.
    behind: Option<AuditCursor>,
    is_end: bool,
}

impl Audit {
    /// The newest rows, newest first, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; as for [`Audit::list`].
    pub async fn trail(&self, actor: &Actor, limit: i64) -> Result<Vec<AuditRow>, Refusal> {
        actor.administers()?;
        let page = self.page(&AuditSearch::default(), None, limit).await?;
        Ok(page.rows)
    }

    /// Up to `limit` rows that match, 500 at most, newest first, behind a position, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::Invalid`] under `action` if there is no such act;
    /// [`Kind::Unavailable`] if the search takes longer than 2 s or the database fails.
    pub async fn list(
        &self,
        actor: &Actor,
        search: &AuditSearch,
        behind: Option<&AuditCursor>,
        limit: i64,
    ) -> Result<AuditPage, Refusal> {
        self.administer(actor, Action::ReadAudit, async {
            check(search)?;
            self.page(search, behind, limit.clamp(1, PAGE_MAX)).await
        })
        .await
    }

    /// All rows that match, newest first, in parts, for administrators. The export has a row of its own, which is
    /// written before.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::Invalid`] under `action` if there is no such act; if the
    /// database fails, which also ends the stream.
    pub async fn export(
        &self,
        actor: &Actor,
        search: AuditSearch,
    ) -> Result<BoxStream<'static, Result<Vec<AuditRow>, Refusal>>, Refusal> {
        self.administer(actor, Action::ExportAudit, async {
            check(&search)?;
            let detail = describe(&search);
            Ok(self
                .record_alone(actor, Action::ExportAudit, detail)
                .await?)
        })
        .await?;
        let audit = self.clone();
        let parts = try_unfold(ExportPosition::default(), move |position| {
            let (audit, search) = (audit.clone(), search.clone());
            async move {
                if position.is_end {
                    return Ok(None);
                }
                let behind = position.behind.as_ref();
                let page = audit.page(&search, behind, EXPORT_ROWS).await?;
                let next = ExportPosition {
                    is_end: page.next.is_none(),
                    behind: page.next,
                };
                Ok::<_, Refusal>(Some((page.rows, next)))
            }
        });
        Ok(parts.boxed())
    }

    async fn page(
        &self,
        search: &AuditSearch,
        behind: Option<&AuditCursor>,
        limit: i64,
    ) -> Result<AuditPage, Refusal> {
        let acts = search.object.map(Action::names_on).unwrap_or_default();
        let part = AuditRows {
            search,
            acts: &acts,
            behind,
            // One more shows whether there is another page.
            limit: limit + 1,
        };
        let mut rows = audit_rows(&mut self.store.search().await?, &part).await?;
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| AuditCursor {
            at: last.at,
            id: last.id.clone(),
        });
        Ok(AuditPage { rows, next })
    }
}

/// Checks that an act has the name of the search.
fn check(search: &AuditSearch) -> Result<(), Refusal> {
    if search.action.is_empty() || search.action.parse::<Action>().is_ok() {
        return Ok(());
    }
    let text = "No act has this name. The audit log shows the names, as in “save settings”.";
    Err(Refusal::of(Kind::Invalid, "action", text))
}

/// What is exported, for the audit log. A text that is searched for may be the address of a person.
fn describe(search: &AuditSearch) -> String {
    let criteria: Vec<String> = search
        .pairs()
        .into_iter()
        .map(|(name, value)| match name {
            "actor" | "detail" | "origin" => name.to_owned(),
            _ => format!("{name} {value}"),
        })
        .collect();
    match criteria.as_slice() {
        [] => "all rows".to_owned(),
        criteria => format!("rows by {}", criteria.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::audit::AuditObject;

    use super::*;

    #[test]
    fn a_search_names_an_act_that_exists() {
        for (action, exists) in [("", true), ("save settings", true), ("save", false)] {
            let search = AuditSearch {
                action: action.to_owned(),
                ..AuditSearch::default()
            };
            assert_eq!(check(&search).is_ok(), exists, "{action}");
        }
    }

    #[test]
    fn the_row_of_an_export_has_no_text_that_was_searched_for() {
        let search = AuditSearch {
            actor: "ann@example.org".to_owned(),
            object: Some(AuditObject::Account),
            since: Some(Timestamp(0)),
            ..AuditSearch::default()
        };
        assert_eq!(
            describe(&search),
            "rows by actor, object account, since 1970-01-01T00:00:00Z"
        );
        assert_eq!(describe(&AuditSearch::default()), "all rows");
    }
}
