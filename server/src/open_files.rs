//! How many files and connections the process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as the system lets it: 1024, the usual limit, is for programs that call select(2), and
/// every client, connection to a relay and connection to the database takes one. Where it is
/// refused, what there is has to do.
pub fn raise_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!("the limit of open files stays {soft}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_becomes_what_the_system_allows() {
        let limit = || getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let (_, hard) = limit();
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(1024) - 1, hard).expect("less is allowed");
        raise_limit();
        assert_eq!(limit(), (hard, hard));
    }
}
