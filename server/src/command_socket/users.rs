//! The users whose processes may use the command socket.

use nix::unistd::{User, getuid};

/// Root, the user of Postern, and those that `POSTERN_SOCKET_USERS` lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketUsers {
    allowed: Vec<u32>,
    are_listed: bool,
}

impl SocketUsers {
    /// Parses names and user ids; empty ones are ignored.
    ///
    /// # Errors
    /// One line, where this machine has no user of a name.
    pub fn parse(listed: &[String]) -> Result<Self, String> {
        let names = listed.iter().map(|name| name.trim());
        let listed = names.filter(|name| !name.is_empty()).map(uid);
        let mut allowed = listed.collect::<Result<Vec<u32>, String>>()?;
        let are_listed = !allowed.is_empty();
        allowed.extend([0, getuid().as_raw()]);
        Ok(Self {
            allowed,
            are_listed,
        })
    }

    /// No user.
    #[cfg(test)]
    pub fn none() -> Self {
        Self {
            allowed: Vec::new(),
            are_listed: false,
        }
    }

    /// Whether users beside root and that of Postern may.
    pub fn are_listed(&self) -> bool {
        self.are_listed
    }

    /// Whether the processes of this user may.
    pub fn contain(&self, uid: u32) -> bool {
        self.allowed.contains(&uid)
    }
}

fn uid(name: &str) -> Result<u32, String> {
    if let Ok(uid) = name.parse() {
        return Ok(uid);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!(
            "POSTERN_SOCKET_USERS: there is no user {name} on this machine"
        )),
        Err(error) => Err(format!(
            "POSTERN_SOCKET_USERS: the user {name} cannot be looked up: {error}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(listed: &[&str]) -> Result<SocketUsers, String> {
        let listed: Vec<String> = listed.iter().map(|name| (*name).to_owned()).collect();
        SocketUsers::parse(&listed)
    }

    #[test]
    fn root_the_own_user_and_those_listed_may() {
        let own = getuid().as_raw();
        let alone = parse(&["", " "]).expect("nobody else");
        assert!(!alone.are_listed() && alone.contain(0) && alone.contain(own));
        assert!(!alone.contain(4_000_000_000));
        let users = parse(&["4000000000", " 33 ", "root"]).expect("users");
        for uid in [0, own, 33, 4_000_000_000] {
            assert!(users.contain(uid), "{uid}");
        }
        assert!(users.are_listed() && !users.contain(4_000_000_001));
    }

    #[test]
    fn an_unknown_user_is_named() {
        let refused = parse(&["33", "no such user"]).expect_err("unknown");
        assert!(refused.contains("no such user"), "{refused}");
    }
}
