//! Verification of the audit log: whether the rows of each chain are as they were written.

use domain::{Kind, Refusal, Timestamp};

use super::Audit;
use super::action::Action;
use crate::Actor;
use crate::store::audit::chain::{
    self, ChainPlace, ChainRow, ChainedRow, MisplacedRow, UnchainedRows,
};
use crate::store::{Connection, StoreError, commit};

/// The rows that are read at once.
const BATCH: i64 = 1000;

/// The fault where the chains themselves cannot be read. Rows of a chain that cannot be read are named
/// instead.
const UNREADABLE: &str = "The chains of the audit log have a value that Postern does not write: another program \
                          changed the tables audit, audit_chain or audit_unchained.";

/// What a row shows that was not written by Postern as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditTampering {
    /// Its content, its time or its hash was changed, or another row was put in its place.
    Changed,
    /// It was taken away.
    Removed,
    /// It was inserted.
    Inserted,
}

/// The first row of a chain that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFault {
    /// What was done to it.
    pub tampering: AuditTampering,
    /// Its number in the chain; `None` where it has none.
    pub number: Option<i64>,
    /// Its id; `None` where it was taken away, cannot be read, or retention removed it.
    pub id: Option<String>,
    /// Its time; `None` where it was taken away or cannot be read.
    pub at: Option<Timestamp>,
}

/// The last row that retention removed from a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditAnchor {
    /// Its number in the chain: the rows up to it were removed.
    pub number: i64,
    /// Its time.
    pub at: Option<Timestamp>,
}

/// The result of the verification of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedChain {
    /// The node that writes it.
    pub node: String,
    /// How many rows are as they were written, from its beginning or its anchor on.
    pub intact: i64,
    /// The anchor; `None` where retention removed no row.
    pub anchor: Option<AuditAnchor>,
    /// The hash of the last row of the chain; empty where it has none.
    pub last_hash: String,
    /// The first row that is not as it was written.
    pub fault: Option<AuditFault>,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerification {
    /// The chains, in the order of their nodes.
    pub chains: Vec<VerifiedChain>,
    /// The first row that names a node and is in no chain, with that name.
    pub stray: Option<(String, AuditFault)>,
    /// The rows in no chain, which are from before there were chains.
    pub unchained: i64,
    /// How many more or, below 0, fewer rows there are in no chain than there were.
    pub surplus: i64,
}

impl AuditVerification {
    /// Whether every row is as it was written.
    pub fn is_intact(&self) -> bool {
        let intact = self.chains.iter().all(|chain| chain.fault.is_none());
        intact && self.stray.is_none() && self.surplus == 0
    }

    fn new(
        chains: Vec<VerifiedChain>,
        misplaced: Option<MisplacedRow>,
        unchained: UnchainedRows,
    ) -> Self {
        // A chain that has the fault already says the same.
        let named = |node: &str| {
            let mut faulty = chains.iter().filter(|chain| chain.fault.is_some());
            faulty.any(|chain| chain.node == node)
        };
        let stray = misplaced
            .filter(|row| !named(&row.node))
            .map(|row| (row.node.clone(), row.into()));
        Self {
            stray,
            unchained: unchained.found,
            surplus: unchained.found - unchained.known,
            chains,
        }
    }
}

impl From<MisplacedRow> for AuditFault {
    fn from(row: MisplacedRow) -> Self {
        Self {
            tampering: AuditTampering::Inserted,
            number: row.number,
            id: Some(row.id),
            at: Some(row.at),
        }
    }
}

impl AuditFault {
    fn removed(number: i64) -> Self {
        Self {
            tampering: AuditTampering::Removed,
            number: Some(number),
            id: None,
            at: None,
        }
    }

    /// Of a row with values that Postern does not write.
    fn unreadable(number: i64) -> Self {
        Self {
            tampering: AuditTampering::Changed,
            ..Self::removed(number)
        }
    }

    fn of(tampering: AuditTampering, row: &ChainedRow) -> Self {
        Self {
            tampering,
            number: Some(row.number),
            id: Some(row.id.clone()),
            at: Some(row.at),
        }
    }
}

/// The rows of a chain that are as they were written, followed from its anchor on.
struct ChainCheck<'a> {
    chain: &'a ChainRow,
    /// The place of the last one.
    last: ChainPlace,
}

impl<'a> ChainCheck<'a> {
    fn new(chain: &'a ChainRow) -> Self {
        let last = chain.removed.clone();
        Self { chain, last }
    }

    /// Follows the next row in the order of their numbers.
    ///
    /// # Errors
    /// If it, or one before it, is not as it was written.
    fn follow(&mut self, row: &ChainedRow) -> Result<(), AuditFault> {
        if row.number > self.last.number + 1 {
            return Err(AuditFault::removed(self.last.number + 1));
        }
        if row.number > self.chain.last.number {
            return Err(AuditFault::of(AuditTampering::Inserted, row));
        }
        if row.expected_hash(&self.chain.node, &self.last.hash) != row.hash {
            return Err(AuditFault::of(AuditTampering::Changed, row));
        }
        self.last = ChainPlace {
            number: row.number,
            hash: row.hash.clone(),
        };
        Ok(())
    }

    /// Ends behind the last row.
    ///
    /// # Errors
    /// If it is not the end of the chain.
    fn end(&self, last_row: Option<&ChainedRow>) -> Result<(), AuditFault> {
        if self.last.number < self.chain.last.number {
            return Err(AuditFault::removed(self.last.number + 1));
        }
        if self.last.hash == self.chain.last.hash {
            return Ok(());
        }
        let changed = AuditTampering::Changed;
        Err(match last_row {
            // Its hash was computed again, with those of the rows before it.
            Some(row) => AuditFault::of(changed, row),
            // Retention removed every row, and the anchor is not the end.
            None => AuditFault {
                tampering: changed,
                number: Some(self.last.number),
                id: None,
                at: self.chain.removed_at,
            },
        })
    }

    fn result(self, fault: Option<AuditFault>) -> VerifiedChain {
        let ChainRow {
            node,
            last,
            removed,
            removed_at,
        } = self.chain;
        VerifiedChain {
            node: node.clone(),
            intact: self.last.number - removed.number,
            anchor: (removed.number > 0).then_some(AuditAnchor {
                number: removed.number,
                at: *removed_at,
            }),
            last_hash: last.hash.clone(),
            fault,
        }
    }
}

impl Audit {
    /// Verifies the chains of all nodes, for administrators. The rows are read as of one moment.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::Conflict`] where another program changed the chains so that
    /// they cannot be read; if the database fails.
    pub async fn verify(&self, actor: &Actor) -> Result<AuditVerification, Refusal> {
        self.administer(actor, Action::ReadAudit, async {
            let verified = self.verify_chains().await;
            verified.map_err(|error| match error.is_unreadable() {
                true => Refusal::new(Kind::Conflict, UNREADABLE),
                false => error.into(),
            })
        })
        .await
    }

    async fn verify_chains(&self) -> Result<AuditVerification, StoreError> {
        let mut snapshot = self.store.snapshot().await?;
        let mut chains = Vec::new();
        for chain in chain::all(&mut snapshot).await? {
            chains.push(verify_chain(&mut snapshot, &chain).await?);
        }
        let misplaced = chain::misplaced(&mut snapshot).await?;
        let unchained = chain::unchained(&mut snapshot).await?;
        Ok(AuditVerification::new(chains, misplaced, unchained))
    }

    /// Accepts the rows in no chain that were not there when the chains began, for administrators: nodes of an earlier
    /// version write such rows during a rolling upgrade. Returns how many there are.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where there is none; [`Kind::Forbidden`] for any other actor; if the database fails.
    pub async fn accept_unchained(&self, actor: &Actor) -> Result<i64, Refusal> {
        self.administer(actor, Action::AcceptAuditRows, async {
            let mut work = self.store.begin().await?;
            let rows = chain::unchained(&mut work).await?;
            let surplus = rows.found - rows.known;
            if surplus <= 0 {
                let text = "There are no more rows in no chain than when the chains began. There is nothing to accept.";
                return Err(Refusal::new(Kind::Conflict, text));
            }
            if !chain::know_unchained(&mut work, rows).await? {
                let text = "Other rows were accepted or removed meanwhile. Try again.";
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let detail = format!("{surplus} in no chain");
            self.record(&mut work, actor, Action::AcceptAuditRows, detail)
                .await?;
            commit(work).await?;
            Ok(surplus)
        })
        .await
    }
}

async fn verify_chain(
    connection: &mut Connection,
    chain: &ChainRow,
) -> Result<VerifiedChain, StoreError> {
    let mut check = ChainCheck::new(chain);
    let mut last_row = None;
    let mut limit = BATCH;
    loop {
        let number = check.last.number;
        let rows = match chain::rows_behind(connection, &chain.node, number, limit).await {
            // Up to the row that cannot be read, fewer at once.
            Err(error) if error.is_unreadable() && limit > 1 => {
                limit /= 2;
                continue;
            }
            Err(error) if error.is_unreadable() => {
                let fault = AuditFault::unreadable(number + 1);
                return Ok(check.result(Some(fault)));
            }
            rows => rows?,
        };
        for row in &rows {
            if let Err(fault) = check.follow(row) {
                return Ok(check.result(Some(fault)));
            }
        }
        let Some(row) = rows.into_iter().next_back() else {
            let fault = check.end(last_row.as_ref()).err();
            return Ok(check.result(fault));
        };
        last_row = Some(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64, previous: &str) -> ChainedRow {
        let row = ChainedRow {
            number,
            id: format!("id{number}"),
            at: Timestamp(number),
            actor: "admin@example.org".to_owned(),
            origin: "192.0.2.7".to_owned(),
            action: "login".to_owned(),
            outcome: "done".to_owned(),
            detail: String::new(),
            hash: String::new(),
        };
        ChainedRow {
            hash: row.expected_hash("gate", previous),
            ..row
        }
    }

    /// Five rows.
    fn rows() -> Vec<ChainedRow> {
        let mut rows: Vec<ChainedRow> = Vec::new();
        for number in 1..=5 {
            let previous = rows.last().map_or("", |row| row.hash.as_str());
            let next = row(number, previous);
            rows.push(next);
        }
        rows
    }

    fn place(row: &ChainedRow) -> ChainPlace {
        ChainPlace {
            number: row.number,
            hash: row.hash.clone(),
        }
    }

    /// What a chain of five rows shows, the first `removed` of which retention removed, with these rows in the
    /// database: how many are intact, and the fault with its number.
    fn shown(removed: usize, rows: &[ChainedRow]) -> (i64, Option<(AuditTampering, i64)>) {
        let written = self::rows();
        let chain = ChainRow {
            node: "gate".to_owned(),
            last: place(&written[4]),
            removed: written[..removed].last().map(place).unwrap_or_default(),
            removed_at: None,
        };
        let mut check = ChainCheck::new(&chain);
        let followed = rows.iter().try_for_each(|row| check.follow(row));
        let fault = followed.and_then(|()| check.end(rows.last())).err();
        let shown = check.result(fault);
        let fault = shown.fault.map(|fault| {
            let number = fault.number.expect("a number");
            (fault.tampering, number)
        });
        (shown.intact, fault)
    }

    #[test]
    fn a_chain_shows_the_first_row_that_is_not_as_it_was_written() {
        use AuditTampering::{Changed, Inserted, Removed};
        let written = rows();
        let changed = |number: usize, change: fn(&mut ChainedRow)| {
            let mut rows = rows();
            change(&mut rows[number - 1]);
            rows
        };
        // The rows from the third on, with the hashes that they have behind another second row.
        let mut forged = rows();
        forged[1].detail = "forged".to_owned();
        let mut previous = forged[0].hash.clone();
        for row in &mut forged[1..] {
            row.hash = row.expected_hash("gate", &previous);
            previous.clone_from(&row.hash);
        }
        let appended = [&written[..], &[row(6, &written[4].hash)]].concat();
        for (removed, found, expected) in [
            (0, written.clone(), (5, None)),
            (2, written[2..].to_vec(), (3, None)),
            (5, Vec::new(), (0, None)),
            (0, written[1..].to_vec(), (0, Some((Removed, 1)))),
            (2, written[3..].to_vec(), (0, Some((Removed, 3)))),
            (0, written[..4].to_vec(), (4, Some((Removed, 5)))),
            (0, Vec::new(), (0, Some((Removed, 1)))),
            (
                0,
                [&written[..2], &written[3..]].concat(),
                (2, Some((Removed, 3))),
            ),
            (
                0,
                changed(3, |row| row.actor = "nobody".to_owned()),
                (2, Some((Changed, 3))),
            ),
            (
                0,
                changed(3, |row| row.at = Timestamp(4)),
                (2, Some((Changed, 3))),
            ),
            (
                0,
                changed(3, |row| row.hash.clear()),
                (2, Some((Changed, 3))),
            ),
            (0, forged, (5, Some((Changed, 5)))),
            (0, appended, (5, Some((Inserted, 6)))),
        ] {
            assert_eq!(shown(removed, &found), expected, "{removed} {found:?}");
        }
    }

    #[test]
    fn a_changed_anchor_is_found_where_retention_removed_every_row() {
        let last = place(&rows()[4]);
        let forged = ChainPlace {
            hash: "forged".to_owned(),
            ..last.clone()
        };
        for (removed, expected) in [(last.clone(), None), (forged, Some(5))] {
            let chain = ChainRow {
                node: "gate".to_owned(),
                last: last.clone(),
                removed,
                removed_at: Some(Timestamp(5)),
            };
            let fault = ChainCheck::new(&chain).end(None).err();
            assert_eq!(fault.and_then(|fault| fault.number), expected);
        }
    }

    #[test]
    fn rows_outside_the_chains_are_counted_and_those_that_name_a_node_are_shown() {
        let counted = |known, found| UnchainedRows { known, found };
        let misplaced = || {
            Some(MisplacedRow {
                node: "gate".to_owned(),
                number: Some(7),
                id: "id".to_owned(),
                at: Timestamp(7),
            })
        };
        for (rows, stray, surplus) in [
            (counted(3, 3), None, 0),
            (counted(3, 4), None, 1),
            (counted(3, 2), None, -1),
            (counted(0, 0), misplaced(), 0),
        ] {
            let is_intact = stray.is_none() && surplus == 0;
            let verified = AuditVerification::new(Vec::new(), stray, rows);
            assert_eq!(verified.surplus, surplus);
            assert_eq!(verified.is_intact(), is_intact, "{verified:?}");
        }
        let faulty = VerifiedChain {
            node: "gate".to_owned(),
            intact: 6,
            anchor: None,
            last_hash: String::new(),
            fault: misplaced().map(Into::into),
        };
        let verified = AuditVerification::new(vec![faulty], misplaced(), counted(0, 0));
        assert_eq!(verified.stray, None, "the chain shows it");
        assert!(!verified.is_intact());
    }
}
