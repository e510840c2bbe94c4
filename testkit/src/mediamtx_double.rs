//! An HTTP server that answers like the API of a MediaMTX, and can be told to fail as one does: for what a real one
//! cannot be made to do at will. Its answers are those that real ones gave (`testdata/mediamtx`); what it is
//! told, it keeps or forgets.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Most bytes of a request's head.
const MAX_HEAD_BYTES: u64 = 16 << 10;

/// Which one it is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Empty bodies, no version told: 1.13.1.
    Old,
    /// A word in each body: 1.20.1.
    New,
}

/// What it does instead of answering well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It answers well.
    Well,
    /// It takes a request and says nothing until the client leaves.
    Silent,
    /// It answers everything with this status.
    Status(u16),
    /// It answers with what is no JSON.
    Garbage,
    /// It says yes to every change and makes none.
    Lies,
    /// It makes a change and breaks the connection before it says so.
    Breaks,
    /// It closes the connection after each answer.
    Closes,
}

/// One that runs. Dropped, it is gone.
#[derive(Debug)]
pub struct MediaMtxDouble {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    recorded: Value,
    mood: Mood,
    paths: BTreeMap<String, Map<String, Value>>,
    /// Every change it was asked for: method and path.
    writes: Vec<String>,
    /// Who watches by WebRTC: the path of each session's id.
    sessions: BTreeMap<String, String>,
}

/// What a real one of that generation answered: by name, `{request, status, body}`.
///
/// # Panics
/// If the recording cannot be read.
pub fn recorded(generation: Generation) -> Value {
    let text = match generation {
        Generation::Old => include_str!("../testdata/mediamtx/1.13.1.json"),
        Generation::New => include_str!("../testdata/mediamtx/1.20.1.json"),
    };
    serde_json::from_str(text).expect("the recording is JSON")
}

impl MediaMtxDouble {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(generation: Generation) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback is free");
        let address = listener.local_addr().expect("it is bound");
        let recorded = recorded(generation);
        let state = State {
            recorded,
            mood: Mood::Well,
            paths: BTreeMap::new(),
            writes: Vec::new(),
            sessions: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // An error: the client has left.
                let shared = shared.clone();
                connections.spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Self { address, state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does from now on.
    pub fn set_mood(&self, mood: Mood) {
        lock(&self.state).mood = mood;
    }

    /// It has been restarted: it knows nothing any more.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        state.paths.clear();
        state.writes.clear();
    }

    /// Somebody else has made or changed a path.
    pub fn put(&self, name: &str, fields: &Value) {
        let fields = fields.as_object().cloned().unwrap_or_default();
        lock(&self.state).paths.entry(name.to_owned()).or_default().extend(fields);
    }

    /// Somebody watches a path by WebRTC, of whom nothing is told, as versions before 1.17 do not.
    pub fn watch(&self, id: &str, path: &str) {
        lock(&self.state).sessions.insert(id.to_owned(), path.to_owned());
    }

    /// The fields of a path.
    pub fn path(&self, name: &str) -> Option<Value> {
        lock(&self.state).paths.get(name).cloned().map(Value::Object)
    }

    /// Names of the paths it has.
    pub fn paths(&self) -> Vec<String> {
        lock(&self.state).paths.keys().cloned().collect()
    }

    /// The changes it was asked for since it last forgot: `POST /v3/..`.
    pub fn writes(&self) -> Vec<String> {
        lock(&self.state).writes.clone()
    }
}

impl Drop for MediaMtxDouble {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        let mut head = (&mut read).take(MAX_HEAD_BYTES);
        loop {
            let mut line = String::new();
            if head.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            if request.is_empty() {
                line.clone_into(&mut request);
            }
            if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        read.read_exact(&mut body).await?;
        let mood = lock(state).mood;
        if mood == Mood::Silent {
            read.read_to_end(&mut Vec::new()).await?;
            return Ok(());
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, answer) = match mood {
            Mood::Status(status) => (status, r#"{"error":"of no interest"}"#.to_owned()),
            Mood::Garbage => (200, "<html>welcome to your router</html>".to_owned()),
            _ => lock(state).answer(method, path, &body),
        };
        if mood == Mood::Breaks && method != "GET" {
            return Ok(());
        }
        let close = if mood == Mood::Closes { "Connection: close\r\n" } else { "" };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{close}\r\n", answer.len());
        write.write_all((head + &answer).as_bytes()).await?;
        if mood == Mood::Closes {
            return Ok(());
        }
    }
}

impl State {
    fn recorded(&self, name: &str) -> (u16, String) {
        let answer = &self.recorded[name];
        let body = match &answer["body"] {
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        (answer["status"].as_u64().unwrap_or(500) as u16, body)
    }

    fn answer(&mut self, method: &str, target: &str, body: &[u8]) -> (u16, String) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if method != "GET" {
            self.writes.push(format!("{method} {path}"));
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        match (method, path) {
            ("GET", "/v3/info") => self.recorded("info"),
            ("POST", "/v3/auth/jwks/refresh") => self.recorded("refresh"),
            ("GET", "/v3/config/pathdefaults/get") => self.recorded("defaults"),
            ("GET", "/v3/config/global/get") => {
                let mut global = self.recorded["global"]["body"].clone();
                global["authMethod"] = json!("jwt");
                (200, global.to_string())
            }
            ("GET", "/v3/config/paths/list") => {
                let items: Vec<Value> =
                    self.paths.iter().map(|(name, fields)| self.listed(name, fields)).collect();
                (200, page(&items, query))
            }
            ("GET", "/v3/paths/list") => {
                let one = &self.recorded["running"]["body"]["items"][0];
                let named = |name: &String| {
                    let mut path = one.clone();
                    path["name"] = json!(name);
                    let of_it = self.sessions.iter().filter(|(_, path)| *path == name);
                    let reader = |(id, _): (&String, &String)| json!({"type": "webRTCSession", "id": id});
                    path["readers"] = of_it.map(reader).collect();
                    path
                };
                (200, page(&self.paths.keys().map(named).collect::<Vec<_>>(), query))
            }
            ("GET", "/v3/webrtcsessions/list") => {
                let session = |(id, path): (&String, &String)| json!({"id": id, "state": "read", "path": path, "query": "", "remoteAddr": "127.0.0.1:9"});
                (200, page(&self.sessions.iter().map(session).collect::<Vec<_>>(), query))
            }
            ("GET", "/v3/rtspsessions/list") => self.recorded("sessions"),
            ("POST", _) if path.starts_with("/v3/webrtcsessions/kick/") => {
                let known = self.sessions.remove(name).is_some();
                self.recorded(if known { "replace" } else { "delete_again" })
            }
            ("POST", _) if path.starts_with("/v3/config/paths/replace/") => {
                let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
                    return self.recorded("refused");
                };
                if self.mood != Mood::Lies {
                    self.paths.insert(name.to_owned(), fields);
                }
                self.recorded("replace")
            }
            ("DELETE", _) if path.starts_with("/v3/config/paths/delete/") => {
                let known = self.mood == Mood::Lies || self.paths.remove(name).is_some();
                self.recorded(if known { "delete" } else { "delete_again" })
            }
            _ => (404, "404 page not found".to_owned()),
        }
    }

    /// A path as a real one lists it: every field.
    fn listed(&self, name: &str, fields: &Map<String, Value>) -> Value {
        let mut path = self.recorded["defaults"]["body"].clone();
        path["name"] = json!(name);
        for (field, value) in fields {
            path[field] = value.clone();
        }
        path
    }
}

/// One page of a list, in the manner of both generations: `page` counts from 0.
fn page(items: &[Value], query: &str) -> String {
    let asked = |name: &str, default: usize| {
        let members = query.split('&').filter_map(|member| member.split_once('='));
        members.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok()).unwrap_or(default)
    };
    let (number, size) = (asked("page", 0), asked("itemsPerPage", 100));
    let shown: Vec<&Value> = items.iter().skip(number * size).take(size).collect();
    json!({"itemCount": items.len(), "pageCount": items.len().div_ceil(size), "items": shown}).to_string()
}
