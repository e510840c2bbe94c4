//! The HTTP side: every route, and what is asked of every request. What JSON-RPC means is `rpc`'s
//! business, what lies in a folder the Controller's.

mod conditions;
mod credentials;
mod files;
mod guard;
mod health;
mod metrics;
mod picture;
mod query;
mod range;
mod refusal;
mod rpc;
mod upgrade;

use std::sync::Arc;

use axum::{
    Extension, Router,
    http::StatusCode,
    middleware,
    routing::{MethodRouter, any, get, post},
};
use tokio::sync::Semaphore;

use crate::{app::App, security::Folder};
pub use range::fuzz as fuzz_range;
use refusal::refusal;

/// Downloads at once: each holds an open file.
const MAX_DOWNLOADS: usize = 64;
/// Long bodies read at once for callers who showed who they are: each may be as long as a message.
const MAX_BODIES: usize = 48;
/// And for others, whose credential may lie in the body: who only half sends theirs keeps no place from a
/// caller who is known.
const MAX_STRANGERS_BODIES: usize = 16;
/// Pictures made at once for those who keep none.
const MAX_PICTURES: usize = 16;

/// How much may be under way at once.
pub(crate) struct Places {
    downloads: Arc<Semaphore>,
    bodies: Semaphore,
    strangers_bodies: Semaphore,
    pictures: Semaphore,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            downloads: Arc::new(Semaphore::new(MAX_DOWNLOADS)),
            bodies: Semaphore::new(MAX_BODIES),
            strangers_bodies: Semaphore::new(MAX_STRANGERS_BODIES),
            pictures: Semaphore::new(MAX_PICTURES),
        }
    }
}

fn of_folder(folder: Folder) -> MethodRouter<Arc<App>> {
    get(files::file).route_layer(Extension(folder))
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/ws", any(upgrade::upgrade))
        .route("/rpc", post(rpc::post))
        .route("/files/recordings/{filename}", of_folder(Folder::Recordings))
        .route("/files/snapshots/{filename}", of_folder(Folder::Snapshots))
        .route("/snapshot/{filename}", get(picture::picture))
        .route("/health", get(health::whole))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::page))
        .route("/openrpc.json", get(health::openrpc))
        .route("/.well-known/jwks.json", get(health::jwks))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "there is nothing here; the service is at /ws") })
        .method_not_allowed_fallback(|| async {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "this address does not know that method; see Allow")
        })
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
