//! Bundles the stylesheet and adds icons and fonts under hashed names.

use super::site_dir::{SiteDir, files};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Adds `assets/*`, then `main.css` with every `@import "….css";` replaced by that file.
pub fn add(folder: &mut SiteDir, style: &Path) -> Result<()> {
    let mut css = without_comments(&gather(style, "main.css")?);
    for asset in files(&style.join("assets"))? {
        let name = asset
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let hashed = folder.add_hashed(&name, &fs::read(&asset)?)?;
        css = css.replace(&format!("assets/{name}"), &hashed);
    }
    folder.add_hashed("main.css", css.as_bytes())?;
    Ok(())
}

fn gather(style: &Path, file: &str) -> Result<String> {
    let path = style.join(file);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut all = String::new();
    for line in text.lines() {
        match line
            .strip_prefix("@import \"")
            .and_then(|rest| rest.strip_suffix("\";"))
        {
            Some(imported) => all.push_str(&gather(style, imported)?),
            None => all.push_str(line),
        }
        all.push('\n');
    }
    Ok(all)
}

/// Removes block comments, comment lines, indentation and empty lines. Comments must begin at the
/// beginning of a line, as they do in our CSS and in wasm-bindgen's JavaScript.
pub fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if inside || line.starts_with("/*") {
            inside = !line.ends_with("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::without_comments;

    #[test]
    fn comments_are_removed_and_code_is_kept() {
        let text = "/**\n * @param {number} a\n */\nfunction f(a) {\n    // why\n    return a * 2; // kept\n}\n\n/* one line */\nlet url = 'http://x';\n";
        assert_eq!(
            without_comments(text),
            "function f(a) {\nreturn a * 2; // kept\n}\nlet url = 'http://x';\n"
        );
    }
}
