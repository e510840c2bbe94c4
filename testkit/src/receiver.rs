//! A web server of the test's own, to which the service posts events: it keeps what came, and answers as it is
//! told. The world's edge, which cannot be made to fail at will.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::hs256;

/// Most bytes of a request's head, and of its body.
const MAX_BYTES: u64 = 64 << 10;

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Answers with this status.
    Status(u16),
    /// Says nothing until [`Receiver::let_go`], and then 204.
    Hang,
    /// Breaks the connection.
    Break,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Method, path and version.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it was sent.
    pub body: String,
    /// What became of it.
    pub reply: Reply,
}

impl Delivery {
    /// The value of a header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// Is it signed with this key, as Standard Webhooks has it?
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signature = hs256::base64_hmac(key, format!("{id}.{timestamp}.{}", self.body).as_bytes());
        self.header("webhook-signature") == format!("v1,{signature}")
    }
}

/// One that runs. Dropped, it is gone.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    came: Mutex<(Vec<Delivery>, VecDeque<Reply>)>,
    held: watch::Sender<bool>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Vec<Delivery>, VecDeque<Reply>)> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    /// Starts one on a free port; it answers 204 where it is not told otherwise.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> Self {
        Self::start_behind(|stream| async { Some(stream) }.boxed()).await
    }

    /// The same behind what `wrap` makes of a connection: TLS, if need be.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start_behind<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        wrap: impl Fn(TcpStream) -> BoxFuture<'static, Option<S>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Shared { came: Mutex::default(), held: watch::Sender::new(true) });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let Some(stream) = wrap(stream).await else { continue };
                let shared = shared.clone();
                // An error: the client has left.
                connections.spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Self { address, state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does with the next requests, one after the other.
    pub fn reply_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().1.extend(replies);
    }

    /// Answers what it has left hanging, and hangs no more.
    pub fn let_go(&self) {
        self.state.held.send_replace(false);
    }

    /// All that has come so far.
    pub fn came(&self) -> Vec<Delivery> {
        self.state.lock().0.clone()
    }

    /// What it has taken so far: answered with a status below 300.
    pub fn taken(&self) -> Vec<Delivery> {
        let mut came = self.came();
        came.retain(|one| matches!(one.reply, Reply::Hang | Reply::Status(200..300)));
        came
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if (&mut stream).take(MAX_BYTES).read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let headers: Vec<(String, String)> = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
        assert!(length as u64 <= MAX_BYTES, "an event of {length} bytes");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let reply = {
            let mut state = shared.lock();
            let reply = state.1.pop_front().unwrap_or(Reply::Status(204));
            let line = lines.first().cloned().unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            state.0.push(Delivery { line, headers, body, reply });
            reply
        };
        let status = match reply {
            Reply::Break => return Ok(()),
            Reply::Status(status) => status,
            Reply::Hang => {
                // An error: the test is over.
                let _ = shared.held.subscribe().wait_for(|held| !held).await;
                204
            }
        };
        let length = if status == 204 { "" } else { "Content-Length: 0\r\n" };
        let location = if (300..400).contains(&status) { "Location: /elsewhere\r\n" } else { "" };
        stream.write_all(format!("HTTP/1.1 {status} As told\r\n{length}{location}\r\n").as_bytes()).await?;
    }
}
