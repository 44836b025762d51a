//! The limit of open file descriptors.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard limit. The usual 1024 is for programs that call select(2), and
/// every client, relay connection and database connection takes a descriptor. A failure is logged.
pub fn raise_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!("the limit of open files stays {soft}: {error}");
    }
}

/// Half of the descriptors that the process may have, for client connections.
pub fn half() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_limit() {
        let limit = || getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let (_, hard) = limit();
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(1024) - 1, hard).expect("less is allowed");
        raise_limit();
        assert_eq!(limit(), (hard, hard));
    }
}
