//! `postern doctor` from outside: its findings, its exit code, and that it changes nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["doctor", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(arguments)
        .output()
        .expect("it runs")
}

/// The state and the repair of a check.
fn finding<'f>(found: &'f Value, check: &str) -> &'f Value {
    let findings = found["findings"].as_array().expect("findings");
    let of_check = findings.iter().find(|finding| finding["check"] == check);
    of_check.unwrap_or_else(|| panic!("no {check} in {found}"))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn a_folder_before_the_first_start_has_no_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = doctor(folder.path(), &["--json"]);
    let found = json(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    for check in ["data folder", "keys", "database", "command socket", "DNS"] {
        assert_eq!(finding(&found, check)["state"], "ok", "{found}");
    }
    for check in ["public URL", "relay"] {
        assert_eq!(finding(&found, check)["state"], "warning", "{found}");
    }
    let left = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0, "nothing was made");
    let text = doctor(folder.path(), &[]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("ok       data folder "), "{text}");
    assert!(text.contains("         repair: "), "{text}");
}

#[test]
fn a_fault_has_its_repair_and_the_exit_code_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, Permissions::from_mode(0o777)).expect("permissions");
    let output = doctor(&data, &["--json"]);
    let found = json(&output);
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert_eq!(found["state"], "fault");
    let repair = finding(&found, "data folder")["repair"].as_str();
    let repair = repair.expect("a repair");
    assert!(repair.contains("chmod go-w "), "{repair}");

    let half = doctor(folder.path(), &["--json", "--tls-cert", "cert.pem"]);
    let found = json(&half);
    assert_eq!(half.status.code(), Some(1), "{found}");
    assert_eq!(finding(&found, "certificate")["state"], "fault", "{found}");
    let invalid = doctor(folder.path(), &["--listen", "nowhere"]);
    assert_eq!(invalid.status.code(), Some(2));
}
