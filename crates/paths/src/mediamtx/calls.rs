//! The calls of MediaMTX's control API that we make, with types. No global PATCH is among them: one restarts
//! its listeners, and what cannot be applied ends the whole server.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    client::{Client, Failure},
    wire::{Global, Info, Page, PathConf, Running, Session},
};

/// Items of one page.
const PAGE: usize = 500;
/// Most pages read of one list.
const MAX_PAGES: u32 = 20;

/// The kinds of viewers' sessions that can be ended; not every version or configuration has each.
pub(super) const SESSION_KINDS: [&str; 5] =
    ["rtspsessions", "rtspssessions", "webrtcsessions", "hlssessions", "moqsessions"];

impl Client {
    /// Its version; `None`: one before 1.15.2, which does not tell.
    pub(super) async fn version(&mut self) -> Result<Option<String>, Failure> {
        match self.get::<Info>("/v3/info").await {
            Ok(info) => Ok(Some(info.version)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn global(&mut self) -> Result<Global, Failure> {
        self.get("/v3/config/global/get").await
    }

    /// What a path is where its own configuration says nothing.
    pub(super) async fn defaults(&mut self) -> Result<PathConf, Failure> {
        self.get("/v3/config/pathdefaults/get").await
    }

    /// All configured paths.
    pub(super) async fn configured(&mut self) -> Result<Vec<PathConf>, Failure> {
        self.list("/v3/config/paths/list").await
    }

    /// All paths as they run.
    pub(super) async fn running(&mut self) -> Result<Vec<Running>, Failure> {
        self.list("/v3/paths/list").await
    }

    /// Viewers' sessions of one kind; none where there is no such kind.
    pub(super) async fn sessions(&mut self, kind: &str) -> Result<Vec<Session>, Failure> {
        match self.list(&format!("/v3/{kind}/list")).await {
            Err(Failure::NotFound) => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// Ends a viewer's session; one that has ended by itself is as good.
    pub(super) async fn kick(&mut self, kind: &str, id: &str) -> Result<(), Failure> {
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(Failure::Nonsense("a session's id is none".into()));
        }
        self.write(Method::POST, &format!("/v3/{kind}/kick/{id}")).await
    }

    /// Makes a path so, whatever it was. (A rejected PATCH would block all later changes in 1.16 to 1.20.)
    pub(super) async fn replace(&mut self, name: &str, body: PathConf) -> Result<(), Failure> {
        let body = Value::Object(body).to_string().into_bytes();
        self.call(Method::POST, &format!("/v3/config/paths/replace/{name}"), Some(body)).await?;
        Ok(())
    }

    /// Takes a path away; one that is gone is as good.
    pub(super) async fn delete(&mut self, name: &str) -> Result<(), Failure> {
        self.write(Method::DELETE, &format!("/v3/config/paths/delete/{name}")).await
    }

    /// Makes it fetch our public keys anew.
    pub(super) async fn refresh_keys(&mut self) -> Result<(), Failure> {
        self.write(Method::POST, "/v3/auth/jwks/refresh").await
    }

    async fn write(&mut self, method: Method, path: &str) -> Result<(), Failure> {
        match self.call(method, path, None).await {
            Ok(_) | Err(Failure::NotFound) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn list<T: DeserializeOwned>(&mut self, path: &str) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        for page in 0..MAX_PAGES {
            let Page { page_count, items } =
                self.get(&format!("{path}?itemsPerPage={PAGE}&page={page}")).await?;
            all.extend(items);
            if page + 1 >= page_count {
                return Ok(all);
            }
        }
        Err(Failure::Nonsense(format!("{path}: more than {MAX_PAGES} pages")))
    }
}
