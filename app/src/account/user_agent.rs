//! The name of a browser, read from its User-Agent header.

/// As in `Firefox 143 on Linux`; an unknown User-Agent stays as it is.
pub fn name(user_agent: &str) -> String {
    let Some((browser, version)) = browser(user_agent) else {
        return user_agent.to_owned();
    };
    match system(user_agent) {
        Some(system) => format!("{browser} {version} on {system}"),
        None => format!("{browser} {version}"),
    }
}

/// The first match counts: Edge and Opera also send Chrome's token, Chrome also sends Safari's.
fn browser(user_agent: &str) -> Option<(&'static str, &str)> {
    [
        ("Edg/", "Edge"),
        ("EdgiOS/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
        ("curl/", "curl"),
    ]
    .into_iter()
    .find_map(|(token, name)| {
        let (_, after) = user_agent.split_once(token)?;
        let version = after.split(|c: char| !c.is_ascii_digit()).next()?;
        (!version.is_empty()).then_some((name, version))
    })
}

fn system(user_agent: &str) -> Option<&'static str> {
    [
        ("Windows", "Windows"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]
    .into_iter()
    .find_map(|(token, name)| user_agent.contains(token).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_user_agent_becomes_a_short_name() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
                "Firefox 143 on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge 140 on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
                "Chrome 141 on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari 26 on iPhone",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
                "Chrome 141 on Linux",
            ),
            ("curl/8.14.1", "curl 8"),
            ("something of its own", "something of its own"),
            ("", ""),
        ] {
            assert_eq!(name(user_agent), expected);
        }
    }
}
