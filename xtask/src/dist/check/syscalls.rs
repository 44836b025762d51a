//! Compares the system calls that a service made with the filter of its unit.

use super::{root::DebianRoot, unit::Unit};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// The groups of system calls that systemd knows, with the names of calls and groups in them.
type Groups<'t> = BTreeMap<&'t str, Vec<&'t str>>;

/// Checks that the filter allows every call in `summary`, which `strace --summary-only` wrote.
pub fn check(root: &DebianRoot, unit: &Unit, summary: &str) -> Result<()> {
    let described = root.run(&["systemd-analyze", "syscall-filter", "--no-pager"])?;
    let allowed = allowed(&groups(&described), unit.values("SystemCallFilter"));
    let made = made(summary);
    if !made.contains("execve") {
        bail!("strace recorded no system calls: {summary}");
    }
    let denied: Vec<&str> = made.difference(&allowed).copied().collect();
    if !denied.is_empty() {
        bail!(
            "the SystemCallFilter of the service denies {}",
            denied.join(", ")
        );
    }
    Ok(())
}

/// The groups in what `systemd-analyze syscall-filter` prints.
fn groups(described: &str) -> Groups<'_> {
    let mut groups = Groups::new();
    let mut current = "";
    for line in described.lines() {
        match line.trim() {
            name if line.starts_with('@') => {
                current = name;
                groups.insert(name, Vec::new());
            }
            text if text.is_empty() || text.starts_with('#') => {}
            member => {
                if let Some(members) = groups.get_mut(current) {
                    members.push(member);
                }
            }
        }
    }
    groups
}

/// The calls that the values of `SystemCallFilter=` allow: those listed, without those behind a `~`.
fn allowed<'t>(groups: &Groups<'t>, filters: impl Iterator<Item = &'t str>) -> BTreeSet<&'t str> {
    let mut allowed = BTreeSet::new();
    for filter in filters {
        let (denies, names) = match filter.strip_prefix('~') {
            Some(names) => (true, names),
            None => (false, filter),
        };
        let mut listed = BTreeSet::new();
        for name in names.split_whitespace() {
            expand(groups, name, &mut listed);
        }
        match denies {
            true => allowed.retain(|name| !listed.contains(name)),
            false => allowed.extend(listed),
        }
    }
    allowed
}

fn expand<'t>(groups: &Groups<'t>, name: &'t str, found: &mut BTreeSet<&'t str>) {
    match groups.get(name) {
        Some(members) => {
            for &member in members {
                expand(groups, member, found);
            }
        }
        None => {
            found.insert(name);
        }
    }
}

/// The names in the table of `strace --summary-only`, whose rows begin with a share of the time.
fn made(summary: &str) -> BTreeSet<&str> {
    let rows = summary.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next()?.parse::<f64>().ok()?;
        words.next_back()
    });
    rows.filter(|name| *name != "total").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIBED: &str = "\
@system-service
    # General system service operations
    @basic
    @resources
    ioctl

@basic
    # Basic
    read
    write
@resources
    # Alter resource settings
    nice

# Ungrouped System Calls:
#   kcmp
";

    #[test]
    fn a_filter_allows_groups_without_what_it_denies() {
        let groups = groups(DESCRIBED);
        for (filters, expected) in [
            (
                vec!["@system-service"],
                vec!["ioctl", "nice", "read", "write"],
            ),
            (
                vec!["@system-service", "~@resources read"],
                vec!["ioctl", "write"],
            ),
            (vec!["@basic kcmp"], vec!["kcmp", "read", "write"]),
        ] {
            let allowed = allowed(&groups, filters.iter().copied());
            let allowed: Vec<&str> = allowed.into_iter().collect();
            assert_eq!(allowed, expected, "{filters:?}");
        }
    }

    #[test]
    fn the_summary_of_strace_names_the_calls() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 52.10    0.000100           1       100         2 futex
 47.90    0.000092           2        46           read
------ ----------- ----------- --------- --------- ----------------
100.00    0.000192                   146         2 total
";
        let made: Vec<&str> = made(summary).into_iter().collect();
        assert_eq!(made, ["futex", "read"]);
    }
}
