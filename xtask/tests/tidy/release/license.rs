//! Evaluates SPDX license expressions.

/// Whether the expression can be satisfied with licenses that are `allowed`. `OR` binds less than
/// `AND`; `/` is the older form of `OR`.
pub fn permits(expression: &str, mut allowed: impl FnMut(&str) -> bool) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "+WITH+");
    let mut words = spaced.split_whitespace().peekable();
    let permitted = any(&mut words, &mut |name| {
        allowed(&name.replace("+WITH+", " WITH "))
    });
    permitted && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut permitted = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        // Every part is evaluated, so that the parser reaches the end.
        permitted |= all(words, allowed);
    }
    permitted
}

fn all(words: &mut Words<'_>, allowed: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut permitted = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        permitted &= one(words, allowed);
    }
    permitted
}

fn one(words: &mut Words<'_>, allowed: &mut dyn FnMut(&str) -> bool) -> bool {
    match words.next() {
        Some("(") => {
            let permitted = any(words, allowed);
            permitted & words.next_if_eq(&")").is_some()
        }
        Some(name) => allowed(name),
        None => false,
    }
}

#[test]
fn expressions_are_evaluated() {
    let allowed = |name: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&name);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("GPL-3.0 OR MIT AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("", false),
        ("MIT MIT", false),
    ] {
        assert_eq!(permits(expression, allowed), expected, "{expression}");
    }
}
