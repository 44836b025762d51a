//! Recipients with their messages: found by what is asked for, counted, and changed by people.

use domain::Timestamp;
use domain::outbox::{Count, Cursor, MessageAction, OutboxRow, RecipientState, Search, Selection};
use sqlx::AssertSqlSafe;
use ulid::Ulid;

use super::recipients::read_state;
use super::{Connection, StoreError, after};

/// The state of a row whose lease has ended is that of one nobody has.
const NOT_LEASED: &str = "(r.owner IS NULL OR r.due_at <= ";

/// A condition on recipients, and what stands at its places.
struct Condition {
    sql: String,
    binds: Vec<Bind>,
    /// It speaks of the message too.
    of_message: bool,
    way: Way,
}

/// How rows are come by. A database that does not know how many there are guesses.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// By the index of addresses: few begin so.
    Addresses,
    /// Newest first, or by the index of states, until enough are found.
    Newest,
}

/// So few rows are sorted by time when they are found.
const FEW: i64 = 2000;

/// A column that no index is to be used for.
fn hidden(column: &str) -> String {
    format!("({column} || '')")
}

enum Bind {
    Text(String),
    Number(i64),
}

impl Condition {
    /// Everything, or with an account, what it handed over.
    fn new(account: Option<&str>, way: Way) -> Self {
        let mut condition = Self {
            way,
            sql: "TRUE".to_owned(),
            binds: Vec::new(),
            of_message: false,
        };
        if let Some(account) = account {
            condition.and("m.account_id = ", Bind::Text(account.to_owned()));
            condition.of_message = true;
        }
        condition
    }

    /// One more thing that must be so: `before`, then the place of `bind`.
    fn and(&mut self, before: &str, bind: Bind) {
        self.binds.push(bind);
        self.sql
            .push_str(&format!(" AND {before}${}", self.binds.len()));
    }

    fn states(&mut self, states: &[RecipientState]) {
        let column = match self.way {
            Way::Addresses => hidden("r.state"),
            Way::Newest => "r.state".to_owned(),
        };
        self.sql
            .push_str(&format!(" AND {}", in_states(&column, states)));
    }

    fn search(&mut self, search: &Search) {
        if !search.id.is_empty() {
            self.and("r.message_id = ", Bind::Text(search.id.clone()));
        }
        if let Some(state) = search.state {
            self.states(&[state]);
        }
        if !search.address.is_empty() {
            let prefix = search.address.to_ascii_lowercase();
            let column = match self.way {
                Way::Addresses => "lower(r.address)".to_owned(),
                Way::Newest => hidden("lower(r.address)"),
            };
            self.and(&format!("{column} < "), Bind::Text(after(&prefix)));
            self.and(&format!("{column} >= "), Bind::Text(prefix));
        }
        if !search.subject.is_empty() {
            let escaped = search.subject.replace('\\', "\\\\");
            let escaped = escaped.replace('%', "\\%").replace('_', "\\_");
            self.and(
                "lower(m.subject) LIKE lower(",
                Bind::Text(format!("%{escaped}%")),
            );
            self.sql.push_str(") ESCAPE '\\'");
            self.of_message = true;
        }
        if let Some(since) = search.since {
            self.and("r.message_id >= ", Bind::Text(first_id(since)));
        }
        if let Some(until) = search.until {
            self.and("r.message_id < ", Bind::Text(first_id(until)));
        }
    }

    /// The rows it is true of. SQLite goes through the tables of a CROSS JOIN in their order, so that
    /// none but those found are joined; PostgreSQL sees that itself.
    fn rows(&self) -> String {
        let condition = &self.sql;
        match (self.of_message, self.way) {
            (false, _) => format!("recipient r WHERE {condition}"),
            (true, Way::Newest) => {
                format!(
                    "message m CROSS JOIN recipient r WHERE r.message_id = m.id AND {condition}"
                )
            }
            (true, Way::Addresses) => {
                format!(
                    "recipient r CROSS JOIN message m WHERE m.id = r.message_id AND {condition}"
                )
            }
        }
    }

    fn selection(&mut self, selection: &Selection) {
        match selection {
            Selection::One(cursor) => {
                self.and("r.message_id = ", Bind::Text(cursor.id.clone()));
                self.and("r.position = ", Bind::Number(cursor.position));
            }
            Selection::Message(id) => self.and("r.message_id = ", Bind::Text(id.clone())),
            Selection::Matching(search) => self.search(search),
        }
    }
}

fn in_states(column: &str, states: &[RecipientState]) -> String {
    let list: Vec<String> = states
        .iter()
        .map(|state| format!("'{}'", state.as_str()))
        .collect();
    format!("{column} IN ({})", list.join(", "))
}

/// The first id a message accepted at that moment can have.
pub fn first_id(at: Timestamp) -> String {
    Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), 0).to_string()
}

/// When a message was accepted.
pub fn accepted(id: &str) -> Timestamp {
    let milliseconds = Ulid::from_string(id).map_or(0, |id| id.timestamp_ms());
    Timestamp(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

macro_rules! bound {
    ($query:expr, $binds:expr) => {{
        let mut query = $query;
        for bind in $binds {
            query = match bind {
                Bind::Text(text) => query.bind(text),
                Bind::Number(number) => query.bind(number),
            };
        }
        query
    }};
}

type Row = (
    String,
    i64,
    String,
    String,
    String,
    String,
    Option<String>,
    i64,
    Option<i64>,
    Option<String>,
);

/// Lines, newest first, behind a place in the list.
pub async fn lines(
    connection: &mut Connection,
    account: Option<&str>,
    search: &Search,
    behind: Option<&Cursor>,
    (most, now): (i64, Timestamp),
) -> Result<Vec<OutboxRow>, StoreError> {
    let way = way(connection, &search.address).await?;
    let mut condition = Condition::new(account, way);
    condition.search(search);
    if let Some(cursor) = behind {
        condition.and(
            "(r.message_id, r.position) < (",
            Bind::Text(cursor.id.clone()),
        );
        condition.binds.push(Bind::Number(cursor.position));
        condition
            .sql
            .push_str(&format!(", ${})", condition.binds.len()));
    }
    condition.binds.push(Bind::Number(most));
    let id = match (condition.of_message, way) {
        (true, Way::Newest) => "m.id",
        _ => "r.message_id",
    };
    // Found first, and only what is shown is read whole.
    let sql = format!(
        "SELECT r.message_id, r.position, m.sender, r.address, m.subject, r.state, r.owner, \
         r.attempts, r.due_at, r.reply FROM (SELECT r.message_id AS id, r.position AS place FROM {} \
         ORDER BY {id} DESC, r.position DESC LIMIT ${}) AS found \
         CROSS JOIN recipient r CROSS JOIN message m \
         WHERE r.message_id = found.id AND r.position = found.place AND m.id = found.id \
         ORDER BY found.id DESC, found.place DESC",
        condition.rows(),
        condition.binds.len()
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let rows: Vec<Row> = bound!(query, condition.binds).fetch_all(connection).await?;
    rows.into_iter()
        .map(
            |(id, position, from, to, subject, state, owner, attempts, due, reply)| {
                let leased = owner.is_some() && due.is_some_and(|lease| lease > now.0);
                Ok(OutboxRow {
                    accepted: accepted(&id),
                    id,
                    position,
                    from,
                    to,
                    subject,
                    state: read_state(&state)?,
                    leased,
                    attempts,
                    due: due.filter(|_| !leased).map(Timestamp),
                    reply: reply.filter(|reply| !reply.is_empty()),
                })
            },
        )
        .collect()
}

/// How much is in each state: of what was delivered or cancelled, what was accepted since then.
pub async fn counts(
    connection: &mut Connection,
    account: Option<&str>,
    since: Timestamp,
) -> Result<Vec<Count>, StoreError> {
    let from = |account: Option<&str>| match account {
        // The message is needed only to know whose it is.
        None => "recipient r WHERE ",
        Some(_) => "recipient r, message m WHERE m.id = r.message_id AND m.account_id = $2 AND ",
    };
    let select = "SELECT r.state, COUNT(*), MIN(r.message_id) FROM ";
    let open = format!(
        "{select}{}$1 = $1 AND r.state IN ('queued', 'deferred', 'held', 'failed') \
         GROUP BY r.state",
        from(account)
    );
    let closed = format!(
        "{select}{}r.message_id >= $1 AND r.state IN ('delivered', 'cancelled') GROUP BY r.state",
        from(account)
    );
    let mut found: Vec<(String, i64, String)> = Vec::new();
    for sql in [open, closed] {
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(first_id(since));
        if let Some(account) = account {
            query = query.bind(account.to_owned());
        }
        found.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(RecipientState::ALL
        .iter()
        .copied()
        .map(|state| {
            let row = found.iter().find(|(name, _, _)| name == state.as_str());
            Count {
                state,
                number: row.map_or(0, |(_, number, _)| *number),
                oldest: row.map(|(_, _, id)| accepted(id)),
            }
        })
        .collect())
}

/// How many rows an act would touch.
pub async fn count(
    connection: &mut Connection,
    act: MessageAction,
    selection: &Selection,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let way = way(connection, address(selection)).await?;
    let condition = touched(act, selection, (way, now));
    let sql = format!("SELECT COUNT(*) FROM {}", condition.rows());
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let (number,): (i64,) = bound!(query, condition.binds).fetch_one(connection).await?;
    Ok(number)
}

/// Does it, and answers the rows it touched.
pub async fn act(
    connection: &mut Connection,
    act: MessageAction,
    selection: &Selection,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, StoreError> {
    let way = way(connection, address(selection)).await?;
    let mut condition = touched(act, selection, (way, now));
    let taken = matches!(act.leads_to(), RecipientState::Queued);
    condition.binds.push(Bind::Number(now.0));
    let at = condition.binds.len();
    // What makes a row one that may be touched stands outside too: a worker may take it while this
    // waits for its lock, and PostgreSQL then looks again at the outer condition only.
    let sql = format!(
        "UPDATE recipient AS r SET state = '{}', owner = NULL, due_at = {}, settled_at = {}{} \
         WHERE (r.message_id, r.position) IN (SELECT r.message_id, r.position FROM {}) \
         AND {} AND {NOT_LEASED}${at}) RETURNING message_id, position",
        act.leads_to().as_str(),
        if taken {
            format!("${at}")
        } else {
            "NULL".to_owned()
        },
        if act == MessageAction::Cancel {
            format!("${at}")
        } else {
            "NULL".to_owned()
        },
        if taken {
            format!(", attempts = 0, trying_since = ${at}")
        } else {
            String::new()
        },
        condition.rows(),
        in_states("r.state", act.applies_to()),
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(bound!(query, condition.binds).fetch_all(connection).await?)
}

/// The address that is asked for, if one is.
fn address(selection: &Selection) -> &str {
    match selection {
        Selection::Matching(search) => &search.address,
        _ => "",
    }
}

/// How to come by the rows whose addresses begin so.
async fn way(connection: &mut Connection, address: &str) -> Result<Way, StoreError> {
    if address.is_empty() {
        return Ok(Way::Newest);
    }
    let prefix = address.to_ascii_lowercase();
    let (found,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM (SELECT 1 FROM recipient r \
         WHERE lower(r.address) >= $1 AND lower(r.address) < $2 LIMIT $3) AS found",
    )
    .bind(&prefix)
    .bind(after(&prefix))
    .bind(FEW + 1)
    .fetch_one(connection)
    .await?;
    Ok(match found {
        0..=FEW => Way::Addresses,
        _ => Way::Newest,
    })
}

fn touched(act: MessageAction, selection: &Selection, (way, now): (Way, Timestamp)) -> Condition {
    let mut condition = Condition::new(None, way);
    condition.selection(selection);
    condition.states(act.applies_to());
    condition.and(NOT_LEASED, Bind::Number(now.0));
    condition.sql.push(')');
    condition
}
