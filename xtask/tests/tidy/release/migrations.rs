//! SQLite and PostgreSQL have the same migrations.

use crate::files;
use std::collections::BTreeSet;

#[test]
fn both_databases_have_the_same_migrations() {
    assert_eq!(names("migrations/sqlite/"), names("migrations/postgres/"));
}

fn names(folder: &str) -> BTreeSet<String> {
    let all = files::all().into_iter();
    all.filter_map(|file| file.path.strip_prefix(folder).map(str::to_owned))
        .collect()
}
