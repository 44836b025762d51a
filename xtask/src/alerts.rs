//! Checks the alerts and the dashboard in `ops/`, and tests the alerts, with promtool.

use crate::{console, guard::TempDir, run::run, workspace};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

const DASHBOARD: &str = "ops/grafana-dashboard.json";

/// Fails where a rule or a query of the dashboard is not valid, or an alert fires where it should not, or does
/// not where it should.
pub fn check(promtool: &Path) -> Result<()> {
    let step = console::step("Test the alert rules");
    for (what, file) in [
        ("check", "prometheus-rules.yml"),
        ("test", "prometheus-rules.test.yml"),
    ] {
        run_promtool(promtool, what, Path::new(file))?;
    }
    step.done("promtool");

    let step = console::step("Check the queries of the dashboard");
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(workspace::root().join(DASHBOARD))?)?;
    let folder = TempDir::create(&env::temp_dir(), "postern-dashboard")?;
    // JSON is YAML.
    let file = folder.0.join("dashboard.yml");
    fs::write(&file, format!("{:#}", recording_rules(&dashboard)))?;
    let checked = run_promtool(promtool, "check", &file);
    checked.with_context(|| format!("a query of {DASHBOARD} is not valid"))?;
    step.done("promtool");
    Ok(())
}

/// Runs a command of promtool on a file of rules. What is wrong is on standard error.
fn run_promtool(promtool: &Path, what: &str, file: &Path) -> Result<()> {
    run(Command::new(promtool)
        .args([what, "rules"])
        .arg(file)
        .current_dir(workspace::root().join("ops"))
        .stdout(Stdio::null()))
}

/// The queries of a dashboard as recording rules, each in a group that is named after its panel, as promtool
/// reports the group of a rule that is not valid.
fn recording_rules(dashboard: &Value) -> Value {
    let mut queries = Vec::new();
    collect_queries(dashboard, "", &mut queries);
    let groups = queries.iter().zip(1..).map(|((owner, query), number)| {
        json!({
            "name": format!("{owner} (query {number})"),
            "rules": [{"record": format!("dashboard:query{number}"), "expr": with_values(query)}],
        })
    });
    json!({"groups": groups.collect::<Vec<_>>()})
}

/// Adds the queries in a value, each with the title of its panel, or the name of its variable or annotation.
fn collect_queries<'v>(value: &'v Value, owner: &'v str, queries: &mut Vec<(&'v str, &'v str)>) {
    match value {
        Value::Array(values) => {
            for value in values {
                collect_queries(value, owner, queries);
            }
        }
        Value::Object(fields) => {
            let [title, name] = ["title", "name"].map(|key| fields.get(key)?.as_str());
            let owner = title.or(name).unwrap_or(owner);
            for (key, value) in fields {
                match value.as_str().and_then(|text| promql(key, text)) {
                    Some(query) => queries.push((owner, query)),
                    None => collect_queries(value, owner, queries),
                }
            }
        }
        _ => {}
    }
}

/// The `PromQL` in a field; of `label_values(SELECTOR, LABEL)`, which only Grafana knows, it is the selector.
fn promql<'t>(key: &str, text: &'t str) -> Option<&'t str> {
    match key {
        "expr" => Some(text),
        "query" => {
            let (selector, _) = text.strip_prefix("label_values(")?.rsplit_once(',')?;
            Some(selector)
        }
        _ => None,
    }
}

/// The query with a value in the place of each variable of Grafana, `$name` or `${name}`.
fn with_values(query: &str) -> String {
    let mut parts = query.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let braced = part.strip_prefix('{').and_then(|part| part.split_once('}'));
        let (name, rest) = braced.unwrap_or_else(|| {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            part.split_at(end.unwrap_or(part.len()))
        });
        text += match name {
            "__rate_interval" | "__interval" | "__range" => "5m",
            // The end of a regular expression.
            "" => "$",
            _ => "postern",
        };
        text += rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_get_values() {
        for (query, expected) in [
            (
                "rate(a{job=\"$job\"}[$__rate_interval])",
                "rate(a{job=\"postern\"}[5m])",
            ),
            (
                "a{job=~\"${job:regex}|b$\"}[${__range}]",
                "a{job=~\"postern|b$\"}[5m]",
            ),
            ("a offset $__interval", "a offset 5m"),
            ("a", "a"),
        ] {
            assert_eq!(with_values(query), expected);
        }
    }

    #[test]
    fn queries_become_rules_of_their_panels() {
        let dashboard = json!({
            "title": "Postern",
            "panels": [{"title": "Mail", "panels": [
                {"title": "Errors", "targets": [{"expr": "a{job=\"$job\"}"}, {"expr": "b"}]},
            ]}],
            "templating": {"list": [
                {"name": "datasource", "query": "prometheus"},
                {"name": "job", "query": {"query": "label_values(c{d=\"e, f\"}, job)"}},
            ]},
        });
        let rules = recording_rules(&dashboard);
        let groups = rules["groups"].as_array().expect("groups");
        let found: Vec<_> = groups
            .iter()
            .map(|group| (group["name"].as_str(), group["rules"][0]["expr"].as_str()))
            .collect();
        let expected = [
            ("Errors (query 1)", "a{job=\"postern\"}"),
            ("Errors (query 2)", "b"),
            ("job (query 3)", "c{d=\"e, f\"}"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, query)| (Some(name), Some(query)))
        );
        assert_eq!(groups[2]["rules"][0]["record"], "dashboard:query3");
    }
}
