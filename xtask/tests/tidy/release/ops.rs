//! The dashboard and the alert rules in `ops/`: their form, and that Postern has their metrics.

use crate::files::{expect_none, root};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// Where the names of the metrics are.
const METRICS: &str = "server/src/http/monitoring/metrics.rs";

const DASHBOARD: &str = "ops/grafana-dashboard.json";
const RULES: &str = "ops/prometheus-rules.yml";
const TESTS: &str = "ops/prometheus-rules.test.yml";

/// What Prometheus adds to the name of a histogram.
const HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the file can be read")
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("postern_")).collect()
}

/// The name without what a histogram adds.
fn base(name: &str) -> &str {
    let mut ends = HISTOGRAM.iter();
    ends.find_map(|end| name.strip_suffix(*end)).unwrap_or(name)
}

#[test]
fn ops_has_the_metrics_of_the_program() {
    let source = read(METRICS);
    let (source, _) = source.split_once("#[cfg(test)]").expect("it has tests");
    let known = names(source);
    assert!(known.len() > 5, "the names of the metrics were not found");
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for path in [DASHBOARD, RULES, TESTS] {
        let text = read(path);
        for name in names(&text) {
            used.insert(base(name).to_owned());
            if !known.contains(base(name)) {
                found.push(format!("{path}: {METRICS} has no {name}"));
            }
        }
    }
    let unused = known.iter().filter(|name| !used.contains(base(name)));
    found.extend(unused.map(|name| format!("{name} is on no panel and in no alert")));
    expect_none("ops/ is made of the metrics of Postern", found);
}

#[test]
fn the_dashboard_is_complete() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    assert_eq!(dashboard["uid"], "postern");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap_or_default();
        if !ids.insert(panel["id"].as_u64().expect("an id")) {
            found.push(format!("{title}: its id is in use"));
        }
        let grid = &panel["gridPos"];
        let (x, width) = (grid["x"].as_u64(), grid["w"].as_u64());
        if x.zip(width).is_none_or(|(x, width)| x + width > 24) {
            found.push(format!("{title}: wider than the grid"));
        }
        if panel["type"] == "row" {
            continue;
        }
        if !titles.insert(title) {
            found.push(format!("two panels {title:?}"));
        }
        let targets = panel["targets"].as_array().expect("targets");
        let expressions = targets.iter().filter_map(|target| target["expr"].as_str());
        if targets.is_empty() || expressions.clone().count() != targets.len() {
            found.push(format!("{title}: a query without expression"));
        }
        for expression in expressions {
            if !expression.contains("job=\"$job\"") || !is_balanced(expression) {
                found.push(format!("{title}: {expression}"));
            }
        }
        if panel["description"].as_str().is_none_or(str::is_empty) {
            found.push(format!("{title}: no description"));
        }
    }
    expect_none("The dashboard is complete", found);
}

/// Whether each bracket that is opened is closed.
fn is_balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    for character in expression.chars() {
        match character {
            '(' => open.push(')'),
            '{' => open.push('}'),
            '[' => open.push(']'),
            ')' | '}' | ']' if open.pop() != Some(character) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// An alert: its name, and the lines of its rule.
fn alerts(rules: &str) -> Vec<(&str, &str)> {
    let rules = rules.split("\n      - alert: ").skip(1);
    rules.filter_map(|rule| rule.split_once('\n')).collect()
}

#[test]
fn alerts_are_complete_and_tested() {
    let (rules, tests) = (read(RULES), read(TESTS));
    let alerts = alerts(&rules);
    assert!(alerts.len() > 8, "the alerts were not found");
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, rule) in alerts {
        if !seen.insert(name) {
            found.push(format!("{name} is defined twice"));
        }
        for part in [
            "\n        for: ",
            "\n        labels:\n          severity: ",
            "\n        annotations:\n          summary: ",
            "\n          description: ",
        ] {
            if !rule.contains(part) {
                found.push(format!("{name}: no {}", part.trim()));
            }
        }
        let expression = rule.strip_prefix("        expr: ");
        if expression.is_none_or(|rest| !is_balanced(rest.split(" for: ").next().unwrap_or(rest))) {
            found.push(format!("{name}: no expression, or a bracket too many"));
        }
        let severity = rule.split_once("severity: ").map(|(_, rest)| rest);
        let severity = severity.and_then(|rest| rest.lines().next());
        if !matches!(severity, Some("warning" | "critical")) {
            found.push(format!("{name}: severity {severity:?}"));
        }
        let is_tested = tests.contains(&format!("alertname: {name}\n"))
            || tests.contains(&format!("alertname=\"{name}\""));
        if !is_tested {
            found.push(format!("{name}: no unit test"));
        }
    }
    expect_none("Each alert is complete and has a unit test", found);
}

#[test]
fn names_are_found_in_expressions() {
    let expression = "sum(rate(postern_delivery_seconds_bucket{job=\"postern\"}[5m]))";
    assert_eq!(
        names(expression),
        BTreeSet::from(["postern_delivery_seconds_bucket"])
    );
    assert_eq!(
        base("postern_delivery_seconds_bucket"),
        "postern_delivery_seconds"
    );
    assert_eq!(base("postern_queue"), "postern_queue");
    assert!(is_balanced("max by (job) (x{a=\"b\"}[5m])"));
    assert!(!is_balanced("max(x]"));
}
