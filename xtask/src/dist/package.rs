//! Builds what is packaged, and makes the packages with cargo-deb.

use crate::{
    build, console,
    run::{cargo, run},
    setup::{cargo_deb, programs},
};
use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// The packages of this version.
pub struct Packages {
    pub postern: PathBuf,
    pub mta: PathBuf,
}

/// Builds the executable, its man pages and completions, and packages them.
pub fn build() -> Result<Packages> {
    // It finds the packages of the libraries that the executable needs.
    programs::require("dpkg-shlibdeps", "dpkg-dev")?;
    let program = build::dist()?;
    let folder = program.with_file_name("package");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    // What the container file copies.
    fs::copy(&program, folder.join("postern"))?;

    let step = console::step("Write man pages and completions");
    run(cargo()
        .args(["run", "--quiet", "--package", "manual", "--"])
        .arg(&folder))?;
    compress(&folder.join("man"))?;
    step.done("written");

    let step = console::step("Make the Debian packages");
    run(&mut packager(&folder)?)?;
    run(packager(&folder)?.args(["--variant", "mta"]))?;
    let packages = Packages {
        postern: package(&folder, "postern_")?,
        mta: package(&folder, "postern-mta_")?,
    };
    step.done(&format!(
        "an executable of {}, a package of {}",
        megabytes(&program)?,
        megabytes(&packages.postern)?
    ));
    Ok(packages)
}

/// Makes `postern` of the same files with another version, and returns its path.
pub fn with_version(version: &str, folder: &Path, packages: &Packages) -> Result<PathBuf> {
    let content = folder.join("content");
    run(Command::new("dpkg-deb")
        .arg("--raw-extract")
        .args([&packages.postern, &content]))?;
    let control = content.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let lines = text.lines().map(|line| match line.starts_with("Version:") {
        true => format!("Version: {version}\n"),
        false => format!("{line}\n"),
    });
    fs::write(&control, lines.collect::<String>())?;
    let path = folder.join(format!("postern_{version}.deb"));
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Zgzip", "-z1", "--build"])
        .args([&content, &path]))?;
    fs::remove_dir_all(content)?;
    Ok(path)
}

/// cargo-deb for the metadata in `server/Cargo.toml`, with the packages in `folder`.
fn packager(folder: &Path) -> Result<Command> {
    let mut command = cargo_deb::command()?;
    command
        .args(["--no-build", "--locked", "--package", "server", "--output"])
        .arg(folder);
    Ok(command)
}

/// Compresses every file of a folder with gzip, without a time, so that the same input is the same output.
fn compress(folder: &Path) -> Result<()> {
    let entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    for path in entries.iter().map(fs::DirEntry::path) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(&path)?)?;
        fs::write(format!("{}.gz", path.display()), encoder.finish()?)?;
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The package in `folder` whose name begins with `name`.
fn package(folder: &Path, name: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.starts_with(name) && file.ends_with(".deb") {
            return Ok(entry.path());
        }
    }
    bail!("cargo-deb made no {name}*.deb in {}", folder.display());
}

fn megabytes(path: &Path) -> Result<String> {
    let bytes = fs::metadata(path)?.len();
    Ok(format!("{:.1} MB", bytes as f64 / 1e6))
}
