//! `cargo xtask dist`: the Debian packages, and their test in a Debian root.

mod check;
mod package;

use crate::console;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

const HELP: &str = "\
Builds postern with link-time optimisation and makes, in target/dist/package, two Debian packages (postern,
and postern-mta, which makes it the mail server of the machine) and what packaging/Containerfile needs.
cargo-deb is installed on first use.

Usage: cargo xtask dist [OPTION]...

Options:
  --check           then test the packages, as root: in a clean Debian root of mmdebstrap, install the version
                    before, start its service with the sockets of the socket units, submit mail through
                    sendmail, upgrade, remove, install again and purge; install them beside and in the place
                    of another mail server; check the unit with systemd-analyze and the packages with lintian.
                    systemd does not run there: the service has the user, the sockets and the notifications of
                    its unit, and its system calls are compared with the filter, but not its namespaces and
                    credentials
  --before PACKAGE  upgrade from this package instead of one with the same files and a lower version, whose
                    account, keys and mail are put into the tables of an earlier version before the upgrade
";

/// What to do.
#[derive(Default)]
struct Options {
    check: bool,
    before: Option<PathBuf>,
}

/// Makes the packages, and tests them where the arguments ask for it.
pub fn dist(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    if options.check {
        check::require_root()?;
    }
    let packages = package::build()?;
    for path in [&packages.postern, &packages.mta] {
        console::note(&path.display().to_string());
    }
    match options.check {
        true => check::check(&packages, options.before),
        false => Ok(()),
    }
}

impl Options {
    /// `None` where the arguments ask for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "help" | "--help" | "-h" => return Ok(None),
                "--check" => options.check = true,
                "--before" => {
                    let path = arguments.next().context("--before needs a package")?;
                    options.before = Some(PathBuf::from(path).canonicalize()?);
                }
                other => bail!("unknown option: {other}\n\n{HELP}"),
            }
        }
        if options.before.is_some() && !options.check {
            bail!("--before is an option of --check");
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn options_are_parsed() {
        let options = parsed("--check --before /")
            .expect("valid")
            .expect("no help");
        assert!(options.check);
        assert_eq!(options.before, Some(PathBuf::from("/")));
        assert!(parsed("--check --help").expect("valid").is_none());
        for refused in ["--before /", "--check --before", "--fast", "check"] {
            assert!(parsed(refused).is_err(), "{refused}");
        }
    }
}
