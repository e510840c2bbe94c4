//! The guest as a machine: how QEMU is asked for it, what it is given and what comes out. Knows nothing of tests: it runs one
//! command. Without KVM, which CI has not: the processor is emulated, several times slower than the host's.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use tempfile::TempDir;

/// Set in the guest, and nowhere else.
const GUEST_VARIABLE: &str = "CAMERA_SERVICE_GUEST";
/// What else of our environment the guest's command gets.
const KEPT_VARIABLES: [&str; 2] = ["PATH", "CAMERA_SERVICE_BIN"];
/// Where host and guest both write, as the guest sees it.
const OUT: &str = "/out";
/// Whatever happens, the guest is gone after so many seconds.
const LIFE_LIMIT_S: u64 = 1500;
/// Longest line taken whole.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Lines that wait to be read.
const MAX_LINES: usize = 1000;
/// Lines of a log that are shown.
const SHOWN_LINES: usize = 30;

/// Does this program run in the guest?
pub fn is_guest() -> bool {
    std::env::var_os(GUEST_VARIABLE).is_some()
}

/// In the guest: the folder it shares with the host.
pub fn shared() -> PathBuf {
    OUT.into()
}

/// Makes kernel and first file system ready.
///
/// # Errors
/// Why this machine can have no guest, for a person.
pub fn prepare() -> Result<(), String> {
    let script = repository().join("scripts/vm.sh");
    let ended = Command::new(&script).stdin(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("cannot run {}: {error}", script.display()))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let last = said.lines().last().unwrap_or("scripts/vm.sh failed without a word");
    if ended.status.success() { Ok(()) } else { Err(last.to_owned()) }
}

/// A guest that runs. Dropped, it is ended.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    out: TempDir,
    lines: mpsc::Receiver<String>,
}

impl Machine {
    /// Boots one that runs `program` with these arguments in our working directory as root, and switches off. `fill` puts
    /// files into the shared folder first.
    ///
    /// # Panics
    /// If QEMU cannot be started.
    pub fn boot(program: &Path, arguments: &[&str], fill: impl FnOnce(&Path)) -> Self {
        let out = tempfile::tempdir().expect("the temporary folder can be written");
        fill(out.path());
        fs::write(out.path().join("command"), command(program, arguments))
            .expect("our own folder can be written");
        let mut qemu = qemu(out.path()).spawn().expect("scripts/vm.sh has found QEMU");
        let pipe = qemu.stdout.take().expect("it was asked for");
        let (tell, lines) = mpsc::sync_channel(MAX_LINES);
        std::thread::spawn(move || read(pipe, &tell));
        Self { qemu, out, lines }
    }

    /// The next line the command says, within `limit`.
    ///
    /// # Errors
    /// None came: it says nothing, or the machine is off.
    pub fn line(&self, limit: Duration) -> Result<String, mpsc::RecvTimeoutError> {
        self.lines.recv_timeout(limit)
    }

    /// What a log of the guest said last: `console` (the boot), `dmesg` (the kernel at the end) or `qemu`.
    pub fn last_words(&self, log: &str) -> String {
        let bytes = fs::read(self.out.path().join(log)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(SHOWN_LINES);
        format!("--- {log} of the guest\n{}\n", lines[skipped..].join("\n"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // An error: it has switched itself off. SIGTERM, which `timeout` passes on to QEMU; a kill would end it alone.
        let pid = self.qemu.id().to_string();
        let _ = Command::new("kill").arg(pid).stderr(Stdio::null()).status();
        let _ = self.qemu.wait();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// QEMU's command line. Each part was found to be needed, or to cost nothing:
/// - `-kernel` with an unpacked kernel, `-nodefaults`: the boot takes half as long;
/// - the whole file system by 9p, read-only: what is installed and built here runs there as it is;
/// - `stdio` on a virtual serial port: what the command says comes at once, and its standard input, a pipe that stays open,
///   keeps QEMU from closing the port.
fn qemu(out: &Path) -> Command {
    let vm = repository().join("target/vm");
    let share = |id: &str, path: &Path, options: &str| {
        let path = path.display();
        [
            "-fsdev".to_owned(),
            format!("local,id={id},path={path},security_model=none{options}"),
            "-device".to_owned(),
            format!("virtio-9p-pci,fsdev={id},mount_tag={id}"),
        ]
    };
    // Should we be ended ourselves, `timeout` is told, and ends QEMU.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "timeout"]);
    command.args(["--foreground", "--kill-after=5", &LIFE_LIMIT_S.to_string(), "qemu-system-x86_64"]);
    command.args("-machine pc -accel tcg,thread=multi -cpu max -m 2048 -smp 2".split(' '));
    command.args("-nodefaults -display none -monitor none -no-reboot".split(' '));
    command.arg("-kernel").arg(vm.join("kernel")).arg("-initrd").arg(vm.join("initrd"));
    let line = "console=ttyS0 quiet panic=-1 reboot=t mitigations=off random.trust_cpu=on net.ifnames=0";
    command.args(["-append", line, "-serial", &format!("file:{}", out.join("console").display())]);
    command.args(share("host", Path::new("/"), ",readonly=on,multidevs=remap"));
    command.args(share("udev", &vm.join("udev"), ",readonly=on"));
    command.args(share("out", out, ""));
    command.args("-device virtio-serial-pci -chardev stdio,id=said,signal=off".split(' '));
    command.args(["-device", "virtserialport,chardev=said,name=said"]);
    let words = fs::File::create(out.join("qemu")).expect("our own folder can be written");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(words);
    command
}

/// The script the guest runs.
fn command(program: &Path, arguments: &[&str]) -> String {
    let here = std::env::current_dir().expect("cargo starts tests in their package's folder");
    let kept = KEPT_VARIABLES
        .iter()
        .filter_map(|name| Some(format!("{name}={}", quoted(&std::env::var(name).ok()?))));
    let environment: Vec<String> = std::iter::once(format!("{GUEST_VARIABLE}=1")).chain(kept).collect();
    let program = program.to_string_lossy();
    let words: Vec<String> =
        std::iter::once(&*program).chain(arguments.iter().copied()).map(quoted).collect();
    format!(
        "cd {} || exit\nexport {}\nexec {}\n",
        quoted(&here.to_string_lossy()),
        environment.join(" "),
        words.join(" ")
    )
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn read(pipe: impl Read, tell: &mpsc::SyncSender<String>) {
    let mut pipe = BufReader::new(pipe);
    loop {
        let mut line = Vec::new();
        match (&mut pipe).take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            // An error: nobody listens any more.
            Ok(_) => _ = tell.send(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_script_keeps_every_word_whole() {
        let text = command(Path::new("/a b/vm"), &["it's", "x"]);
        assert!(text.ends_with("exec '/a b/vm' 'it'\\''s' 'x'\n"), "{text}");
        assert!(text.contains("CAMERA_SERVICE_GUEST=1 PATH='"), "{text}");
    }
}
