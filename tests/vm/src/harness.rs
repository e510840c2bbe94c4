//! The test program itself: what it is asked for on its command line, and how it runs its tests, which is in the guest and
//! one after the other, for there is one set of cameras. What the host does is in `host`.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use testkit::eventually;

use crate::{host, machine, nodes};

/// From a test's end until the kernel has taken its cameras away.
const LEAVING_LIMIT: Duration = Duration::from_secs(10);

/// One test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// `module::function`.
    pub name: &'static str,
    /// It panics if it fails.
    pub body: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

/// What the command line asks for: as much of the standard harness's language as cargo and people use.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    list: bool,
    exact: bool,
    names: Vec<String>,
    skip: Vec<String>,
}

impl Request {
    fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut request = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => request.list = true,
                "--exact" => request.exact = true,
                "--skip" => request.skip.extend(arguments.next()),
                // They have a value, and mean nothing here.
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => _ = arguments.next(),
                flag if flag.starts_with('-') => {}
                name => request.names.push(name.to_owned()),
            }
        }
        request
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |wanted: &String| if self.exact { name == wanted } else { name.contains(wanted.as_str()) };
        (self.names.is_empty() || self.names.iter().any(fits)) && !self.skip.iter().any(fits)
    }
}

/// Runs what the command line asks for: in the guest here and now, on the host by booting one.
pub fn run(tests: &[Test]) -> ExitCode {
    let request = Request::parse(std::env::args().skip(1));
    let chosen: Vec<Test> = tests.iter().filter(|test| request.wants(test.name)).copied().collect();
    if request.list {
        for test in &chosen {
            println!("{}: test", test.name);
        }
        println!("\n{} tests, 0 benchmarks", chosen.len());
        return ExitCode::SUCCESS;
    }
    if !machine::is_guest() {
        let names: Vec<&str> = chosen.iter().map(|test| test.name).collect();
        return host::run(&names, tests.len() - chosen.len());
    }
    for test in chosen {
        let began = Instant::now();
        let passed = passes(test);
        let (verdict, took) = (if passed { "ok" } else { "FAILED" }, began.elapsed().as_secs_f64());
        println!("test {} ... {verdict} <{took:.1}s>", test.name);
    }
    ExitCode::SUCCESS
}

/// A test passes if it does not panic and leaves no camera behind.
fn passes(test: Test) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a fresh guest has descriptors enough for a runtime");
    let good = catch_unwind(AssertUnwindSafe(|| runtime.block_on((test.body)()))).is_ok();
    // Whatever the test's own outcome: the next one must begin on an empty machine.
    let empty = async || nodes::all().is_empty().then_some(());
    let left = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(eventually("the test's cameras are gone", LEAVING_LIMIT, empty));
    }));
    good && left.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_the_standard_harness_is_understood() {
        let request = |line: &str| Request::parse(line.split_whitespace().map(str::to_owned));
        for (line, wanted) in [
            ("", true),
            ("a::b", true),
            ("::", true),
            ("other", false),
            ("other a", true),
            ("--exact a::", false),
            ("--exact a::b", true),
            ("--skip a::", false),
            ("--nocapture --test-threads 1", true),
        ] {
            assert_eq!(request(line).wants("a::b"), wanted, "{line}");
        }
        assert!(request("--list").list && !request("list").list);
    }
}
