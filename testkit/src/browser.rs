//! A real browser (Chromium, without a window): it opens one page of the test's, and the page says what it saw.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// From its start to the page's word: a small machine takes its time to load a browser.
const LIMIT: Duration = Duration::from_secs(60);
/// Longest word of a page: a picture in text.
const MAX_REPORT_BYTES: usize = 4 << 20;

/// The browser on PATH; `None`: there is none.
pub fn binary() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error: it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens `page` (the text of an HTML document) and gives what it posts to `/report`. `None`: there is no browser.
///
/// # Panics
/// If the page says nothing in time.
pub async fn report(page: &str) -> Option<String> {
    let binary = binary()?;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback is free");
    let address = listener.local_addr().expect("it is bound");
    let profile: TempDir = tempfile::tempdir().expect("the temporary folder can be written");
    let mut command = Command::new(binary);
    command
        .args(["--headless=new", "--disable-gpu", "--mute-audio", "--no-first-run", "--disable-extensions"])
        // Its own sandbox needs what a container or a root user has not; it opens nothing but our page.
        .args(["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"])
        // Addresses of this machine as they are, instead of names that need a resolver.
        .arg("--disable-features=WebRtcHideLocalIpsWithMdns")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{address}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let running = Running(command.spawn().expect("the browser can be run"));
    let reported = timeout(LIMIT, async {
        loop {
            let (stream, _) = listener.accept().await.expect("the port is ours");
            if let Some(report) = serve(stream, page).await {
                return report;
            }
        }
    });
    let report = reported.await.unwrap_or_else(|_| panic!("the page said nothing within {LIMIT:?}"));
    drop(running);
    Some(report)
}

/// Answers one request; `Some`: it was the report.
async fn serve(mut stream: TcpStream, page: &str) -> Option<String> {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if (&mut read).take(16 << 10).read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if first.is_empty() {
            line.clone_into(&mut first);
        }
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().ok()?;
        }
    }
    assert!(length <= MAX_REPORT_BYTES, "the page says too much");
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.ok()?;
    let (text, report) = match first.split(' ').nth(1) {
        Some("/") => (page, None),
        Some("/report") => ("", Some(String::from_utf8_lossy(&body).into_owned())),
        _ => ("", None),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    // An error: the browser has left.
    let _ = write.write_all((head + text).as_bytes()).await;
    report
}
