//! What must hold for any configuration file: the body of the fuzz target, compiled and replayed in
//! every build. Nothing is opened: files that name others are read without those keys.

use serde_json::{Map, Value};

use super::{Loaded, Sources, file, load_over};

/// Reads `data` as a configuration file.
///
/// # Panics
/// When a rule is broken.
pub fn fuzz(data: &[u8]) {
    let _ = read(data);
}

/// `None`: not text. An error: the mistakes, as a person is told.
fn read(data: &[u8]) -> Option<Result<Loaded, Vec<String>>> {
    let text = std::str::from_utf8(data).ok()?;
    let mut tree = match file::parse(text) {
        Ok(tree) => tree,
        Err(what) => {
            assert!(what.starts_with("is not valid YAML"), "{what}");
            return Some(Err(vec![what]));
        }
    };
    without_files(&mut tree);
    match load_over(tree, &Sources::default(), &Map::new(), |_, _| {}) {
        Ok(loaded) => {
            // Read again, the same file changes nothing; each key is told once.
            let again = file::parse(text).map(|mut tree| {
                without_files(&mut tree);
                load_over(tree, &Sources::default(), &Map::new(), |_, _| {})
            });
            let again = again.expect("it was valid before").expect("it was good before");
            assert!(loaded.differing(&again).is_empty());
            let mut keys: Vec<_> = loaded.shown.iter().map(|shown| shown.key.as_str()).collect();
            let told = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), told, "a key is told once");
            Some(Ok(loaded))
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            let tell = |problem: &control::settings::Problem| {
                assert!(!problem.what.is_empty(), "{}", problem.key);
                problem.to_string()
            };
            Some(Err(problems.iter().map(tell).collect()))
        }
    }
}

fn without_files(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|key, _| !key.ends_with("_file") && !key.ends_with("_files"));
        map.remove("tls");
        map.values_mut().for_each(without_files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus_tests as corpus;

    #[test]
    fn each_file_is_read_as_its_name_says() {
        for (name, data) in corpus::files("config") {
            let outcome = read(&data).map(|outcome| outcome.map(|_| ()));
            assert_eq!(matches!(outcome, Some(Ok(()))), name.starts_with("valid-"), "{name}: {outcome:?}");
        }
    }

    #[test]
    fn no_small_change_breaks_a_rule() {
        corpus::bent("config", 2_000, fuzz);
    }
}
