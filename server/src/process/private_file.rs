//! Reads files with secrets, which only their owner may read.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The folder of the credentials that the service manager gave this process.
pub fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// The text of a file with a secret, which `named` names in errors.
///
/// # Errors
/// Where it cannot be read, and where others than its owner can read it and it is not one of the
/// [`credentials`].
pub fn read(named: &str, path: &Path) -> Result<String, Box<dyn Error>> {
    read_in(credentials().as_deref(), named, path)
}

fn read_in(credentials: Option<&Path>, named: &str, path: &Path) -> Result<String, Box<dyn Error>> {
    let failed = |error: io::Error| format!("{named} cannot be read: {error}");
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    // Where the service manager gives access to a credential by a list, the mode has bits of the group.
    let is_credential = credentials.is_some() && path.parent() == credentials;
    if mode & 0o077 != 0 && !is_credential {
        let path = path.display();
        let text = format!(
            "the file of {named} can be read by others; make it private with: chmod 600 {path}"
        );
        return Err(text.into());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_refused_unless_it_is_a_credential() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("postern_database");
        fs::write(&file, "postgres://localhost/postern\n").expect("written");
        let read = |mode, credentials| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("permissions");
            read_in(credentials, "POSTERN_DATABASE_FILE", &file)
        };
        for (mode, credentials) in [
            (0o600, None),
            (0o440, Some(folder.path())),
            (0o400, Some(folder.path())),
        ] {
            let text = read(mode, credentials).expect("read");
            assert_eq!(text.trim(), "postgres://localhost/postern", "{mode:o}");
        }
        for credentials in [None, Some(Path::new("/run/credentials/postern.service"))] {
            let refused = read(0o440, credentials).expect_err("others can read it");
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
    }
}
