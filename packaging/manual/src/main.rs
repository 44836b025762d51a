//! Writes the man pages and shell completions of `postern` into the folder that is its argument.
//!
//! They are made from the definitions of the command line in `server/src/cli`, which depend on nothing but
//! clap and `domain`. A crate of its own keeps the generators out of the shipped executable.

#[allow(
    dead_code,
    unused_imports,
    reason = "the server uses what is not needed here"
)]
#[path = "../../../server/src"]
mod server {
    pub mod cli;
}

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap_complete::Shell;
use server::cli::Cli;

/// The shells that Debian has a folder of completions for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("Usage: manual FOLDER");
        return ExitCode::from(2);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Writes `man/postern*.1`, a page for each command, and `completions/`.
fn write(folder: &Path) -> io::Result<()> {
    let (pages, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(Cli::with_sendmail(), pages)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut Cli::with_sendmail(), "postern", &completions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of pages of a command and of those below it.
    fn pages(command: &clap::Command, above: &str, found: &mut Vec<String>) {
        let name = format!("{above}{}", command.get_name());
        found.push(format!("{name}.1"));
        for sub in command.get_subcommands() {
            pages(sub, &format!("{name}-"), found);
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_options() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path()).expect("written");
        let mut expected = Vec::new();
        pages(&Cli::with_sendmail(), "", &mut expected);
        assert!(expected.len() > 10, "{expected:?}");
        for page in expected {
            let path = folder.path().join("man").join(&page);
            let text = fs::read_to_string(&path);
            let text = text.unwrap_or_else(|error| panic!("{page}: {error}"));
            assert!(text.contains(".SH NAME"), "{page}: {text}");
        }
        let serve = folder.path().join("man/postern-serve.1");
        let serve = fs::read_to_string(serve).expect("the page of serve");
        for named in ["public\\-url", "POSTERN_PUBLIC_URL"] {
            assert!(serve.contains(named), "{named}: {serve}");
        }
    }

    #[test]
    fn completions_name_commands_and_options() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path()).expect("written");
        for name in ["postern.bash", "postern.fish", "_postern"] {
            let path = folder.path().join("completions").join(name);
            let text = fs::read_to_string(&path);
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
            for named in ["public-url", "sendmail", "check-domain"] {
                assert!(text.contains(named), "{named} in {name}");
            }
        }
    }
}
