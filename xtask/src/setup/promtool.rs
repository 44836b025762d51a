//! Finds `promtool` of Prometheus, or takes it out of Debian's package.

use super::{apt, programs::on_path};
use crate::{console, workspace};
use anyhow::Result;
use std::{fs, path::PathBuf};

/// The program, where it is on the path or was unpacked before.
pub fn find() -> Option<PathBuf> {
    let unpacked = unpacked();
    on_path("promtool").or_else(|| unpacked.is_file().then_some(unpacked))
}

/// The program, unpacked on first use. The package is 19 MB to download, the program 48 MB on disk.
pub fn unpack() -> Result<PathBuf> {
    if let Some(program) = find() {
        return Ok(program);
    }
    let step = console::step("Unpack promtool");
    fs::create_dir_all(workspace::cache_dir())?;
    apt::extract("prometheus", "usr/bin/promtool", &unpacked())?;
    step.done("unpacked");
    Ok(unpacked())
}

fn unpacked() -> PathBuf {
    workspace::cache_dir().join("promtool")
}
