//! Embeds the built site, the folder that `POSTERN_SITE` names, into the binary.
//!
//! `cargo xtask build` makes that folder. Without it the table is empty, so that `cargo check` and
//! `cargo test` need no WebAssembly.

use std::{
    env, fs,
    io::{Error, Result},
    path::{Path, PathBuf},
};

fn main() -> Result<()> {
    println!("cargo::rerun-if-env-changed=POSTERN_SITE");
    println!("cargo::rerun-if-changed=build.rs");

    let table = match env::var_os("POSTERN_SITE") {
        Some(site) => {
            let site = PathBuf::from(site).canonicalize()?;
            println!("cargo::rerun-if-changed={}", site.display());
            table(&site)?
        }
        None => "static TABLE: &[Asset] = &[];\n".to_owned(),
    };
    let out = env::var_os("OUT_DIR").ok_or_else(|| Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("assets.rs"), table)
}

/// One `Asset` per line `<name in the sources> <path on the site>` of the site's manifest.
fn table(site: &Path) -> Result<String> {
    let mut code = String::from("static TABLE: &[Asset] = &[\n");
    for line in fs::read_to_string(site.join("manifest"))?.lines() {
        let (name, path) = line
            .split_once(' ')
            .ok_or_else(|| Error::other(format!("not a line of a manifest: {line}")))?;
        let plain = site.join(path);
        let embed = |suffix: &str| {
            let file = PathBuf::from(format!("{}{suffix}", plain.display()));
            match file.exists() {
                true => format!("Some(include_bytes!({file:?}))"),
                false => "None".to_owned(),
            }
        };
        code.push_str(&format!(
            "    Asset {{ name: {name:?}, path: {:?}, plain: include_bytes!({plain:?}), brotli: {}, gzip: {} }},\n",
            format!("/{path}"),
            embed(".br"),
            embed(".gz"),
        ));
    }
    code.push_str("];\n");
    Ok(code)
}
