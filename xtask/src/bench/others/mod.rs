//! Mail servers that Postern is compared with, and programs that submit and receive mail for both.

pub mod exim;
pub mod opensmtpd;
pub mod postfix;
pub mod smtp_tools;

use crate::guard::TempDir;
use anyhow::Result;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// A folder below `root/srv` that the servers, which run as other users, may enter.
fn folder(root: &Path, name: &str) -> Result<TempDir> {
    let folder = TempDir::create(&root.join("srv"), name)?;
    fs::set_permissions(&folder.0, Permissions::from_mode(0o755))?;
    Ok(folder)
}
