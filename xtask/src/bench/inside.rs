//! Benches that cargo runs, beside the code of rooms and in the guest with cameras: their lines of JSON.

use std::process::Command;

use serde_json::Value;

use crate::evidence;

/// What a bench measured.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) samples_ns: Vec<f64>,
}

/// Runs one bench and waits for it, which disturbs nobody: nothing else happens meanwhile.
pub(super) fn run(package: &str, bench: &str) -> Result<Vec<Measured>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["bench", "--locked", "--quiet", "--package", package, "--bench", bench];
    let run = Command::new(cargo).args(arguments).current_dir(evidence::root()).output();
    let run = run.map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&run.stdout);
    if !run.status.success() {
        return Err(format!("bench {bench} of {package}: {text}{}", String::from_utf8_lossy(&run.stderr)));
    }
    let measured: Vec<Measured> =
        text.lines().filter(|line| line.starts_with('{')).map(read).collect::<Result<_, _>>()?;
    if measured.is_empty() { Err(format!("bench {bench} of {package}: {text}")) } else { Ok(measured) }
}

fn read(line: &str) -> Result<Measured, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    let samples = value["samples"].as_array();
    let samples_ns: Vec<f64> = samples.into_iter().flatten().filter_map(Value::as_f64).collect();
    match value["name"].as_str() {
        Some(name) if !samples_ns.is_empty() && value["unit"] == "ns" => {
            Ok(Measured { name: name.to_owned(), samples_ns })
        }
        _ => Err(format!("no name, or no samples in ns: {line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_name_or_samples_is_no_figure() {
        let good = read(r#"{"name":"a b","unit":"ns","samples":[1,2.5]}"#).unwrap();
        assert_eq!((good.name.as_str(), good.samples_ns), ("a b", vec![1.0, 2.5]));
        for bad in [
            r#"{"unit":"ns","samples":[1]}"#,
            r#"{"name":"a","unit":"ns","samples":[]}"#,
            r#"{"name":"a","unit":"ms","samples":[1]}"#,
            "{",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
