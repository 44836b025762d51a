//! The running program, as commands in the configuration of applications name it.

use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

/// The program where its file has no name to write into a command: it is found by `PATH`.
const BY_PATH: &str = "postern";

/// The file of the running program, which the server crate provides as context; `None` where the system does not
/// say which it is.
#[derive(Clone, Debug, Default)]
pub struct ProgramFile(Option<Arc<Path>>);

impl ProgramFile {
    /// The file of this process. It is to be read at the start: a file that is replaced, as by an upgrade, has
    /// another name afterwards.
    pub fn running() -> Self {
        let file = env::current_exe().and_then(fs::canonicalize);
        Self(file.ok().map(Into::into))
    }

    /// A program with this file.
    #[cfg(test)]
    pub fn at(file: &str) -> Self {
        Self(Some(Path::new(file).into()))
    }

    /// Whether this is the file, whose path has no links.
    pub fn is(&self, file: &Path) -> bool {
        self.0.as_deref() == Some(file)
    }

    /// The file as a word of a shell, also between double quotes of `php.ini`.
    pub fn word(&self) -> String {
        match self.0.as_deref().and_then(Path::to_str) {
            Some(file) if file.chars().all(is_plain) => file.to_owned(),
            Some(file) if !file.chars().any(ends_quotes) => format!("'{file}'"),
            _ => BY_PATH.to_owned(),
        }
    }

    /// The file as a word of a shell that is a path.
    pub fn path_word(&self) -> String {
        match self.word() {
            word if word == BY_PATH => format!("\"$(command -v {BY_PATH})\""),
            word => word,
        }
    }
}

/// Whether a character needs no quotes.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "/._-+".contains(letter)
}

/// Whether a character means something between the single quotes of a shell, or between the double quotes of
/// `php.ini`.
fn ends_quotes(letter: char) -> bool {
    letter.is_control() || "'\"\\$".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_word_of_a_shell() {
        let found = "\"$(command -v postern)\"";
        for (file, word, path) in [
            ("/usr/bin/postern", "/usr/bin/postern", "/usr/bin/postern"),
            (
                "/opt/my app/postern",
                "'/opt/my app/postern'",
                "'/opt/my app/postern'",
            ),
            ("/opt/mara's/postern", "postern", found),
            ("/opt/${app}/postern", "postern", found),
            ("/opt/\"app\"/postern", "postern", found),
            ("/opt/app\n/postern", "postern", found),
        ] {
            let program = ProgramFile::at(file);
            assert_eq!(program.word(), word, "{file:?}");
            assert_eq!(program.path_word(), path, "{file:?}");
        }
        let unknown = ProgramFile::default();
        assert_eq!(
            (unknown.word().as_str(), unknown.path_word().as_str()),
            ("postern", found)
        );
    }

    #[test]
    fn the_running_program_is_known() {
        let file = env::current_exe().expect("a file");
        let file = fs::canonicalize(file).expect("a file");
        assert_eq!(ProgramFile::running().0.as_deref(), Some(file.as_path()));
    }
}
