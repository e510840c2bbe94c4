//! An MQTT 3.1.1 broker as a publisher sees one (OASIS Standard, 29 October 2014): it takes a connection and
//! messages, and keeps what it was told. The world's edge: nobody can subscribe to it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Longest packet it takes.
const MAX_PACKET_BYTES: usize = 64 << 10;

/// What came, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Somebody connected.
    Connected {
        /// As whom.
        client_id: String,
        /// User and password.
        user: Option<(String, String)>,
        /// Topic and message that are published, to be kept, when it is gone without a goodbye.
        will: (String, String),
    },
    /// A message.
    Message {
        /// Its topic.
        topic: String,
        /// What it says.
        text: String,
        /// 0 or 1.
        qos: u8,
        /// Whoever subscribes later is told too.
        kept: bool,
    },
    /// A goodbye: the will is forgotten.
    Left,
    /// Gone without one.
    Lost,
}

impl Came {
    /// A message as JSON with its topic; `None`: it is no message, or says something else.
    pub fn event(&self) -> Option<(&str, Value)> {
        let Self::Message { topic, text, .. } = self else { return None };
        Some((topic, serde_json::from_str(text).ok()?))
    }
}

/// One that runs. Dropped, it is gone.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    came: Vec<Came>,
    /// Messages that are taken before it breaks the connection, without a word to the next; `None`: all are.
    takes: Option<usize>,
    /// Return codes of the next connections.
    refuses: Vec<u8>,
}

impl Broker {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                connections.spawn(async move {
                    // An error: the client has left, or was sent away.
                    if !matches!(serve(stream, &shared).await, Ok(true)) {
                        lock(&shared).came.push(Came::Lost);
                    }
                });
            }
        });
        Self { address, state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that came so far.
    pub fn came(&self) -> Vec<Came> {
        lock(&self.state).came.clone()
    }

    /// Refuses the next connections with these codes (section 3.2.2.3), one after the other.
    pub fn refuse(&self, codes: &[u8]) {
        lock(&self.state).refuses = codes.to_vec();
    }

    /// Takes so many messages more; the next breaks the connection, and after that all is well.
    pub fn break_after(&self, messages: usize) {
        lock(&self.state).takes = Some(messages);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `false`: somebody who was there is gone without a goodbye.
async fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<bool> {
    let mut stream = BufReader::new(stream);
    loop {
        let first = stream.read_u8().await?;
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = stream.read_u8().await?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        assert!(length <= MAX_PACKET_BYTES, "a packet of {length} bytes");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let mut body = Body(&body);
        match first {
            0x10 => {
                let code = connected(&mut body, state);
                stream.write_all(&[0x20, 2, 0, code]).await?;
                if code != 0 {
                    return Ok(true);
                }
            }
            0x30..=0x33 => {
                let (topic, qos) = (body.text(), first >> 1 & 3);
                let id = if qos > 0 { body.take(2).to_vec() } else { Vec::new() };
                let text = String::from_utf8_lossy(body.0).into_owned();
                {
                    let mut state = lock(state);
                    match &mut state.takes {
                        Some(0) => {
                            state.takes = None;
                            return Ok(false);
                        }
                        Some(left) => *left -= 1,
                        None => {}
                    }
                    state.came.push(Came::Message { topic, text, qos, kept: first & 1 != 0 });
                }
                if qos > 0 {
                    stream.write_all(&[&[0x40, 2], &*id].concat()).await?;
                }
            }
            0xc0 => stream.write_all(&[0xd0, 0]).await?,
            0xe0 => {
                lock(state).came.push(Came::Left);
                return Ok(true);
            }
            other => panic!("a publisher sends no packet {other:#x}"),
        }
    }
}

/// Notes who it is; gives the return code.
fn connected(body: &mut Body<'_>, state: &Mutex<State>) -> u8 {
    assert_eq!((body.text().as_str(), body.take(1)), ("MQTT", &[4][..]), "version 3.1.1");
    let flags = body.take(1)[0];
    assert_eq!(flags & 0b0011_1111, 0b0010_1110, "a clean session with a will that is kept");
    let keep_alive = body.take(2);
    assert_ne!(keep_alive, [0, 0], "a client that never shows a sign of life");
    let client_id = body.text();
    let will = (body.text(), body.text());
    let user = (flags & 0x80 != 0).then(|| (body.text(), body.text()));
    let mut state = lock(state);
    let code = if state.refuses.is_empty() { 0 } else { state.refuses.remove(0) };
    if code == 0 {
        state.came.push(Came::Connected { client_id, user, will });
    }
    code
}

/// What is left of a packet.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> String {
        let length = self.take(2);
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        String::from_utf8_lossy(self.take(length)).into_owned()
    }
}
